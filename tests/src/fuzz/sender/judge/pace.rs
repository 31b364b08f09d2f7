//! The pace, kept exactly.

/// Ethernet, IPv4 and UDP headers.
const HEADERS_BYTES: u64 = 42;
const US_PER_S: u128 = 1_000_000;

/// A bucket, kept as what was sent and is not paid for yet, in bytes times microseconds per second.
pub(super) struct Pace {
    rate: u128,
    burst: u128,
    copies: u128,
    debt: u128,
    last_us: u64,
}

impl Pace {
    pub(super) fn new(rate_bytes_per_s: u64, burst_bytes: u64, copies: u64) -> Self {
        Self {
            rate: rate_bytes_per_s.max(1).into(),
            burst: u128::from(burst_bytes) * US_PER_S,
            copies: copies.max(1).into(),
            debt: 0,
            last_us: 0,
        }
    }

    /// A frame has left: it must have been allowed, but for what the sender rounds.
    pub(super) fn spend(&mut self, now_us: u64, frame_bytes: usize) {
        assert!(self.debt_at(now_us) <= self.burst + 2 * self.rate, "faster than the pace");
        self.charge(now_us, frame_bytes);
    }

    /// A frame has left that need not wait.
    pub(super) fn charge(&mut self, now_us: u64, frame_bytes: usize) {
        self.debt = self.debt_at(now_us);
        self.last_us = now_us;
        self.debt += (frame_bytes as u128 + u128::from(HEADERS_BYTES)) * self.copies * US_PER_S;
    }

    /// Whether a frame may certainly leave.
    pub(super) fn allows(&self, now_us: u64) -> bool {
        let debt = self.debt_at(now_us);
        debt == 0 || debt + 2 * self.rate <= self.burst
    }

    fn debt_at(&self, now_us: u64) -> u128 {
        self.debt.saturating_sub(u128::from(now_us - self.last_us) * self.rate)
    }
}
