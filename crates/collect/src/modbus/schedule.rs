//! When one read is due: a fixed grid in time that neither load nor outages shift.

/// The grid of one read, and whether a poll of it waits to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    period_us: u64,
    /// The next time on the grid that has not come yet.
    next_us: u64,
    /// Since when a poll waits.
    waiting_since_us: Option<u64>,
}

impl Schedule {
    /// A grid that starts at `start_us`. A period of 0 counts as one millisecond.
    pub(super) fn new(period_ms: u32, start_us: u64) -> Self {
        Self { period_us: u64::from(period_ms.max(1)) * 1000, next_us: start_us, waiting_since_us: None }
    }

    pub(super) const fn next_at(&self) -> u64 {
        self.next_us
    }

    pub(super) const fn waiting_since(&self) -> Option<u64> {
        self.waiting_since_us
    }

    /// Passes the times on the grid up to `uptime_us`. The first makes a poll wait unless one waits
    /// or is `under_way` already. Returns how many polls were skipped.
    pub(super) fn advance(&mut self, uptime_us: u64, under_way: bool) -> u64 {
        let Some(late_us) = uptime_us.checked_sub(self.next_us) else {
            return 0;
        };
        let passed = late_us / self.period_us + 1;
        let first_us = self.next_us;
        self.next_us = first_us.saturating_add(passed.saturating_mul(self.period_us));
        if under_way || self.waiting_since_us.is_some() {
            return passed;
        }
        self.waiting_since_us = Some(first_us);
        passed - 1
    }

    /// The waiting poll has been sent.
    pub(super) fn sent(&mut self) {
        self.waiting_since_us = None;
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn polls_keep_their_phase_and_late_ones_are_skipped() {
        let mut schedule = Schedule::new(10, 5_000);
        assert_eq!((schedule.advance(4_999, false), schedule.waiting_since()), (0, None));
        assert_eq!((schedule.advance(5_300, false), schedule.waiting_since()), (0, Some(5_000)));
        assert_eq!(schedule.next_at(), 15_000);
        // Overdue: it came due again before it was sent.
        assert_eq!((schedule.advance(15_000, false), schedule.waiting_since()), (1, Some(5_000)));
        schedule.sent();
        // Under way, and the caller overslept: 25 000, 35 000 and 45 000 have passed.
        assert_eq!((schedule.advance(54_999, true), schedule.waiting_since()), (3, None));
        assert_eq!((schedule.advance(65_000, false), schedule.waiting_since()), (1, Some(55_000)));
        assert_eq!(schedule.next_at(), 75_000);
    }

    #[test]
    fn the_end_of_time_is_no_special_case() {
        let mut schedule = Schedule::new(u32::MAX, 0);
        schedule.advance(u64::MAX, false);
        schedule.advance(u64::MAX, false);
        assert_eq!(schedule.next_at(), u64::MAX);
    }
}
