//! Streams and files: what the engine passes on of them, and the thread that writes them down.
//!
//! ```text
//! engine ─▶ Object ─▶ queue (bounded in bytes; never waits) ─▶ writer thread ─▶ files below two directories
//!                                                                    └──▶ reports ─▶ intake ─▶ sinks
//! ```

mod end;
mod files;
mod losses;
mod names;
mod progress;
mod queue;
mod report;
mod streams;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use noreturn_link::receiver::{FileEvent, StreamEvent};
use noreturn_wire::{BootId, FileId, StreamId};

use crate::item::Origin;

pub use losses::Losses;
pub use queue::Objects;
pub use report::{Failure, FileReport, FileState, StreamReport, StreamState};
pub use writer::start;

/// What is counted for an object beside its bytes, as it waits.
const OVERHEAD_BYTES: usize = 128;

/// Something that happened to a stream or a file, and whose it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Object {
    /// The boot.
    pub origin: Arc<Origin>,
    /// What happened.
    pub part: Part,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// A step of a stream.
    Stream {
        /// The stream.
        stream: StreamId,
        /// Number of the step.
        sequence: u64,
        /// What happened to it.
        step: StreamEvent,
    },
    /// Steps of a stream that did not come in time; each may still come.
    StreamGap {
        /// The stream.
        stream: StreamId,
        /// First missing step.
        first: u64,
        /// Last missing step.
        last: u64,
    },
    /// Nothing more will be told of a stream.
    StreamEvicted {
        /// The stream.
        stream: StreamId,
    },
    /// Something became known of a file.
    File {
        /// The file.
        file: FileId,
        /// What.
        step: FileEvent,
    },
    /// Nothing more will be told of any stream or file of this boot.
    End(Failure),
    /// Parts that found no room; their objects will not be whole.
    Lost(Box<Losses>),
}

impl Object {
    /// Bytes that it is taken to need while it waits.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let bytes = match &self.part {
            Part::Stream { step: StreamEvent::Data { bytes, .. }, .. }
            | Part::File { step: FileEvent::Data { bytes, .. }, .. } => bytes.len(),
            Part::Stream { step: StreamEvent::Opened(name), .. } => name.len(),
            Part::File { step: FileEvent::Started(about) | FileEvent::Completed(about), .. } => {
                about.name.len()
            }
            Part::Lost(losses) => losses.bytes(),
            Part::Stream { .. }
            | Part::StreamGap { .. }
            | Part::StreamEvicted { .. }
            | Part::File { .. }
            | Part::End(_) => 0,
        };
        bytes + OVERHEAD_BYTES
    }
}

/// A stream or a file of any diode.
type Key<Id> = (Arc<str>, BootId, Id);

fn key<Id>(origin: &Origin, id: Id) -> Key<Id> {
    (origin.diode.clone(), origin.boot, id)
}

fn belongs<Id>((diode, boot, _): &Key<Id>, origin: &Origin) -> bool {
    *diode == origin.diode && *boot == origin.boot
}
