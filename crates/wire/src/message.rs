//! Messages: what travels inside data shards, one after another, each its length and one postcard value. By the length a
//! receiver skips what it does not know, and what later versions add to what it knows.

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
    /// The length is none, or leads beyond the shard: what follows cannot be found.
    Length,
    /// A message of a kind that is not known here.
    Unknown,
    /// Not postcard of a [`Message`].
    Malformed,
    /// A name, a unit or a part of an object that is longer than promised, or ends behind 2^63.
    TooLong,
    /// Does not fit in the buffer given, or in a shard.
    NoRoom,
}

/// Kinds of [`Message`].
const KINDS: u32 = 5;
/// Bytes of the longest length.
const LENGTH_BYTES_MAX: usize = 2;

/// The message that `bytes` starts with, without its length, and what follows it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = postcard::take_from_bytes::<u16>(bytes).ok()?;
    rest.split_at_checked(usize::from(length))
}

impl<'a> Message<'a> {
    /// Bytes of the largest message; every message fits in one shard.
    pub const BYTES_MAX: usize = SHARD_BYTES_MAX;

    /// Writes the message, its length first, to the start of `buffer` and returns the part written.
    ///
    /// # Errors
    /// [`MessageError::NoRoom`] if it does not fit, [`MessageError::TooLong`] if a name is too long.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], MessageError> {
        self.check()?;
        let room = buffer.len().min(Self::BYTES_MAX);
        let buffer = &mut buffer[..room];
        let behind = buffer.get_mut(LENGTH_BYTES_MAX..).ok_or(MessageError::NoRoom)?;
        let length = postcard::to_slice(self, behind).map_err(|_| MessageError::NoRoom)?.len();
        let mut prefix = [0; LENGTH_BYTES_MAX];
        let prefix = postcard::to_slice(&(length as u16), &mut prefix).map_err(|_| MessageError::NoRoom)?;
        buffer.copy_within(LENGTH_BYTES_MAX..LENGTH_BYTES_MAX + length, prefix.len());
        buffer[..prefix.len()].copy_from_slice(prefix);
        Ok(&buffer[..prefix.len() + length])
    }

    /// Reads one message, without its length. Bytes behind its fields are left to later versions.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let (kind, _) = postcard::take_from_bytes::<u32>(bytes).map_err(|_| MessageError::Malformed)?;
        if kind >= KINDS {
            return Err(MessageError::Unknown);
        }
        let (message, _) = postcard::take_from_bytes::<Self>(bytes).map_err(|_| MessageError::Malformed)?;
        message.check()?;
        Ok(message)
    }

    /// All messages of a shard, in order. What is wrong with one costs no other, unless it is the length.
    pub fn decode_all(shard: &'a [u8]) -> impl Iterator<Item = Result<Message<'a>, MessageError>> {
        let mut rest = shard;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let Some((message, after)) = split(rest) else {
                rest = &[];
                return Some(Err(MessageError::Length));
            };
            rest = after;
            Some(Message::decode(message))
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
