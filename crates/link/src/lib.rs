//! The one-way protocol, both ends, without sockets, clocks or threads.
//!
//! [`Sender`] turns messages into paced, sealed frames; [`Receiver`] turns datagrams back into
//! records, streams and files, in order, and into gaps where they are missing. Both are driven by `now_us`,
//! a monotonic time in microseconds, so that a test can run hours in a moment. Nothing ever flows
//! from receiver to sender.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod key;
pub mod receiver;
pub mod sender;
mod shard;

pub use key::DiodeKey;
pub use receiver::{Arrival, Event, EventKind, Mark, Receiver, ReceiverConfig, Refusal};
pub use sender::{BlockConfig, ClassConfig, HistoryConfig, HistoryOrder, Sender, SenderConfig, SenderError};
