//! The DMA fence: Intel VT-d, set so that a card reaches the memory that it was given, in the way that it
//! said, and every other device reaches nothing.
//!
//! [`Dmar::find`] reads the firmware's description of the remapping units (ACPI DMAR) and refuses what it
//! does not understand in full. [`Fence::start`] gives every unit empty tables and switches translation on: from
//! then on no device reaches any memory. [`Fence::grant`] lets a card reach one more piece; nothing is
//! ever taken back. [`Fence::look`] counts what was stopped.
//!
//! Sources: Intel Virtualization Technology for Directed I/O, revision 4.1 (legacy mode, second-stage
//! tables, invalidation by queue, or by register on units that have none); ACPI 6.5, section 5.2 (`noreturn-acpi` reads the tables). Memory regions that the firmware reserves for
//! its own devices (RMRR: USB keyboards, display) are fenced like everything else: no such device has a
//! driver here. Interrupts are not remapped, because none is used.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod dmar;
mod error;
mod fence;
mod host;
mod queue;
mod registers;
mod tables;
mod unit;

pub use dmar::{Dmar, DmarError, RemappingUnit, ReservedRegion, Scope};
pub use error::FenceError;
pub use fence::{Fault, Faults, Fence, Grant};
pub use host::Host;
