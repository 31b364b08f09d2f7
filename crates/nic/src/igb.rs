//! Intel 82576, I350, I210 and I211, the igb family.
//!
//! Sources: Intel 82576EB Gigabit Ethernet Controller Datasheet (320961), chapters 4, 7 and 8; the same chapters of the I350
//! (333171) and I210 (333016) datasheets, whose registers are the same as far as they are used here.
//!
//! As in [`crate::e1000e`], [`outside`] starts the transmit half alone, and nothing of the receive half is reachable from it.
//! Tested against a model and, the 82576, in QEMU; not on a real card.

pub(crate) mod inside;
pub(crate) mod outside;
mod receive;
mod transmit;
mod transmit_registers;

pub(crate) use transmit::Transmitter;

use crate::intel::VENDOR;
use crate::pci::Function;

/// Receive queues of the card, which all have to be off; `None` if the driver does not know it.
pub(crate) fn receive_queues(function: &Function) -> Option<usize> {
    match (function.vendor, function.device) {
        // 82576: copper, fibre, backplane; two and four ports.
        (VENDOR, 0x10c9 | 0x10e6 | 0x10e7 | 0x10e8 | 0x1526 | 0x150a | 0x150d | 0x1518) => Some(16),
        // I350: copper, fibre, backplane.
        (VENDOR, 0x1521..=0x1523) => Some(8),
        // I210: copper, fibre, backplane, and the first without flash memory.
        (VENDOR, 0x1533 | 0x1536 | 0x1537 | 0x157b) => Some(4),
        // I211.
        (VENDOR, 0x1539) => Some(2),
        _ => None,
    }
}
