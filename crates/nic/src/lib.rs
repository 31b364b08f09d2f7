//! The network cards of the diode: transmit only outside, both directions inside.
//!
//! There are two kinds of driver and they do not share a type. [`OutsideCard`] has a way to
//! send and none to receive: no receive descriptor, no receive buffer, no receive queue, and no
//! name for a register that could make one. [`InsideCard`] is that transmit half plus a receive
//! half.
//!
//! Everything is polled; the cards' interrupts are masked. What a card writes into memory is an
//! allegation, checked before use. The machine itself (configuration space, mapping, DMA memory,
//! time) is behind [`Platform`], so all of this runs in ordinary tests against model cards.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

mod buffers;
pub mod bystanders;
mod e1000e;
mod error;
pub mod ethernet;
mod frame;
mod igb;
mod inside;
mod intel;
#[allow(unsafe_code)]
mod memory;
mod outside;
mod own_address;
pub mod pci;
mod platform;
mod receive;
mod registers;
mod sight;
mod slots;
mod transmit;
mod transmit_watch;
mod virtio;

pub use error::{CardList, ReceivePath, StartError};
pub use ethernet::StationAddress;
pub use frame::{FrameError, HEADERS_BYTES, UDP_PAYLOAD_BYTES_MAX, UdpFrame};
pub use inside::{InsideCard, InsideCounters};
pub use memory::{DmaRegion, MmioRegion};
pub use outside::{CardModel, OutsideCard};
pub use pci::{ConfigSpace, PciAddress};
pub use platform::{DmaAccess, Platform};
pub use registers::Registers;
pub use sight::LinkSight;
pub use transmit::{FirmwareState, TransmitCounters, TransmitError, TransmitOnly};
pub use transmit_watch::{TransmitTimeout, TransmitWatch};
