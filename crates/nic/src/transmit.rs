//! What sending can answer, on either side.

use core::fmt;

use crate::ethernet::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::outside::TransmitOnly;

/// What only the inside asks of a transmit half, besides everything else.
pub(crate) trait Room: TransmitOnly {
    /// Whether a frame would find room.
    fn has_room(&mut self) -> bool;
}

/// Why a frame was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransmitError {
    /// The card still has every buffer; try again later.
    RingFull,
    /// A frame has 14 to 1514 bytes, this one had another length.
    Length {
        /// Bytes of the frame.
        bytes: usize,
    },
}

impl fmt::Display for TransmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RingFull => write!(f, "transmit ring is full: send more slowly, or check the cable"),
            Self::Length { bytes } => {
                write!(f, "a frame of {bytes} bytes: it must have {HEADER_BYTES} to {FRAME_BYTES_MAX}")
            }
        }
    }
}

impl core::error::Error for TransmitError {}

/// What became of the frames that were to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TransmitCounters {
    /// Handed to the card.
    pub frames_sent: u64,
    /// Refused because the card still had every buffer.
    pub ring_full: u64,
    /// Refused because of their length.
    pub length_invalid: u64,
    /// Completions of the card that named no frame it had; ignored.
    pub answers_invalid: u64,
}

impl TransmitCounters {
    /// Counts what became of one frame.
    pub(crate) fn count(&mut self, outcome: Result<(), TransmitError>) -> Result<(), TransmitError> {
        match outcome {
            Ok(()) => self.frames_sent += 1,
            Err(TransmitError::RingFull) => self.ring_full += 1,
            Err(TransmitError::Length { .. }) => self.length_invalid += 1,
        }
        outcome
    }
}
