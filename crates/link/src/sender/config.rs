//! What a sender is told: the pace, the classes, the history, and how much memory all that takes.

use noreturn_fec::Geometry;
use noreturn_wire::frame::{SHARD_BYTES_MAX, SHARD_LENGTH_BYTES};
use noreturn_wire::{DiodeId, Suite};

use super::lane::WAITING;

/// What a [`crate::Sender`] needs to know.
#[derive(Clone, Debug)]
pub struct SenderConfig {
    /// Who sends.
    pub diode: DiodeId,
    /// What seals its frames.
    pub suite: Suite,
    /// Pace in bytes per second, counting Ethernet, IP and UDP headers.
    pub rate_bytes_per_s: u64,
    /// Burst that the pace allows, in bytes.
    pub burst_bytes: u64,
    /// How many destinations get a copy of every frame.
    pub copies: u64,
    /// Alarms, which go first.
    pub alarm: ClassConfig,
    /// Ordinary measurements.
    pub telemetry: ClassConfig,
    /// Streams and files.
    pub bulk: ClassConfig,
    /// What is sent again.
    pub history: HistoryConfig,
}

/// How the blocks of one class are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockConfig {
    /// Shape of a full block.
    pub geometry: Geometry,
    /// Parity shards of a block with a single data shard; a straight line leads from here to the full block.
    pub parity_min: u8,
    /// A block closes at the latest this long after its last data shard.
    pub latency_us_max: u64,
    /// Time over which the shards of a block are spread when there is enough to send. A shorter loss than `parity
    /// shards / all shards` of this costs nothing. 0 makes one block after the other.
    pub span_us: u64,
    /// Blocks under construction at once, at most; each takes its parity in memory, and three shards more.
    pub blocks_max: usize,
}

/// One class of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClassConfig {
    /// How its blocks are made.
    pub blocks: BlockConfig,
    /// Its part of the link when others want it too, relative to their weights.
    pub weight: u32,
    /// Bytes of messages that may wait.
    pub queue_bytes_max: usize,
    /// Bytes of messages that are kept to be sent again; 0 keeps none.
    pub history_bytes_max: usize,
}

/// Sending again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryConfig {
    /// How its blocks are made.
    pub blocks: BlockConfig,
    /// Its part of the link, in thousandths; never more, and never less if it has something to send.
    pub share_per_mille: u32,
    /// What goes first.
    pub order: HistoryOrder,
    /// A pass starts at the earliest this long after the one before.
    pub interval_us: u64,
}

/// What a pass over the history starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HistoryOrder {
    /// The oldest that is kept.
    OldestFirst,
    /// The newest; within a segment of [`SEGMENT_BYTES`] still in the order of sending.
    NewestFirst,
}

/// Bytes of one segment of the history; a whole number of them is kept.
pub const SEGMENT_BYTES: usize = 64 << 10;

impl SenderConfig {
    /// The defaults for `diode` at `rate_bytes_per_s`.
    #[must_use]
    pub fn new(diode: DiodeId, rate_bytes_per_s: u64) -> Self {
        Self {
            diode,
            suite: Suite::default(),
            rate_bytes_per_s,
            burst_bytes: 65_536,
            copies: 1,
            alarm: ClassConfig::ALARM,
            telemetry: ClassConfig::TELEMETRY,
            bulk: ClassConfig::BULK,
            history: HistoryConfig::DEFAULT,
        }
    }

    /// The three classes that have queues, in wire order.
    pub(crate) const fn classes(&self) -> [&ClassConfig; 3] {
        [&self.alarm, &self.telemetry, &self.bulk]
    }

    /// Bytes of memory that a sender takes, all of them when it is made: parity of all blocks, queues, histories, and
    /// the factors of the codes.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        let classes = self.classes().into_iter();
        let queues: usize = classes
            .map(|class| class.blocks.bytes_max() + class.queue_bytes_max + class.history_bytes())
            .sum();
        queues + self.history.blocks.bytes_max()
    }
}

impl BlockConfig {
    /// Bytes of all blocks under construction, and of the factors that they share.
    fn bytes_max(&self) -> usize {
        let (data, parity) = (usize::from(self.geometry.data()), usize::from(self.geometry.parity()));
        let row_bytes = (SHARD_LENGTH_BYTES + SHARD_BYTES_MAX).next_multiple_of(64);
        self.blocks_max.max(1) * ((parity + WAITING) * row_bytes + 384) + data * parity + 4096
    }

    /// Parity shards for a block that was closed with `sent` data shards, at least one.
    pub(crate) fn parity_for(&self, sent: u8) -> u8 {
        let (data, parity) = (u32::from(self.geometry.data()), u32::from(self.geometry.parity()));
        let least = u32::from(self.parity_min).clamp(1, parity.max(1)).min(parity);
        let steps = data.saturating_sub(1).max(1);
        let more = ((parity - least) * u32::from(sent.saturating_sub(1))).div_ceil(steps);
        if u32::from(sent) >= data { self.geometry.parity() } else { (least + more) as u8 }
    }

    /// Time from one shard of a block to the next, when there is enough to send.
    pub(crate) fn spacing_us(&self) -> u64 {
        self.span_us / self.shards()
    }

    /// Shards of a full block.
    pub(crate) fn shards(&self) -> u64 {
        u64::from(self.geometry.data()) + u64::from(self.geometry.parity())
    }

    /// A block takes data for so long at most.
    pub(crate) fn data_span_us(&self) -> u64 {
        (self.spacing_us() * u64::from(self.geometry.data())).max(self.latency_us_max)
    }
}

impl ClassConfig {
    /// Few and urgent: doubled from the first, little spread.
    pub const ALARM: Self = Self {
        blocks: BlockConfig {
            geometry: geometry(8, 8),
            parity_min: 3,
            latency_us_max: 5_000,
            span_us: 100_000,
            blocks_max: 16,
        },
        weight: 8,
        queue_bytes_max: 256 << 10,
        history_bytes_max: 1 << 20,
    };
    /// Survives 5 % of random loss together with bursts of 100 frames at 8,000 frames/s, for 40 % of overhead.
    pub const TELEMETRY: Self = Self {
        blocks: BlockConfig {
            geometry: geometry(46, 16),
            parity_min: 3,
            latency_us_max: 20_000,
            span_us: 200_000,
            blocks_max: 64,
        },
        weight: 4,
        queue_bytes_max: 1 << 20,
        history_bytes_max: 16 << 20,
    };
    /// As much as possible: 16 % of overhead. No more blocks at once than a receiver with its defaults keeps.
    pub const BULK: Self = Self {
        blocks: BlockConfig {
            geometry: geometry(100, 16),
            parity_min: 3,
            latency_us_max: 20_000,
            span_us: 200_000,
            blocks_max: 32,
        },
        weight: 1,
        queue_bytes_max: 1 << 20,
        history_bytes_max: 4 << 20,
    };
}

impl HistoryConfig {
    /// A twentieth of the link, newest first, a pass every ten seconds at most.
    pub const DEFAULT: Self = Self {
        blocks: BlockConfig {
            geometry: geometry(40, 8),
            parity_min: 1,
            latency_us_max: 20_000,
            span_us: 200_000,
            blocks_max: 16,
        },
        share_per_mille: 50,
        order: HistoryOrder::NewestFirst,
        interval_us: 10_000_000,
    };
}

impl ClassConfig {
    /// Bytes of history that are really kept: whole segments, and two at least.
    pub(crate) const fn history_bytes(&self) -> usize {
        self.history_segments() * SEGMENT_BYTES
    }

    pub(crate) const fn history_segments(&self) -> usize {
        match self.history_bytes_max.div_ceil(SEGMENT_BYTES) {
            0 => 0,
            1 => 2,
            segments => segments,
        }
    }
}

/// A constant geometry; a wrong one does not compile.
const fn geometry(data: u8, parity: u8) -> Geometry {
    match Geometry::new(data, parity) {
        Ok(geometry) => geometry,
        Err(_) => panic!("no such code"),
    }
}
