//! The pace: a token bucket, so that a stock receiver is never overrun.

/// A token bucket, kept as time: every byte costs its share of a second.
#[derive(Debug)]
pub(super) struct Pacer {
    rate_bytes_per_s: u64,
    burst_us: u64,
    /// The time at which everything spent so far is paid for, counted so that the first burst is free.
    paid_us: u64,
    /// Byte-microseconds spent that do not make a whole microsecond yet.
    remainder: u64,
}

const US_PER_S: u64 = 1_000_000;

impl Pacer {
    pub(super) fn new(rate_bytes_per_s: u64, burst_bytes: u64) -> Self {
        let rate_bytes_per_s = rate_bytes_per_s.max(1);
        let burst_us = burst_bytes.saturating_mul(US_PER_S) / rate_bytes_per_s;
        Self { rate_bytes_per_s, burst_us, paid_us: 0, remainder: 0 }
    }

    /// Whether a frame may leave now.
    pub(super) fn allows(&mut self, now_us: u64) -> bool {
        // A long silence earns one burst, not more.
        self.paid_us = self.paid_us.max(now_us);
        self.ready_us() <= now_us
    }

    /// When the next frame may leave.
    pub(super) const fn ready_us(&self) -> u64 {
        self.paid_us.saturating_sub(self.burst_us)
    }

    pub(super) fn spend(&mut self, bytes: u64) {
        let cost = bytes * US_PER_S + self.remainder;
        self.paid_us += cost / self.rate_bytes_per_s;
        self.remainder = cost % self.rate_bytes_per_s;
    }
}
