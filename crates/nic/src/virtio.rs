//! virtio-net over PCI, as hypervisors offer it.
//!
//! Source: VIRTIO 1.2, chapters 2 (split virtqueues), 3 (initialisation), 4.1 (PCI) and 5.1
//! (network device). Only the modern interface; of the features only version 1, the two that make
//! fields of the read-only configuration valid (MAC, STATUS), and ACCESS_PLATFORM, without which
//! the card would go past the machine's DMA remapping.
//!
//! [`outside`] starts the transmit half alone: queue 1 of the device, and no way to name another.
//! [`inside`] starts the same half and a receive half with register mappings of its own.

pub(crate) mod inside;
pub(crate) mod outside;
mod queue_memory;
mod receive;
mod transmit;
mod transmit_queue;
mod transmit_registers;
mod windows;

pub(crate) use transmit::Transmitter;
pub(crate) use windows::device_window_place;

use crate::pci::Function;

/// Bytes of the header before every frame when version 1 is negotiated (VIRTIO 1.2, 5.1.6).
const FRAME_HEADER_BYTES: usize = 12;

/// Whether the driver knows the card. The transitional one must turn out to have the modern
/// interface too.
pub(crate) fn drives(function: &Function) -> bool {
    const VENDOR: u16 = 0x1af4;
    const MODERN: u16 = 0x1041;
    const TRANSITIONAL: u16 = 0x1000;
    function.vendor == VENDOR && matches!(function.device, MODERN | TRANSITIONAL)
}
