//! Limits of a receiver.

/// Limits of a [`crate::Receiver`]; all its memory follows from them.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverConfig {
    /// How long a record or a step of a stream waits for the ones before it; then they are a gap.
    pub hold_us: u64,
    /// Bytes of shards that a session keeps for recovery, for each class, with what it takes to keep them.
    pub shard_bytes_max: usize,
    /// Records and steps of streams that a session holds back while earlier ones are missing.
    pub held_records_max: usize,
    /// Bytes of the streams among them.
    pub held_bytes_max: usize,
    /// Sources that a session may have: their numbers are below this.
    pub sources_max: usize,
    /// Boots of one diode that are followed at once; the one unheard for longest ends first.
    pub sessions_per_diode_max: usize,
    /// Missing ranges that are remembered of each source and each stream, to be filled later.
    pub gaps_max: usize,
    /// Ended boots that are remembered of each diode, to be refused.
    pub boots_max: usize,
    /// Streams that a session follows at once; the one idle for longest goes first.
    pub streams_max: usize,
    /// Files that a session receives at once; the one idle for longest goes first.
    pub files_max: usize,
    /// Ranges of received bytes that are remembered of each file.
    pub file_extents_max: usize,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            hold_us: 300_000,
            shard_bytes_max: 4 << 20,
            held_records_max: 65_536,
            held_bytes_max: 4 << 20,
            sources_max: 4096,
            sessions_per_diode_max: 4,
            gaps_max: 64,
            boots_max: 1024,
            streams_max: 256,
            files_max: 16,
            file_extents_max: 1024,
        }
    }
}
