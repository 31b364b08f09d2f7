//! How much memory a receiver takes at most, from its limits; `tests/receiver_memory.rs` keeps it true.

use alloc::collections::VecDeque;

use noreturn_wire::frame::{PAYLOAD_BYTES_MAX, SHARD_LENGTH_BYTES};
use noreturn_wire::object::{OBJECT_NAME_BYTES_MAX, PART_BYTES_MAX};
use noreturn_wire::{BootId, Class, DiodeId, FileId, Record, SourceId, StreamId};

use super::blocks::{BLOCKS_MAX, Block, SHARD_COST_BYTES};
use super::decoders::DECODERS_MAX;
use super::files::{self, File};
use super::keys::Keys;
use super::sequence::{Held, Sequence};
use super::session::Session;
use super::streams::{self, Stream};
use super::{ReceiverConfig, SessionId, StreamEvent};

/// The decoder of the largest code: its factors, 16 patterns of losses, and the shards that it recovers last.
const DECODER_BYTES_MAX: usize = 1 << 20;
/// One shard with what it takes to keep it.
const SHARD_BYTES: usize = SHARD_LENGTH_BYTES + PAYLOAD_BYTES_MAX + SHARD_COST_BYTES;
/// Shards of the largest block.
const BLOCK_SHARDS_MAX: usize = 256;
/// Entries of a full node of [`alloc::collections::BTreeMap`], and of the emptiest but for the root.
const NODE_ENTRIES: usize = 11;
const NODE_ENTRIES_MIN: usize = 5;
/// What a node has besides entries: its children, its parent, its length.
const NODE_BYTES: usize = (NODE_ENTRIES + 1) * size_of::<usize>() + 3 * size_of::<usize>();

impl ReceiverConfig {
    /// Bytes that a session takes at most, without events that were not asked for yet. Whatever it receives:
    ///
    /// - per class, shards up to the limit (or one largest block, if that is more), and 1024 blocks;
    /// - per source and per stream, its place, its missing ranges, and room for what it holds back;
    /// - what is held back, records and bytes of streams;
    /// - per file, its description and the ranges of bytes that have come;
    /// - the numbers of the streams and files that are over.
    #[must_use]
    pub const fn session_bytes_max(&self) -> usize {
        size_of::<Session>()
            .saturating_add(self.class_bytes().saturating_mul(Class::ALL.len()))
            .saturating_add(self.source_bytes())
            .saturating_add(self.stream_bytes())
            .saturating_add(self.held_bytes())
            .saturating_add(self.file_bytes())
            .saturating_add(range_bytes(streams::over_max(self)))
            .saturating_add(range_bytes(files::over_max(self)))
    }

    /// Bytes that a receiver for so many diodes takes at most, without events that were not asked for yet: all sessions,
    /// the boots that have ended, and the decoders, which all sessions share.
    #[must_use]
    pub const fn bytes_max(&self, diodes: usize) -> usize {
        let sessions = diodes.saturating_mul(at_least(self.sessions_per_diode_max, 1));
        let boots = diodes.saturating_mul(at_least(self.boots_max, 1));
        sessions
            .saturating_mul(self.session_bytes_max())
            .saturating_add(map_bytes::<SessionId, usize>(sessions))
            // The boots of a diode lie in a list that grows by doubling; each may have a mark to give.
            .saturating_add(boots.saturating_mul(2 * size_of::<BootId>()))
            .saturating_add(diodes.saturating_mul(4 * size_of::<BootId>()))
            .saturating_add(map_bytes::<SessionId, ()>(boots.saturating_add(sessions)))
            .saturating_add(map_bytes::<DiodeId, VecDeque<BootId>>(diodes))
            .saturating_add(map_bytes::<DiodeId, Keys>(diodes))
            .saturating_add(diodes.saturating_mul(Keys::BYTES_MAX))
            .saturating_add(DECODERS_MAX * DECODER_BYTES_MAX)
    }

    const fn class_bytes(&self) -> usize {
        at_least(self.shard_bytes_max, BLOCK_SHARDS_MAX * SHARD_BYTES)
            .saturating_add(SHARD_BYTES)
            .saturating_add(map_bytes::<u64, Block>(BLOCKS_MAX + 1))
    }

    const fn source_bytes(&self) -> usize {
        let each = node_bytes::<u64, Held<Record>>().saturating_add(range_bytes(self.gaps_max));
        map_bytes::<SourceId, Sequence<Record>>(self.sources_max)
            .saturating_add(each.saturating_mul(self.sources_max))
    }

    const fn stream_bytes(&self) -> usize {
        let streams = at_least(self.streams_max, 1);
        let each = node_bytes::<u64, Held<StreamEvent>>().saturating_add(range_bytes(self.gaps_max));
        map_bytes::<StreamId, Stream>(streams).saturating_add(each.saturating_mul(streams))
    }

    const fn file_bytes(&self) -> usize {
        let files = at_least(self.files_max, 1);
        let each = OBJECT_NAME_BYTES_MAX.saturating_add(range_bytes(self.file_extents_max));
        map_bytes::<FileId, File>(files).saturating_add(each.saturating_mul(files))
    }

    const fn held_bytes(&self) -> usize {
        let items = self.held_records_max.saturating_add(1);
        let records = map_bytes::<u64, Held<Record>>(items);
        at_least(records, map_bytes::<u64, Held<StreamEvent>>(items))
            .saturating_add(self.held_bytes_max)
            .saturating_add(PART_BYTES_MAX)
    }
}

/// A node of a map.
const fn node_bytes<K, V>() -> usize {
    NODE_ENTRIES * (size_of::<K>() + size_of::<V>()) + NODE_BYTES
}

/// A map whose nodes are as empty as they can be.
const fn map_bytes<K, V>(entries: usize) -> usize {
    (entries / NODE_ENTRIES_MIN).saturating_add(1).saturating_mul(node_bytes::<K, V>())
}

/// So many ranges, and one more for a moment, in a list that grows by doubling.
const fn range_bytes(ranges: usize) -> usize {
    at_least(ranges.saturating_add(1).saturating_mul(2), 4).saturating_mul(size_of::<(u64, u64)>())
}

const fn at_least(value: usize, least: usize) -> usize {
    if value < least { least } else { value }
}
