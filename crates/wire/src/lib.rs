//! Bytes and meaning of everything that crosses the one-way link.
//!
//! Three layers, outermost first: a [`frame`] is what one UDP datagram carries, a
//! [`message`] is what travels inside the shards of a block of frames, and a [`beacon`]
//! is what the box says of itself every second. `docs/protocol.md` is the prose twin of
//! this crate; the golden vectors in `tests/golden.rs` pin both.
#![no_std]
#![forbid(unsafe_code)]

pub mod attestation;
pub mod beacon;
pub mod calendar;
pub mod counter;
pub mod crossing;
pub mod frame;
pub mod message;
pub mod object;
pub mod release;
pub mod stop;
pub mod time;

pub use attestation::{Attestation, Quote, TpmFault};
pub use beacon::{Beacon, CardModel, DmaFence, OutsideCard, Watchdog};
pub use counter::{Counter, Counters};
pub use crossing::Crossing;
pub use frame::{Body, BootId, Class, Code, DiodeId, Header, HeaderError, HeaderKey, Suite};
pub use message::{Announce, Fault, Heads, Message, MessageError, Quality, Record, SourceId, Value};
pub use object::{Bytes, FileId, FilePart, FileStep, StreamId, StreamPart, StreamStep};
pub use release::{FloorMemory, Release};
pub use stop::{LastStop, Trace};
pub use time::{ClockState, TimeQuality, TimeSource};
