//! What a source said once, and how long that is good for.

/// How far the processor's counter, by which everything here counts, may be off: in millionths.
///
/// Its frequency is measured against the firmware's clock and used in whole MHz, which alone may be 500 millionths of 1 GHz.
pub const DRIFT_PPM: u64 = 1000;

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
    /// The same statement about another time: UTC moves with the counter, and the uncertainty grows by [`DRIFT_PPM`].
    #[must_use]
    pub const fn at(&self, uptime_us: u64) -> Self {
        let utc_us = if uptime_us < self.uptime_us {
            self.utc_us.saturating_sub(self.uptime_us - uptime_us)
        } else {
            self.utc_us.saturating_add(uptime_us - self.uptime_us)
        };
        let grown_us = drift_us(uptime_us.abs_diff(self.uptime_us));
        Self { uptime_us, utc_us, uncertainty_us: self.uncertainty_us.saturating_add(grown_us) }
    }

    /// Whether both can be true.
    #[must_use]
    pub const fn agrees(&self, other: &Self) -> bool {
        let here = self.at(other.uptime_us);
        let apart_us = here.utc_us.abs_diff(other.utc_us);
        apart_us <= here.uncertainty_us.saturating_add(other.uncertainty_us)
    }

    /// The one that says more about the time of `newer`.
    #[must_use]
    pub const fn or_better(self, newer: Self) -> Self {
        if self.at(newer.uptime_us).uncertainty_us < newer.uncertainty_us { self } else { newer }
    }
}

/// What the counter may be off after so long, rounded up.
pub(crate) const fn drift_us(elapsed_us: u64) -> u64 {
    let (seconds, rest_us) = (elapsed_us / 1_000_000, elapsed_us % 1_000_000);
    seconds * DRIFT_PPM + (rest_us * DRIFT_PPM).div_ceil(1_000_000)
}
