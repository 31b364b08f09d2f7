//! What crosses the ring from the inside half to the outside half: a tag byte, then the rest.
//!
//! The outside half does not look into messages; it needs the inside's counters and clock for the beacon.

use serde::{Deserialize, Serialize};

use crate::counter::Counters;
use crate::frame::{Class, SHARD_BYTES_MAX};
use crate::message::{Message, MessageError};
use crate::time::ClockState;

/// Bytes of the largest crossing.
pub const CROSSING_BYTES_MAX: usize = 1 + SHARD_BYTES_MAX;

const TAG_ALARM: u8 = 0;
const TAG_TELEMETRY: u8 = 1;
const TAG_BULK: u8 = 2;
/// Telemetry that nobody keeps, because it is repeated.
const TAG_REPEATED: u8 = 3;
const TAG_COUNTERS: u8 = 4;
const TAG_CLOCK: u8 = 5;

/// How a message is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sending {
    /// With whom it shares the link. Never [`Class::History`], which the sender makes by itself.
    pub class: Class,
    /// Whether it is sent again later; see [`Message::is_kept`].
    pub kept: bool,
}

/// One entry of the ring.
#[expect(
    clippy::large_enum_variant,
    reason = "no allocation here, and entries are handled where they are read"
)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Crossing<'a> {
    /// An encoded [`Message`], to be sent as it is.
    Message(Sending, &'a [u8]),
    /// All counters of the inside half, as of now.
    Counters(Counters),
    /// The inside half's clock.
    Clock(ClockReading),
}

/// What the inside half's clock shows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClockReading {
    /// When it showed that, in microseconds since the kernel started.
    pub uptime_us: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub clock_us: u64,
    /// How well the time is known.
    pub state: ClockState,
}

impl ClockReading {
    /// What it shows at another time, if nobody sets it.
    #[must_use]
    pub const fn at(&self, uptime_us: u64) -> u64 {
        self.clock_us.saturating_add(uptime_us.saturating_sub(self.uptime_us))
    }
}

impl<'a> Crossing<'a> {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`MessageError::Malformed`] for an unknown tag, unreadable counters or an unreadable clock.
    pub fn decode(entry: &'a [u8]) -> Result<Self, MessageError> {
        match entry.split_first() {
            Some((&TAG_COUNTERS, counters)) => {
                postcard::from_bytes(counters).map(Self::Counters).map_err(|_| MessageError::Malformed)
            }
            Some((&TAG_CLOCK, clock)) => {
                postcard::from_bytes(clock).map(Self::Clock).map_err(|_| MessageError::Malformed)
            }
            Some((&tag, message)) => {
                let sending = sending(tag).ok_or(MessageError::Malformed)?;
                Ok(Self::Message(sending, message))
            }
            None => Err(MessageError::Malformed),
        }
    }
}

fn sending(tag: u8) -> Option<Sending> {
    let (class, kept) = match tag {
        TAG_ALARM => (Class::Alarm, true),
        TAG_TELEMETRY => (Class::Telemetry, true),
        TAG_BULK => (Class::Bulk, true),
        TAG_REPEATED => (Class::Telemetry, false),
        _ => return None,
    };
    Some(Sending { class, kept })
}

/// Writes a message of `class` as an entry to the start of `buffer` and returns the part written. What is repeated
/// anyway goes as telemetry that is not kept, and so does what claims to be history.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_message<'b>(
    class: Class,
    message: &Message<'_>,
    buffer: &'b mut [u8; CROSSING_BYTES_MAX],
) -> Result<&'b [u8], MessageError> {
    buffer[0] = match class {
        _ if !message.is_kept() => TAG_REPEATED,
        Class::Alarm => TAG_ALARM,
        Class::Telemetry => TAG_TELEMETRY,
        Class::Bulk => TAG_BULK,
        Class::History => TAG_REPEATED,
    };
    let length = message.encode(&mut buffer[1..])?.len();
    Ok(&buffer[..=length])
}

/// Writes counters as an entry to the start of `buffer` and returns the part written.
///
/// # Errors
/// [`MessageError::NoRoom`] never happens: all counters at their largest take less than 1 KiB.
pub fn encode_counters<'b>(
    counters: &Counters,
    buffer: &'b mut [u8; CROSSING_BYTES_MAX],
) -> Result<&'b [u8], MessageError> {
    buffer[0] = TAG_COUNTERS;
    let length = postcard::to_slice(counters, &mut buffer[1..]).map_err(|_| MessageError::NoRoom)?.len();
    Ok(&buffer[..=length])
}

/// Writes what the clock shows as an entry to the start of `buffer` and returns the part written.
///
/// # Errors
/// [`MessageError::NoRoom`] never happens: it takes at most 42 bytes.
pub fn encode_clock<'b>(
    clock: &ClockReading,
    buffer: &'b mut [u8; CROSSING_BYTES_MAX],
) -> Result<&'b [u8], MessageError> {
    buffer[0] = TAG_CLOCK;
    let length = postcard::to_slice(clock, &mut buffer[1..]).map_err(|_| MessageError::NoRoom)?.len();
    Ok(&buffer[..=length])
}
