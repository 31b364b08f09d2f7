//! The machine's TPM 2.0: where it is, how it is spoken to, what is asked of it, and what its quotes say.
//!
//! Everything here is driven by `now_us` and never waits: [`Attestor`] asks for one quote a minute and takes a few steps of
//! the exchange whenever it is polled. It can make a key that lasts until the next reset, read registers and quote them; it
//! has no command that writes to anything that outlives a reset.
#![no_std]
#![forbid(unsafe_code)]

mod attestor;
mod bytes;
pub mod command;
mod crb;
pub mod response;
pub mod statement;
mod table;
mod tis;
mod transport;

pub use attestor::{Attestor, COMMAND_US_MAX, QUOTE_US, RETRY_US};
pub use command::{public_area, qualified_name};
pub use response::Key;
pub use statement::Statement;
pub use table::{Interface, find};
pub use transport::{REGISTERS_ADDRESS, REGISTERS_BYTES, Transport};
