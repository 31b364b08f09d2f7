//! Marks: the state of a receiver that must survive its restart.
//!
//! Whoever runs the receiver writes them down together with what was delivered, and gives them back in the order
//! in which they came. Each replaces what an earlier one said of the same thing.

use alloc::vec::Vec;
use core::fmt;

use noreturn_wire::{BootId, DiodeId, SourceId, StreamId};
use serde::{Deserialize, Serialize};

/// One thing that must be remembered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Mark {
    /// Frames of this boot were accepted.
    Session {
        /// The diode.
        diode: DiodeId,
        /// Its boot.
        boot: BootId,
        /// No frame with a number below this is accepted after a restart.
        frames_end: u64,
    },
    /// A lane was delivered, or reported as missing, up to here.
    Next {
        /// The diode.
        diode: DiodeId,
        /// Its boot.
        boot: BootId,
        /// The lane.
        lane: Lane,
        /// Sequence number that comes next.
        next: u64,
    },
    /// What is missing in a lane and may still come.
    Missing {
        /// The diode.
        diode: DiodeId,
        /// Its boot.
        boot: BootId,
        /// The lane.
        lane: Lane,
        /// Every missing range, first and last sequence number, in order.
        ranges: Vec<(u64, u64)>,
    },
    /// Objects of which nothing more is accepted: completed, aborted, or evicted.
    Over {
        /// The diode.
        diode: DiodeId,
        /// Its boot.
        boot: BootId,
        /// What kind of objects.
        objects: Objects,
        /// Their numbers: every range, first and last, in order.
        ranges: Vec<(u64, u64)>,
    },
    /// This boot has ended: nothing of it is accepted any more.
    Ended {
        /// The diode.
        diode: DiodeId,
        /// Its boot.
        boot: BootId,
    },
}

/// What is numbered without holes, and so put in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Lane {
    /// The records of a source.
    Source(SourceId),
    /// The steps of a stream.
    Stream(StreamId),
}

/// Kinds of objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Objects {
    /// Streams.
    Streams,
    /// Files.
    Files,
}

/// Bytes that are not a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MarkError;

impl fmt::Display for MarkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these bytes are not a mark of a receiver; the file that they come from is damaged")
    }
}

impl core::error::Error for MarkError {}

impl Mark {
    /// The boot that it belongs to.
    #[must_use]
    pub const fn session(&self) -> (DiodeId, BootId) {
        match *self {
            Self::Session { diode, boot, .. }
            | Self::Next { diode, boot, .. }
            | Self::Missing { diode, boot, .. }
            | Self::Over { diode, boot, .. }
            | Self::Ended { diode, boot } => (diode, boot),
        }
    }

    /// The mark in postcard encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Extending a vector does not fail, and a mark has no part that postcard cannot encode.
        postcard::to_extend(self, Vec::new()).unwrap_or_default()
    }

    /// Reads a mark.
    ///
    /// # Errors
    /// [`MarkError`] if `bytes` are not exactly one mark.
    pub fn decode(bytes: &[u8]) -> Result<Self, MarkError> {
        match postcard::take_from_bytes(bytes) {
            Ok((mark, [])) => Ok(mark),
            _ => Err(MarkError),
        }
    }
}
