//! How full the history is while the outside link is down, as the inside can know it: an upper bound.
//!
//! The outside half may tell the inside nothing. But every record that it keeps came from here, so what was written
//! into the ring since the link was last seen up is at least what waits. A class's history is kept in segments of
//! [`HISTORY_SEGMENT_BYTES`], and the one that was being filled when the link was lost may be the next to go; all
//! others are sure to hold what came after, less what a message leaves unused at a segment's end.
//!
//! When the link is back, what waited is sent again at the history's share of the pace. Half of that, less parity, is
//! counted on; until so much could have left, what is written adds up further, since it displaces what waits.

use noreturn_image_format::Config;
use noreturn_image_format::config::link::{HISTORY_SEGMENT_BYTES, Link};
use noreturn_wire::Class;
use noreturn_wire::frame::SHARD_BYTES_MAX;

const CLASSES: usize = 3;
/// The history stores a length before each message.
const LENGTH_BYTES: u64 = 2;
const SEGMENT_BYTES: u64 = HISTORY_SEGMENT_BYTES as u64;
/// What a message that does not fit leaves unused at the end of a segment, at most.
const UNUSED_BYTES_MAX: u64 = SHARD_BYTES_MAX as u64 + LENGTH_BYTES;

/// More waits than the history is sure to hold.
pub const OVERFLOWING_PERCENT: u16 = 101;

/// What may wait for the outside link.
#[derive(Clone, Debug)]
pub struct Backlog {
    /// Per class, what its history is sure to hold, in bytes.
    sure_bytes: [u64; CLASSES],
    /// Per class, bytes written since the link was last seen up, or since the last time that nothing waited.
    written_bytes: [u64; CLASSES],
    /// Bytes that still have to leave, of those that waited.
    waiting_bytes: u64,
    /// Bytes of history that are counted on to leave in a second.
    drain_bytes_per_s: u64,
    looked_at_us: u64,
    link_up: bool,
}

impl Backlog {
    /// Nothing waits.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let Link { alarm, telemetry, bulk, history, rate_bytes_per_s, .. } = &config.link;
        let blocks = history.blocks;
        let (data, parity) = (u64::from(blocks.data_shards), u64::from(blocks.parity_shards));
        let copies = config.outside.destinations.len().max(1) as u64;
        let share_bytes_per_s = rate_bytes_per_s / 1000 * u64::from(history.share_per_mille) / copies;
        Self {
            sure_bytes: [alarm, telemetry, bulk].map(|class| sure_bytes(class.history_bytes_max)),
            written_bytes: [0; CLASSES],
            waiting_bytes: 0,
            drain_bytes_per_s: share_bytes_per_s / 2 * data / (data + parity).max(1),
            looked_at_us: 0,
            link_up: true,
        }
    }

    /// Counts a message that was written into the ring to be kept.
    pub fn wrote(&mut self, class: Class, message_bytes: usize) {
        if let Some(written) = self.written_bytes.get_mut(class as usize) {
            *written = written.saturating_add(message_bytes as u64 + LENGTH_BYTES);
        }
    }

    /// Whether the link was up at the last look.
    #[must_use]
    pub const fn link_up(&self) -> bool {
        self.link_up
    }

    /// Takes the link as it is seen now.
    pub fn look(&mut self, now_us: u64, link_up: bool) {
        let elapsed_us = now_us.saturating_sub(self.looked_at_us);
        self.looked_at_us = now_us;
        if !link_up {
            self.link_up = false;
            return;
        }
        if !self.link_up {
            // The pass over what waited starts with the segments in which the link was lost.
            self.waiting_bytes = self.written_bytes.iter().map(|bytes| bytes + SEGMENT_BYTES).sum();
        } else {
            let left_us = u128::from(self.drain_bytes_per_s) * u128::from(elapsed_us) / 1_000_000;
            let left = u64::try_from(left_us).unwrap_or(u64::MAX);
            self.waiting_bytes = self.waiting_bytes.saturating_sub(left);
        }
        self.link_up = true;
        if self.waiting_bytes == 0 {
            self.written_bytes = [0; CLASSES];
        }
    }

    /// What waits, in hundredths of what the fullest history is sure to hold; [`OVERFLOWING_PERCENT`] if it is more.
    /// While the link is up and nothing waits, 0.
    #[must_use]
    pub fn percent(&self) -> u16 {
        if self.link_up && self.waiting_bytes == 0 {
            return 0;
        }
        let percent = |(written, sure): (&u64, &u64)| match (written, sure) {
            (0, _) => 0,
            (written, sure) if written > sure => OVERFLOWING_PERCENT,
            (written, sure) => u16::try_from(u128::from(*written) * 100 / u128::from(*sure)).unwrap_or(100),
        };
        self.written_bytes.iter().zip(&self.sure_bytes).map(percent).max().unwrap_or(0)
    }
}

/// What a history of so many bytes is sure to hold of what comes after a given moment.
fn sure_bytes(history_bytes_max: u32) -> u64 {
    let segments = u64::from(history_bytes_max.div_ceil(HISTORY_SEGMENT_BYTES));
    segments.saturating_sub(1) * (SEGMENT_BYTES - UNUSED_BYTES_MAX)
}
