//! Modbus TCP client (MODBUS Application Protocol V1.1b3; MODBUS Messaging on TCP/IP Implementation
//! Guide V1.0b), reading only: there is no code here that could encode a write.
//!
//! Innermost first: [`adu`] is bytes and meaning of one request and its reply, [`stream`] cuts TCP's
//! bytes into replies, [`value`] makes points of a reply's data, [`Poller`] runs one device.

pub mod adu;
mod backoff;
pub mod exercise;
mod health;
pub mod poller;
mod schedule;
pub mod stream;
pub mod value;

pub use poller::{Action, Poller};
