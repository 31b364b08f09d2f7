//! A card's receive half, of which only inside cards have one.

use crate::ethernet::FRAME_BYTES_MAX;

/// What a look into the receive ring found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// Nothing.
    Nothing,
    /// A frame, copied out.
    Frame {
        /// Its length.
        bytes: usize,
    },
    /// A frame with an error flag or an impossible length; dropped.
    Damaged,
    /// An answer about a buffer that the card did not have; ignored.
    AnswerInvalid,
}

/// What a receive half can do.
pub(crate) trait Receives {
    /// Takes the next frame, if there is one.
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received;
}

/// A card with both halves.
#[derive(Debug)]
pub(crate) struct Halves<T, V> {
    pub(crate) transmitter: T,
    pub(crate) receiver: V,
}
