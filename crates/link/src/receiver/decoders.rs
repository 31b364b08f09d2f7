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

#[cfg(test)]
mod tests {
    use noreturn_wire::Code;

    use super::{DECODERS_MAX, Decoders};

    #[test]
    fn the_latest_codes_have_decoders_and_no_more() {
        let mut decoders = Decoders::new();
        for data in 1..20 {
            // The first stays in use, so it stays.
            for data in [1, data] {
                let decoder = decoders.get(Code::new(data, 2).unwrap()).unwrap();
                assert_eq!((decoder.geometry().data(), decoder.geometry().parity()), (data, 2));
            }
        }
        let kept = |data: u8| decoders.0.iter().any(|decoder| decoder.geometry().data() == data);
        assert!(decoders.0.len() == DECODERS_MAX && kept(1) && kept(19) && kept(13) && !kept(12));
    }
}
