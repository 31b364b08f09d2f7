//! Inside protocols without sockets, clocks or threads: bytes, source and time become records or a named fault.
//!
//! A [`modbus::Poller`] per device says what to do with its connection and yields [`Sample`]s into an
//! [`Output`]; a [`Recorder`] numbers them into records by its [`Sequencer`]; an [`Announcer`] tells,
//! for ever and evenly paced, what the sources are called and how far they have counted.
//!
//! Every size is fixed when the configuration is read: nothing here allocates after that.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod announcer;
pub mod modbus;
pub mod output;
pub mod sequencer;

pub use announcer::Announcer;
pub use output::{Now, Output, Sample};
pub use sequencer::{Recorder, Sequencer};
