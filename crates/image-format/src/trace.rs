//! The trace: how a boot ended, in memory that a reset mostly leaves alone, for the next boot to tell.
//!
//! It is the only thing that one boot leaves for the next, and says no more than [`Trace`]: nothing else is read from it,
//! and what is not exactly a trace is none. Power off erases it.

/// Physical address of the trace: conventional memory on PCs, which firmware uses late if at all.
pub const TRACE_ADDRESS: u64 = 0x50_0000;
/// Bytes of the trace.
pub const TRACE_BYTES: usize = 32;

const MAGIC: [u8; 14] = *b"noreturn trace";
const HALF: usize = TRACE_BYTES / 2;

/// What a boot leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// It runs; whoever finds this after a reset knows that the box did not make it.
    Running,
    /// The box stopped itself.
    Stopped(StopCause),
}

/// Why the box stopped itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StopCause {
    /// A check in the program failed.
    Panic,
    /// The heap was exhausted.
    OutOfMemory,
    /// The processor raised an exception (Intel SDM volume 3, section 6.3.1).
    Exception {
        /// Its number, 0 to 31.
        vector: u8,
    },
    /// Configuration, memory or a card was not what it must be at the start.
    NotStarted,
    /// The processor gave no random numbers.
    NoEntropy,
    /// The outside card could have received.
    OutsideReceives,
    /// A device reached for memory that was not its own.
    DmaFault,
}

impl Trace {
    /// The bytes to leave: the second half is the first with every bit inverted.
    #[must_use]
    pub fn encode(self) -> [u8; TRACE_BYTES] {
        let (code, vector) = self.code();
        let mut half = [0; HALF];
        half[..MAGIC.len()].copy_from_slice(&MAGIC);
        half[MAGIC.len()..].copy_from_slice(&[code, vector]);
        let mut bytes = [0; TRACE_BYTES];
        bytes[..HALF].copy_from_slice(&half);
        bytes[HALF..].copy_from_slice(&half.map(|byte| !byte));
        bytes
    }

    /// Reads a trace; `None` if the memory holds anything else.
    #[must_use]
    pub fn decode(bytes: &[u8; TRACE_BYTES]) -> Option<Self> {
        let (half, inverted) = bytes.split_at(HALF);
        let whole = half.iter().zip(inverted).all(|(byte, inverted)| *byte == !inverted);
        match half.strip_prefix(&MAGIC) {
            Some(&[code, vector]) if whole => Self::from_code(code, vector),
            _ => None,
        }
    }

    const fn code(self) -> (u8, u8) {
        match self {
            Self::Running => (0, 0),
            Self::Stopped(StopCause::Panic) => (1, 0),
            Self::Stopped(StopCause::OutOfMemory) => (2, 0),
            Self::Stopped(StopCause::Exception { vector }) => (3, vector),
            Self::Stopped(StopCause::NotStarted) => (4, 0),
            Self::Stopped(StopCause::NoEntropy) => (5, 0),
            Self::Stopped(StopCause::OutsideReceives) => (6, 0),
            Self::Stopped(StopCause::DmaFault) => (7, 0),
        }
    }

    const fn from_code(code: u8, vector: u8) -> Option<Self> {
        Some(match (code, vector) {
            (0, 0) => Self::Running,
            (1, 0) => Self::Stopped(StopCause::Panic),
            (2, 0) => Self::Stopped(StopCause::OutOfMemory),
            (3, 0..=31) => Self::Stopped(StopCause::Exception { vector }),
            (4, 0) => Self::Stopped(StopCause::NotStarted),
            (5, 0) => Self::Stopped(StopCause::NoEntropy),
            (6, 0) => Self::Stopped(StopCause::OutsideReceives),
            (7, 0) => Self::Stopped(StopCause::DmaFault),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Trace> {
        (0..=255).flat_map(|code| (0..=255).filter_map(move |vector| Trace::from_code(code, vector)))
    }

    #[test]
    fn what_is_left_is_found() {
        assert_eq!(all().count(), 7 + 32);
        for trace in all() {
            assert_eq!(Trace::decode(&trace.encode()), Some(trace));
        }
    }

    #[test]
    fn a_bit_that_changed_makes_it_no_trace() {
        for trace in all() {
            for bit in 0..TRACE_BYTES * 8 {
                let mut bytes = trace.encode();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Trace::decode(&bytes), None, "{trace:?}, bit {bit}");
            }
        }
    }

    #[test]
    fn other_memory_is_no_trace() {
        for byte in [0x00, 0x55, 0xaa, 0xff] {
            assert_eq!(Trace::decode(&[byte; TRACE_BYTES]), None);
        }
        let mut bytes = Trace::Running.encode();
        // A code that nobody writes, inverted as it should be.
        (bytes[14], bytes[30]) = (8, !8);
        assert_eq!(Trace::decode(&bytes), None);
    }
}
