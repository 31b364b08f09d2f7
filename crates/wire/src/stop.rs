//! How a boot ended: as the beacon tells it, and as the trace leaves it for the next boot.
//!
//! The trace lies in memory that a reset mostly leaves alone. It is the only thing that one boot leaves for the next, and
//! says no more than [`Trace`]: nothing else is read from it, and what is not exactly a trace is none. Power off erases it.

use core::fmt;

use serde::{Deserialize, Serialize};

/// How a boot ended, as far as the next one can tell.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LastStop {
    /// No trace is left of it: the power was off, or the memory did not keep the trace.
    #[default]
    Unknown,
    /// By a reset that neither the box nor its watchdog made: a button, or the firmware.
    Reset,
    /// It stalled, and the watchdog reset it.
    Stalled,
    /// A check in the program failed.
    Panicked,
    /// The heap was exhausted.
    OutOfMemory,
    /// The processor raised an exception (Intel SDM volume 3, section 6.3.1).
    Exception {
        /// Number of the exception, 0 to 31.
        vector: u8,
    },
    /// It could not start: a self test failed, or its configuration, memory or a card was not what it must be. The console
    /// said which.
    NotStarted,
    /// The processor gave no random numbers.
    NoEntropy,
    /// The outside card could have received.
    OutsideReceives,
    /// A device reached for memory that was not its own, and was stopped.
    DmaFault,
    /// The outside card finished no frame for too long, with a link and with frames that waited.
    TransmitTimeout,
}

impl LastStop {
    /// Its number, as in the beacon (`docs/protocol.md`).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Reset => 1,
            Self::Stalled => 2,
            Self::Panicked => 3,
            Self::OutOfMemory => 4,
            Self::Exception { .. } => 5,
            Self::NotStarted => 6,
            Self::NoEntropy => 7,
            Self::OutsideReceives => 8,
            Self::DmaFault => 9,
            Self::TransmitTimeout => 10,
        }
    }

    /// Number of the exception, or 0.
    #[must_use]
    pub const fn vector(self) -> u8 {
        match self {
            Self::Exception { vector } => vector,
            _ => 0,
        }
    }

    /// The cause with this number, of those that the box leaves itself when it stops.
    const fn own(code: u8, vector: u8) -> Option<Self> {
        Some(match (code, vector) {
            (3, 0) => Self::Panicked,
            (4, 0) => Self::OutOfMemory,
            (5, 0..=31) => Self::Exception { vector },
            (6, 0) => Self::NotStarted,
            (7, 0) => Self::NoEntropy,
            (8, 0) => Self::OutsideReceives,
            (9, 0) => Self::DmaFault,
            (10, 0) => Self::TransmitTimeout,
            _ => return None,
        })
    }
}

/// In words that programs can compare.
impl fmt::Display for LastStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Reset => "reset",
            Self::Stalled => "stalled",
            Self::Panicked => "panicked",
            Self::OutOfMemory => "out of memory",
            Self::Exception { vector } => return write!(f, "exception {vector}"),
            Self::NotStarted => "not started",
            Self::NoEntropy => "no entropy",
            Self::OutsideReceives => "outside receives",
            Self::DmaFault => "dma fault",
            Self::TransmitTimeout => "transmit timeout",
        })
    }
}

/// Bytes of the trace.
pub const TRACE_BYTES: usize = 32;

const MAGIC: [u8; 14] = *b"noreturn trace";
const HALF: usize = TRACE_BYTES / 2;
/// In place of a cause. No cause that the box leaves has this number.
const RUNNING: u8 = 0;

/// What a boot leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// It runs; whoever finds this after a reset knows that the box did not make it.
    Running,
    /// The box stopped itself. It leaves neither `Unknown` nor `Reset` nor `Stalled`: these are no trace.
    Stopped(LastStop),
}

impl Trace {
    /// The bytes to leave: the second half is the first with every bit inverted.
    #[must_use]
    pub fn encode(self) -> [u8; TRACE_BYTES] {
        let (code, vector) = match self {
            Self::Running => (RUNNING, 0),
            Self::Stopped(cause) => (cause.code(), cause.vector()),
        };
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
            Some(&[RUNNING, 0]) if whole => Some(Self::Running),
            Some(&[code, vector]) if whole => LastStop::own(code, vector).map(Self::Stopped),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    /// What the box leaves itself.
    fn causes() -> impl Iterator<Item = LastStop> {
        (0..=255).flat_map(|code| (0..=255).filter_map(move |vector| LastStop::own(code, vector)))
    }

    fn all() -> impl Iterator<Item = Trace> {
        causes().map(Trace::Stopped).chain([Trace::Running])
    }

    #[test]
    fn what_is_left_is_found() {
        assert_eq!(all().count(), 8 + 32);
        for trace in all() {
            assert_eq!(Trace::decode(&trace.encode()), Some(trace));
        }
    }

    #[test]
    fn what_the_box_cannot_know_is_no_trace() {
        for stop in [LastStop::Reset, LastStop::Stalled] {
            assert_eq!(Trace::decode(&Trace::Stopped(stop).encode()), None);
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
        (bytes[14], bytes[30]) = (11, !11);
        assert_eq!(Trace::decode(&bytes), None);
    }

    #[test]
    fn numbers_are_those_of_the_beacon_and_words_differ() {
        let mut words: Vec<_> =
            [LastStop::Unknown, LastStop::Reset, LastStop::Stalled].into_iter().chain(causes()).collect();
        for stop in &words {
            let mut beacon = [0; 8];
            let encoded = postcard::to_slice(stop, &mut beacon).expect("it fits");
            assert_eq!(encoded[0], stop.code(), "{stop}");
        }
        let count = words.len();
        words.sort_by_key(ToString::to_string);
        words.dedup_by_key(|stop| stop.to_string());
        assert_eq!(words.len(), count);
    }
}
