//! What a source said once, and what that says about other times.

/// How wrong the processor's counter may be, by which everything here counts, in millionths: its frequency is
/// measured for a moment at the start, against the firmware's clock, by a processor that an emulator on a busy host may take
/// away meanwhile.
pub const DRIFT_PPM: u64 = 100_000;
/// How far the counter may stray from the rate that was found, in millionths: with temperature, and over the years.
pub const WANDER_PPM: u64 = 100;

const PPB: i128 = 1_000_000_000;
/// A shorter time says nothing about the rate.
const RATE_US_MIN: u64 = 1_000_000;

/// That it was `utc_us` at `uptime_us`, give or take `uncertainty_us`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Microseconds since the kernel started.
    pub uptime_us: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub utc_us: u64,
    /// How far off that may be.
    pub uncertainty_us: u64,
}

impl Sample {
    /// The same statement about another time, by a counter that goes at `rate`.
    #[must_use]
    pub fn at(&self, uptime_us: u64, rate: Rate) -> Self {
        let span_us = i128::from(uptime_us) - i128::from(self.uptime_us);
        let utc_us = i128::from(self.utc_us) + span_us + span_us * i128::from(rate.offset_ppb) / PPB;
        let grown_us = rate.drift_us(uptime_us.abs_diff(self.uptime_us));
        Self {
            uptime_us,
            utc_us: u64::try_from(utc_us.max(0)).unwrap_or(u64::MAX),
            uncertainty_us: self.uncertainty_us.saturating_add(grown_us),
        }
    }

    /// Whether both can be true.
    #[must_use]
    pub fn agrees(&self, other: &Self, rate: Rate) -> bool {
        let here = self.at(other.uptime_us, rate);
        let apart_us = here.utc_us.abs_diff(other.utc_us);
        apart_us <= here.uncertainty_us.saturating_add(other.uncertainty_us)
    }

    /// The one that says more about the time of `newer`.
    #[must_use]
    pub fn or_better(self, newer: Self, rate: Rate) -> Self {
        if self.at(newer.uptime_us, rate).uncertainty_us < newer.uncertainty_us { self } else { newer }
    }
}

/// How much time passes while the counter says that a second does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// So many billionths more than a second.
    offset_ppb: i64,
    /// Give or take so many.
    error_ppb: u64,
}

impl Rate {
    /// Before anything was found: a second, give or take [`DRIFT_PPM`].
    pub const UNKNOWN: Self = Self { offset_ppb: 0, error_ppb: DRIFT_PPM * 1000 };

    /// The rate by which both samples are true, or this one if that is known better. One that no counter has is not believed.
    #[must_use]
    pub fn or_better(self, first: &Sample, last: &Sample) -> Self {
        let Some(span_us) = last.uptime_us.checked_sub(first.uptime_us).filter(|&span| span >= RATE_US_MIN)
        else {
            return self;
        };
        let span_us = i128::from(span_us);
        let more_us = i128::from(last.utc_us) - i128::from(first.utc_us) - span_us;
        let offset_ppb = more_us * PPB / span_us;
        let unsure_us = i128::from(first.uncertainty_us) + i128::from(last.uncertainty_us);
        // Divisions are rounded, hence the last.
        let error_ppb = unsure_us * PPB / span_us + i128::from(WANDER_PPM) * 1000 + 2;
        let is_possible = offset_ppb.abs() <= i128::from(DRIFT_PPM) * 1000;
        match (i64::try_from(offset_ppb), u64::try_from(error_ppb)) {
            (Ok(offset_ppb), Ok(error_ppb)) if is_possible && error_ppb < self.error_ppb => {
                Self { offset_ppb, error_ppb }
            }
            _ => self,
        }
    }

    /// How far off the counter may be after so long.
    #[must_use]
    pub fn drift_us(self, elapsed_us: u64) -> u64 {
        let drift_us = (u128::from(elapsed_us) * u128::from(self.error_ppb)).div_ceil(PPB as u128);
        u64::try_from(drift_us).unwrap_or(u64::MAX)
    }
}
