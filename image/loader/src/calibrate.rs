//! How fast the time stamp counter runs, by the power management timer, whose rate is fixed (ACPI 6.5, section 4.8.3.3).

use noreturn_acpi::PmTimer;

/// Both counters at one moment: the timer was read between the two time stamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Time stamp before.
    pub before: u64,
    /// Ticks of the timer.
    pub ticks: u32,
    /// Time stamp after.
    pub after: u64,
}

/// A counter below 100 MHz or above 65 GHz is none.
const KHZ: core::ops::RangeInclusive<u64> = 100_000..=65_000_000;
/// Fewer ticks than in 1 ms say too little.
const TICKS_MIN: u32 = (PmTimer::HZ / 1000) as u32;

impl Reading {
    /// The moment that is known best of several readings in a row: whatever interrupts one widens it.
    pub fn narrowest(readings: impl IntoIterator<Item = Self>) -> Option<Self> {
        readings.into_iter().min_by_key(|reading| reading.after.saturating_sub(reading.before))
    }

    fn middle(&self) -> u64 {
        self.before + self.after.saturating_sub(self.before) / 2
    }
}

/// Frequency of the time stamp counter in kHz from two moments less than 4.6 s apart; `None` if the timer stands still, or
/// says what cannot be.
#[must_use]
pub fn tsc_khz(first: &Reading, last: &Reading) -> Option<u64> {
    let ticks = PmTimer::ticks(first.ticks, last.ticks);
    let stamps = last.middle().checked_sub(first.middle())?;
    let khz = u128::from(stamps) * u128::from(PmTimer::HZ) / (u128::from(ticks.max(1)) * 1000);
    u64::try_from(khz).ok().filter(|khz| ticks >= TICKS_MIN && KHZ.contains(khz))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MHZ: u64 = 2400;

    /// Both counters `microseconds` after the start, if reading the timer took `delay_us`.
    fn at(microseconds: u64, delay_us: u64) -> Reading {
        let ticks = (microseconds * PmTimer::HZ / 1_000_000) as u32 & 0x00ff_ffff;
        let before = (1_000_000 + microseconds - delay_us / 2) * MHZ;
        Reading { before, ticks, after: before + delay_us * MHZ }
    }

    #[test]
    fn the_rate_is_found_to_a_hundredth_of_a_percent() {
        for (start, microseconds) in [(0, 20_000), (4_680_000, 20_000), (7, 3_000_000)] {
            let khz = tsc_khz(&at(start, 2), &at(start + microseconds, 2)).expect("a rate");
            assert!(khz.abs_diff(MHZ * 1000) < MHZ / 10, "{start} {microseconds}: {khz}");
        }
    }

    #[test]
    fn readings_that_were_interrupted_do_not_count() {
        let interrupted = Reading { before: at(0, 2).before - 900_000, ..at(0, 2) };
        let best = Reading::narrowest([interrupted, at(30, 2), at(40, 50)]);
        assert_eq!(best, Some(at(30, 2)));
        assert_eq!(Reading::narrowest([]), None);
    }

    #[test]
    fn a_timer_that_does_not_run_is_not_believed() {
        let stuck = Reading { ticks: at(0, 2).ticks, ..at(20_000, 2) };
        assert_eq!(tsc_khz(&at(0, 2), &stuck), None);
        assert_eq!(tsc_khz(&at(0, 2), &at(900, 2)), None, "too short");
        assert_eq!(tsc_khz(&at(20_000, 2), &at(0, 2)), None, "backwards");
        let slow = Reading { ticks: at(3_000_000, 2).ticks, ..at(20_000, 2) };
        assert_eq!(tsc_khz(&at(0, 2), &slow), None, "a counter of 16 MHz");
    }
}
