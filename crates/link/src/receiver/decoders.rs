//! Decoders for the codes in use, shared by all sessions: most diodes have the same few codes.

use alloc::vec::Vec;

use noreturn_fec::{Coefficients, Decoder, Geometry};
use noreturn_wire::Code;

/// Codes whose decoders are kept.
pub(super) const DECODERS_MAX: usize = 8;

/// The decoders that were used last, the latest first.
#[derive(Debug)]
pub(super) struct Decoders(Vec<Decoder>);

impl Decoders {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The decoder of `code`.
    pub(super) fn get(&mut self, code: Code) -> Option<&mut Decoder> {
        let geometry = Geometry::new(code.data(), code.parity()).ok()?;
        match self.0.iter().position(|decoder| decoder.geometry() == geometry) {
            Some(place) => self.0.get_mut(..=place)?.rotate_right(1),
            None => {
                self.0.truncate(DECODERS_MAX - 1);
                self.0.insert(0, Decoder::new(Coefficients::new(geometry)));
            }
        }
        self.0.first_mut()
    }
}
