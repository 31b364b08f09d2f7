//! Who sends next: start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM 1996) over the classes by weight, and alarms
//! before all others as long as they are few.

/// Flows: the four classes in wire order.
pub(super) const FLOWS: usize = 4;
/// Virtual time per byte of a flow of weight 1.
const SCALE: u64 = 1 << 24;
/// Bytes of alarms that may overtake everything in one go; beyond them, alarms share like the others.
const ALARM_AHEAD_BYTES: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Share {
    /// Virtual time: where the frame that was sent last started.
    now: u128,
    /// Where the last frame of each flow ended.
    ends: [u128; FLOWS],
    weights: [u64; FLOWS],
}

impl Share {
    pub(super) fn new(weights: [u64; FLOWS]) -> Self {
        // Alarms may be that far ahead of virtual time, so that it starts there.
        let weights = weights.map(|weight| weight.clamp(1, SCALE));
        Self { now: virtual_time(ALARM_AHEAD_BYTES, 1), ends: [0; FLOWS], weights }
    }

    /// Of the flows that have something to send, the one whose turn it is.
    pub(super) fn next(&self, ready: [bool; FLOWS]) -> Option<usize> {
        (0..FLOWS).filter(|&flow| ready[flow]).min_by_key(|&flow| self.start(flow))
    }

    /// Counts a frame of `flow`.
    pub(super) fn spend(&mut self, flow: usize, bytes: u64) {
        let start = self.start(flow);
        self.now = self.now.max(start);
        self.ends[flow] = start + virtual_time(bytes, self.weights[flow]);
    }

    fn start(&self, flow: usize) -> u128 {
        let ahead = if flow == 0 { virtual_time(ALARM_AHEAD_BYTES, self.weights[0]) } else { 0 };
        self.ends[flow].max(self.now - ahead)
    }
}

/// What so many bytes cost a flow of that weight; wide enough for every byte that a box sends in its life.
fn virtual_time(bytes: u64, weight: u64) -> u128 {
    u128::from(bytes * SCALE / weight)
}
