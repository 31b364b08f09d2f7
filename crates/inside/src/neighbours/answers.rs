//! How often a host's requests for our Ethernet address are answered.

/// One that asks more often is answered at this pace.
const ANSWER_US: u64 = 100_000;

/// When the next answer may leave.
#[derive(Default, Debug)]
pub(super) struct Answers {
    next_us: u64,
}

impl Answers {
    /// Whether a request that comes now is answered.
    pub(super) fn take(&mut self, now_us: u64) -> bool {
        let may_be = now_us >= self.next_us;
        if may_be {
            self.next_us = now_us.saturating_add(ANSWER_US);
        }
        may_be
    }
}
