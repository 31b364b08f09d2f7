//! What a receiver tells: events, and why a datagram was refused.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use noreturn_wire::{Beacon, BootId, DiodeId, FileId, HeaderError, Record, SourceId, StreamId};

/// Something that happened; everything but the receiver's counters arrives this way.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Which diode.
    pub diode: DiodeId,
    /// Which boot of it.
    pub boot: BootId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum EventKind {
    /// The first authentic frame of a boot since this receiver was made.
    Started,
    /// A boot that had started was given up in favour of newer ones. Nothing of it is accepted any more.
    Ended,
    /// State of the box.
    Beacon(Box<Beacon>),
    /// A source is called this.
    Announced {
        /// The source.
        source: SourceId,
        /// Its name.
        name: String,
        /// Its engineering unit.
        unit: String,
    },
    /// A record: the next of its source, unless it was delayed.
    Record {
        /// The record.
        record: Record,
        /// How it came.
        arrival: Arrival,
    },
    /// Records of a source that did not arrive in time. Each may still come, delayed.
    Gap {
        /// The source.
        source: SourceId,
        /// First missing sequence number.
        first: u64,
        /// Last missing sequence number.
        last: u64,
    },
    /// A step of a stream: the next, unless it was delayed.
    Stream {
        /// The stream.
        stream: StreamId,
        /// Number of the step, counted from 0 per stream.
        sequence: u64,
        /// What happened to the stream.
        step: StreamEvent,
        /// How it came.
        arrival: Arrival,
    },
    /// Steps of a stream that did not arrive in time. Each may still come, delayed.
    StreamGap {
        /// The stream.
        stream: StreamId,
        /// Number of the first missing step.
        first: u64,
        /// Number of the last missing step.
        last: u64,
    },
    /// A stream was idle for longest and made room for another: nothing more will be told of it.
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
}

/// How a record or a step of a stream came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// In a frame that arrived when it was sent.
    Direct,
    /// Its frame was lost, and it came back through parity.
    Parity,
    /// Later: it was sent again from the history, or had been reported as missing before it came. If it had been
    /// reported, it comes out of its order.
    Delayed,
}

/// What happened to a stream; [`noreturn_wire::StreamStep`] with bytes of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamEvent {
    /// It was opened, under this name.
    Opened(String),
    /// Bytes came.
    Data {
        /// Bytes of the stream before these.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// It was closed gracefully after so many bytes.
    Closed(u64),
    /// It broke off after so many bytes.
    Aborted(u64),
}

/// What became known of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileEvent {
    /// Its first description came. After a restart of the receiver, or when it was abandoned, it starts again.
    Started(FileAbout),
    /// Bytes of it, each at most once since it started, in any order.
    Data {
        /// Place of the first.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Every byte has been told. Whoever puts them together checks the SHA-256.
    Completed(FileAbout),
    /// Its sender gave it up.
    Aborted,
    /// It was idle for longest and made room for another. It starts again if it is sent again.
    Abandoned,
}

/// What a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileAbout {
    /// Its name; not a path.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its contents.
    pub sha256: [u8; 32],
}

/// Why a datagram was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Not a frame.
    Header(HeaderError),
    /// From a diode without a key here.
    UnknownDiode,
    /// Of a boot that has ended: newer ones took its place.
    EndedBoot,
    /// Its header's tag does not verify: whoever sent it has no key of the diode's, or another than the boot's.
    ForgedHeader,
    /// Its tag does not verify: altered, or made up behind a header that was recorded.
    Forged,
    /// A frame number that was received before, or may have been before a restart.
    Replayed,
    /// A frame number too old to tell whether it was received before.
    TooOld,
    /// Authentic, but it contradicts what its block or its object said before.
    Inconsistent,
    /// Authentic, but its contents are not understood.
    Malformed,
}
