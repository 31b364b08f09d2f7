//! How frames leave: the pace, the traffic classes, the history, and the memory that they take.

use serde::{Deserialize, Serialize};

use super::{ConfigError, require};

/// Memory that the link may take in all: see [`Link::memory_bytes`].
pub const LINK_MEMORY_BYTES_MAX: u64 = 512 << 20;
/// A history is kept in pieces of so many bytes, at least two of them.
pub const HISTORY_SEGMENT_BYTES: u32 = 64 << 10;
/// Shards of a full block at most: the elements of GF(2^8).
pub const SHARDS_MAX: u16 = 256;

/// Bytes that one parity shard takes: the largest data shard of 1398 bytes and its length, in whole blocks of 64 bytes.
const PARITY_SHARD_BYTES: u64 = 1408;
/// Data shards that wait in each block for their turn in the code, in as much room.
const WAITING_SHARDS: u64 = 3;
/// Bytes that a block takes besides its shards, and a class besides its blocks.
const BLOCK_EXTRA_BYTES: u64 = 384;
const CLASS_EXTRA_BYTES: u64 = 4096;

/// The one-way link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// What seals the frames.
    pub suite: Suite,
    /// Pace, in bytes of Ethernet frame per second.
    pub rate_bytes_per_s: u64,
    /// Burst that the pace allows, in bytes.
    pub burst_bytes: u32,
    /// Every name is announced once in this time, in milliseconds.
    pub announce_period_ms: u32,
    /// Alarms, which go first.
    pub alarm: TrafficClass,
    /// Ordinary measurements.
    pub telemetry: TrafficClass,
    /// Streams and files.
    pub bulk: TrafficClass,
    /// What is sent again.
    pub history: History,
}

/// The cipher that seals the frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Suite {
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
    /// AES-256-GCM.
    Aes256Gcm,
}

impl Suite {
    /// Name in lower case, as the site file and everything that tells it writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
            Self::Aes256Gcm => "aes-256-gcm",
        }
    }
}

/// How the blocks of one class are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Blocks {
    /// Data shards of a full block.
    pub data_shards: u8,
    /// Parity shards of a full block.
    pub parity_shards: u8,
    /// Parity shards of a block with one data shard; 0 only if a full block has none either.
    pub parity_shards_min: u8,
    /// A block closes at the latest this long after its last data shard, in milliseconds.
    pub latency_ms_max: u32,
    /// Time over which the shards of a block are spread, in milliseconds.
    pub span_ms: u32,
    /// Blocks under construction at once.
    pub blocks_max: u16,
}

/// One class of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrafficClass {
    /// How its blocks are made.
    pub blocks: Blocks,
    /// Its part of the link when others want it too, relative to their weights.
    pub weight: u16,
    /// Bytes of messages that may wait.
    pub queue_bytes_max: u32,
    /// Bytes of messages that are kept to be sent again; 0 keeps none.
    pub history_bytes_max: u32,
}

/// Sending again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct History {
    /// How its blocks are made.
    pub blocks: Blocks,
    /// Its part of the link, in thousandths; 0 sends nothing again.
    pub share_per_mille: u16,
    /// What goes first.
    pub order: HistoryOrder,
    /// A pass starts at the earliest this long after the one before, in milliseconds.
    pub interval_ms: u32,
}

/// What a pass over the history starts with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum HistoryOrder {
    /// The newest.
    NewestFirst,
    /// The oldest that is kept.
    OldestFirst,
}

impl Link {
    /// Bytes of memory that the link takes, all of them at boot: queues, histories, and the parity of the blocks
    /// under construction.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.classes().map(TrafficClass::memory_bytes).iter().sum::<u64>()
            + self.history.blocks.memory_bytes()
    }

    fn classes(&self) -> [&TrafficClass; 3] {
        [&self.alarm, &self.telemetry, &self.bulk]
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let keeps = self.classes().iter().any(|class| class.history_bytes_max > 0);
        let history = &self.history;
        require(&[
            (self.rate_bytes_per_s >= 10_000, "the link's rate is below 10000 bytes per second"),
            (self.burst_bytes >= 1514, "the link's burst is below one frame of 1514 bytes"),
            (
                (100..=3_600_000).contains(&self.announce_period_ms),
                "the announce period is not 100 ms to 1 h",
            ),
            (history.share_per_mille <= 900, "the history's share is above 900 thousandths"),
            (
                history.share_per_mille > 0 || !keeps,
                "a class keeps a history although the history's share is 0",
            ),
            (history.interval_ms >= 100, "the history's interval is below 100 ms"),
        ])?;
        history.blocks.check()?;
        self.classes().into_iter().try_for_each(TrafficClass::check)?;
        require(&[(
            self.memory_bytes() <= LINK_MEMORY_BYTES_MAX,
            "queues, histories and blocks take more than 512 MiB together",
        )])
    }
}

impl TrafficClass {
    fn memory_bytes(&self) -> u64 {
        let history = self.history_bytes_max.div_ceil(HISTORY_SEGMENT_BYTES);
        let history = u64::from(history) * u64::from(HISTORY_SEGMENT_BYTES);
        self.blocks.memory_bytes() + u64::from(self.queue_bytes_max) + history
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.blocks.check()?;
        let history = self.history_bytes_max;
        require(&[
            ((1..=1000).contains(&self.weight), "a class's weight is not 1 to 1000"),
            (self.queue_bytes_max >= 4096, "a class's queue is below 4096 bytes"),
            (
                history == 0 || history >= 2 * HISTORY_SEGMENT_BYTES,
                "a class's history is neither 0 nor at least 131072 bytes",
            ),
        ])
    }
}

impl Blocks {
    fn memory_bytes(&self) -> u64 {
        let (data, parity) = (u64::from(self.data_shards), u64::from(self.parity_shards));
        let block = (parity + WAITING_SHARDS) * PARITY_SHARD_BYTES + BLOCK_EXTRA_BYTES;
        u64::from(self.blocks_max) * block + data * parity + CLASS_EXTRA_BYTES
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (data, parity, least) = (self.data_shards, self.parity_shards, self.parity_shards_min);
        require(&[
            (data >= 1, "a block needs at least one data shard"),
            (
                u16::from(data) + u16::from(parity) <= SHARDS_MAX,
                "data and parity shards together are more than 256",
            ),
            (
                least <= parity && (least > 0 || parity == 0),
                "the parity of a small block is not 1 to that of a full one",
            ),
            ((1..=10_000).contains(&self.latency_ms_max), "a block's latency is not 1 to 10000 ms"),
            (self.span_ms <= 60_000, "a block's span is above 60000 ms"),
            ((1..=256).contains(&self.blocks_max), "a class's blocks are not 1 to 256"),
        ])
    }
}
