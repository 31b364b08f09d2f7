//! Intel 82574L and 82574LA, the e1000e family.
//!
//! Source: Intel 82574 GbE Controller Family Datasheet (316080-82574), chapters 4, 7 and 10, and
//! the family's Specification Update for the two errata that are worked around.
//!
//! [`outside`] starts the transmit half alone. [`inside`] starts the same half and a receive half
//! with a register mapping of its own; nothing of the latter is reachable from the former.

pub(crate) mod inside;
pub(crate) mod outside;
mod receive;
mod transmit;
mod transmit_registers;

pub(crate) use transmit::Transmitter;

use crate::intel;
use crate::pci::Function;

/// Whether the driver knows the card.
pub(crate) fn drives(function: &Function) -> bool {
    const L82574: u16 = 0x10d3;
    const LA82574: u16 = 0x10f6;
    function.vendor == intel::VENDOR && matches!(function.device, L82574 | LA82574)
}
