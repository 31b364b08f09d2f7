//! Messages: what travels inside data shards. Each is one postcard value and delimits itself,
//! so a shard is simply messages one after another.

use core::fmt;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::frame::SHARD_BYTES_MAX;
use crate::object::{FilePart, StreamPart, StreamStep};
use crate::time::TimeQuality;

/// Bytes of the longest name of a source.
pub const NAME_BYTES_MAX: usize = 96;
/// Bytes of the longest engineering unit.
pub const UNIT_BYTES_MAX: usize = 16;
/// Sequence numbers that one [`Heads`] holds at most.
pub const HEADS_MAX: usize = 64;

/// Number of a source (one tag of the plant) within a site; dense from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SourceId(pub u32);

/// One thing said by the inside half.
#[expect(
    clippy::large_enum_variant,
    reason = "no allocation here, and messages are encoded where they are made"
)]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Message<'a> {
    /// A measurement or an outage.
    Record(Record),
    /// What a source is called; repeated for ever, since nobody can ask.
    #[serde(borrow)]
    Announce(Announce<'a>),
    /// How far sources have counted, so that a loss at the very end is seen too.
    Heads(Heads),
    /// A step of a byte stream.
    #[serde(borrow)]
    Stream(StreamPart<'a>),
    /// A piece of a file.
    #[serde(borrow)]
    File(FilePart<'a>),
}

/// One acquisition of one source.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Where it was measured.
    pub source: SourceId,
    /// Counts from 0 per source and boot, without holes.
    pub sequence: u64,
    /// When it was acquired: microseconds since 1970-01-01 UTC by the box's clock.
    pub acquired_us: u64,
    /// How well that time was known.
    pub time_quality: TimeQuality,
    /// Whether the value can be trusted, and if not, why.
    pub quality: Quality,
    /// The value, scaled as the site file says.
    pub value: Value,
}

/// A value in one of the types that the collectors produce.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Value {
    /// Nothing was acquired; the quality says why.
    None,
    /// A coil, a discrete input, a device's state.
    Bool(bool),
    /// An unscaled signed register.
    I64(i64),
    /// An unscaled unsigned register.
    U64(u64),
    /// A float register, or anything scaled.
    F64(f64),
}

/// Whether a value can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Quality {
    /// Acquired as asked.
    Good,
    /// Not acquired.
    Bad(Fault),
}

/// Why something was not acquired.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Fault {
    /// The device's host did not answer the connection attempt in time.
    ConnectTimeout,
    /// The connection was refused or reset while it was being made.
    ConnectRefused,
    /// The device closed an established connection.
    Disconnected,
    /// The device did not answer a request in time.
    ReplyTimeout,
    /// The device answered with this Modbus exception code.
    Exception(u8),
    /// The reply was complete but held fewer bytes than were asked for.
    ShortReply,
    /// The reply belonged to another request, unit or function, or contradicted itself.
    WrongReply,
    /// A float register that held no number.
    NotANumber,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectTimeout => f.write_str("connect-timeout"),
            Self::ConnectRefused => f.write_str("connect-refused"),
            Self::Disconnected => f.write_str("disconnected"),
            Self::ReplyTimeout => f.write_str("reply-timeout"),
            Self::Exception(code) => write!(f, "exception-{code}"),
            Self::ShortReply => f.write_str("short-reply"),
            Self::WrongReply => f.write_str("wrong-reply"),
            Self::NotANumber => f.write_str("not-a-number"),
        }
    }
}

/// The name of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Announce<'a> {
    /// The source.
    pub source: SourceId,
    /// Its name, such as `plc-1/tank1/level`; at most [`NAME_BYTES_MAX`] bytes.
    pub name: &'a str,
    /// Its engineering unit, or nothing; at most [`UNIT_BYTES_MAX`] bytes.
    pub unit: &'a str,
}

/// The next sequence numbers of a run of sources.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heads {
    /// The first source of the run.
    pub first: SourceId,
    /// For it and the sources that follow: the sequence number that comes next.
    pub next: Vec<u64, HEADS_MAX>,
}

/// Why bytes are not a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageError {
    /// Not postcard of a [`Message`].
    Malformed,
    /// A name, a unit or a part of an object that is longer than promised, or ends behind 2^63.
    TooLong,
    /// Does not fit in the buffer given, or in a shard.
    NoRoom,
}

impl<'a> Message<'a> {
    /// Bytes of the largest message; every message fits in one shard.
    pub const BYTES_MAX: usize = SHARD_BYTES_MAX;

    /// Writes the message to the start of `buffer` and returns the part written.
    ///
    /// # Errors
    /// [`MessageError::NoRoom`] if it does not fit, [`MessageError::TooLong`] if a name is too long.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], MessageError> {
        self.check()?;
        let room = buffer.len().min(Self::BYTES_MAX);
        let written = postcard::to_slice(self, &mut buffer[..room]).map_err(|_| MessageError::NoRoom)?;
        Ok(written)
    }

    /// Reads the message that `bytes` starts with; returns it and the rest.
    ///
    /// # Errors
    /// What is wrong with it. The rest of a shard after an error cannot be trusted.
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), MessageError> {
        let (message, rest) =
            postcard::take_from_bytes::<Self>(bytes).map_err(|_| MessageError::Malformed)?;
        message.check()?;
        Ok((message, rest))
    }

    /// All messages of a shard, in order; ends after the first error.
    pub fn decode_all(shard: &'a [u8]) -> impl Iterator<Item = Result<Message<'a>, MessageError>> {
        let mut rest = shard;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            match Message::decode(rest) {
                Ok((message, after)) => {
                    rest = after;
                    Some(Ok(message))
                }
                Err(error) => {
                    rest = &[];
                    Some(Err(error))
                }
            }
        })
    }

    /// Whether the message is worth sending again: names and heads are repeated for ever anyway.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        let head = matches!(self, Self::Stream(StreamPart { step: StreamStep::Head, .. }));
        !head && !matches!(self, Self::Announce(_) | Self::Heads(_))
    }

    fn check(&self) -> Result<(), MessageError> {
        let holds = match self {
            Self::Announce(a) => a.name.len() <= NAME_BYTES_MAX && a.unit.len() <= UNIT_BYTES_MAX,
            Self::Stream(part) => part.holds(),
            Self::File(part) => part.holds(),
            Self::Record(_) | Self::Heads(_) => true,
        };
        if holds { Ok(()) } else { Err(MessageError::TooLong) }
    }
}
