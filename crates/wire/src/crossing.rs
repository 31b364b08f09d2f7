//! What crosses the ring from the inside half to the outside half: a tag byte, then the rest.
//!
//! The outside half does not look into messages; it needs the inside's counters for the beacon.

use crate::counter::Counters;
use crate::frame::SHARD_BYTES_MAX;
use crate::message::{Message, MessageError};

/// Bytes of the largest crossing.
pub const CROSSING_BYTES_MAX: usize = 1 + SHARD_BYTES_MAX;

const TAG_MESSAGE: u8 = 0;
const TAG_COUNTERS: u8 = 1;

/// One entry of the ring.
#[expect(
    clippy::large_enum_variant,
    reason = "no allocation here, and entries are handled where they are read"
)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Crossing<'a> {
    /// An encoded [`Message`], to be sent as it is.
    Message(&'a [u8]),
    /// All counters of the inside half, as of now.
    Counters(Counters),
}

impl<'a> Crossing<'a> {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`MessageError::Malformed`] for an unknown tag or unreadable counters.
    pub fn decode(entry: &'a [u8]) -> Result<Self, MessageError> {
        match entry.split_first() {
            Some((&TAG_MESSAGE, message)) => Ok(Self::Message(message)),
            Some((&TAG_COUNTERS, counters)) => {
                postcard::from_bytes(counters).map(Self::Counters).map_err(|_| MessageError::Malformed)
            }
            _ => Err(MessageError::Malformed),
        }
    }
}

/// Writes a message as an entry to the start of `buffer` and returns the part written.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_message<'b>(
    message: &Message<'_>,
    buffer: &'b mut [u8; CROSSING_BYTES_MAX],
) -> Result<&'b [u8], MessageError> {
    buffer[0] = TAG_MESSAGE;
    let length = message.encode(&mut buffer[1..])?.len();
    Ok(&buffer[..=length])
}

/// Writes counters as an entry to the start of `buffer` and returns the part written.
///
/// # Errors
/// [`MessageError::NoRoom`] never happens: all counters at their largest take 641 bytes.
pub fn encode_counters<'b>(
    counters: &Counters,
    buffer: &'b mut [u8; CROSSING_BYTES_MAX],
) -> Result<&'b [u8], MessageError> {
    buffer[0] = TAG_COUNTERS;
    let length = postcard::to_slice(counters, &mut buffer[1..]).map_err(|_| MessageError::NoRoom)?.len();
    Ok(&buffer[..=length])
}
