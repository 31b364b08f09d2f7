//! A card's transmit half: all that an outside card is, and a part of an inside one.

use core::fmt;

use crate::error::ReceivePath;
use crate::ethernet::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::sight::LinkPlace;

/// All that an outside card can do.
pub trait TransmitOnly {
    /// Sends an Ethernet frame of 14 to 1514 bytes, without its check sequence. Shorter ones than
    /// 60 bytes are padded with zeros. Returns as soon as the frame is copied.
    ///
    /// # Errors
    /// [`TransmitError`]; the frame is then not sent, and counted.
    fn transmit(&mut self, frame: &[u8]) -> Result<(), TransmitError>;

    /// Whether the cable carries a link.
    fn link_up(&self) -> bool;

    /// The card's own Ethernet address.
    fn station_address(&self) -> [u8; 6];

    /// What became of the frames so far.
    fn counters(&self) -> TransmitCounters;

    /// Frames that the card was given and has not finished, after taking back what it has. Reads memory, and no register.
    fn frames_waiting(&mut self) -> usize;

    /// Asks the card's own registers whether anything in it could receive. To be called now and
    /// then while running too; a card that fails this must not be used any longer.
    ///
    /// # Errors
    /// [`ReceivePath`], what could receive.
    fn check_receive_off(&mut self) -> Result<(), ReceivePath>;
}

/// What the firmware had done with the card before our reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirmwareState {
    /// The receiver was still enabled.
    pub receiver_on: bool,
    /// Frames that the card had received, if it counts them.
    pub frames_received: Option<u32>,
}

/// A transmit half that sends.
#[derive(Debug)]
pub(crate) struct Started<T> {
    pub(crate) card: T,
    pub(crate) firmware: FirmwareState,
    /// Where the card tells whether it has a link.
    pub(crate) link_place: LinkPlace,
}

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
