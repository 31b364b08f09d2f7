//! The pause after a failure: doubles with every failure in a row.

/// Pauses from `min_us` up to `max_us`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    min_us: u64,
    max_us: u64,
    next_us: u64,
}

impl Backoff {
    pub(super) fn new(min_ms: u32, max_ms: u32) -> Self {
        let (min_us, max_us) = (u64::from(min_ms) * 1000, u64::from(max_ms) * 1000);
        Self { min_us, max_us, next_us: min_us }
    }

    /// The pause after a failure now.
    pub(super) fn take(&mut self) -> u64 {
        let pause_us = self.next_us;
        self.next_us = pause_us.saturating_mul(2).min(self.max_us);
        pause_us
    }

    /// The device is well again.
    pub(super) fn reset(&mut self) {
        self.next_us = self.min_us;
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;

    #[test]
    fn doubles_up_to_the_longest_pause_and_starts_again_after_a_reset() {
        let mut backoff = Backoff::new(100, 500);
        let pauses_us = [(); 5].map(|()| backoff.take());
        assert_eq!(pauses_us, [100_000, 200_000, 400_000, 500_000, 500_000]);
        backoff.reset();
        assert_eq!(backoff.take(), 100_000);
    }
}
