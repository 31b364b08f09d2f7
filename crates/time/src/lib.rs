//! The time without sockets, ports or threads: what sources say becomes samples, and samples set a [`Clock`].
//!
//! A [`sntp::Client`] asks a server in the plant, an [`nmea::Receiver`] listens to a satellite receiver through a
//! [`serial::Port`] that can only receive, and the machine's own clock is read once, at the start. `docs/time.md` says how
//! the clock chooses among them, and what its uncertainty promises.
#![no_std]
#![forbid(unsafe_code)]

mod clock;
pub mod nmea;
mod sample;
pub mod serial;
pub mod sntp;

pub use clock::{Change, Clock, SourceSettings, Taken};
pub use sample::{DRIFT_PPM, Rate, Sample, WANDER_PPM};
