//! Objects larger than a message: byte streams and files, in parts.
//!
//! A stream is a source whose records are its steps: numbered from 0, delivered in order, missing ones reported. A
//! file is a set of bytes that come in any order and count only when all of them are there.

use core::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of one part at most, so that it fits in a shard with everything around it.
pub const PART_BYTES_MAX: usize = 1360;
/// Bytes of an object's name at most.
pub const OBJECT_NAME_BYTES_MAX: usize = 255;
/// No object is longer, so that offsets can be added without a thought.
pub const OBJECT_BYTES_MAX: u64 = 1 << 63;

/// Number of a stream within a boot; counts from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StreamId(pub u32);

/// Number of a file within a boot; counts from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// One step in the life of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamPart<'a> {
    /// The stream.
    pub stream: StreamId,
    /// Number of the step: 0 opens, the others follow without holes. Of a head: the number that comes next.
    pub sequence: u64,
    /// What happened.
    #[serde(borrow)]
    pub step: StreamStep<'a>,
}

/// What happened to a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum StreamStep<'a> {
    /// It was opened, under this name; at most [`OBJECT_NAME_BYTES_MAX`] bytes.
    Open(&'a str),
    /// Bytes came.
    Data {
        /// Bytes of the stream before these.
        offset: u64,
        /// The bytes, at most [`PART_BYTES_MAX`].
        #[serde(borrow)]
        bytes: Bytes<'a>,
    },
    /// It was closed gracefully after so many bytes.
    Close(u64),
    /// It broke off after so many bytes.
    Abort(u64),
    /// Nothing happened; it says how far the stream has counted, so that a loss at its end is seen too.
    Head,
}

/// A piece of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FilePart<'a> {
    /// The file.
    pub file: FileId,
    /// What this says of it.
    #[serde(borrow)]
    pub step: FileStep<'a>,
}

/// What is said of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FileStep<'a> {
    /// What the file is; repeated between its data.
    About {
        /// Its name, at most [`OBJECT_NAME_BYTES_MAX`] bytes; not a path.
        name: &'a str,
        /// Its length in bytes.
        length: u64,
        /// SHA-256 of its contents.
        sha256: [u8; 32],
    },
    /// Some of its bytes.
    Data {
        /// Place of the first.
        offset: u64,
        /// The bytes, at most [`PART_BYTES_MAX`].
        #[serde(borrow)]
        bytes: Bytes<'a>,
    },
    /// It will not be completed.
    Abort,
}

/// Bytes that lie in the buffer that they were read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A slice would go byte by byte; the bytes on the wire are the same.
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Borrowed).map(Bytes)
    }
}

struct Borrowed;

impl<'de> Visitor<'de> for Borrowed {
    type Value = &'de [u8];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes in the buffer")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(bytes)
    }
}

impl StreamPart<'_> {
    pub(crate) fn holds(&self) -> bool {
        match self.step {
            StreamStep::Open(name) => name.len() <= OBJECT_NAME_BYTES_MAX,
            StreamStep::Data { offset, bytes } => data_holds(offset, bytes),
            StreamStep::Close(length) | StreamStep::Abort(length) => length <= OBJECT_BYTES_MAX,
            StreamStep::Head => true,
        }
    }
}

impl FilePart<'_> {
    pub(crate) fn holds(&self) -> bool {
        match self.step {
            FileStep::About { name, length, .. } => {
                name.len() <= OBJECT_NAME_BYTES_MAX && length <= OBJECT_BYTES_MAX
            }
            FileStep::Data { offset, bytes } => data_holds(offset, bytes),
            FileStep::Abort => true,
        }
    }
}

/// Whether a part has a length that is allowed and ends where an object may.
fn data_holds(offset: u64, Bytes(bytes): Bytes<'_>) -> bool {
    (1..=PART_BYTES_MAX).contains(&bytes.len()) && offset <= OBJECT_BYTES_MAX - bytes.len() as u64
}
