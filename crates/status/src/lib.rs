//! What the box tells the inside network of itself, on three ways: lines on the serial console, a block of Modbus
//! registers, and a page. It tells and takes nothing: there is no code here that could change the box.
//!
//! A [`Panel`] is put together by the inside half alone: from what it knows, from [`Facts`] of the boot, and from
//! what it sees for itself in hardware ([`Look`]). Nothing that the outside half writes comes here. A [`Backlog`]
//! computes how full the history may be. [`modbus::Modbus`] and [`http::Http`] answer one connection each from the
//! panel, and a [`Connection`] gives them time limits; the caller has the sockets and the clock.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod alarm;
pub mod backlog;
pub mod connection;
mod console;
mod device;
pub mod http;
pub mod modbus;
mod panel;
pub mod registers;
mod time;

pub use alarm::{Alarm, Severity};
pub use backlog::Backlog;
pub use connection::{Connection, Server};
pub use console::Line;
pub use device::{Device, DeviceState, Watched};
pub use panel::{Facts, Look, Panel};
