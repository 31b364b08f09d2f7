//! Intel 82574L and 82574LA, the e1000e family.
//!
//! Source: Intel 82574 GbE Controller Family Datasheet (316080-82574), chapters 4, 7 and 10, and
//! the family's Specification Update for the two errata that are worked around.
//!
//! [`Outside`] holds the transmit half alone. [`Inside`] holds the same half and a receive half
//! with a register mapping of its own; nothing of the latter is reachable from the former.

mod inside;
mod outside;
mod receive;
mod transmit;
mod transmit_registers;
pub(crate) mod transmit_ring;

pub use inside::Inside;
pub use outside::Outside;

use crate::error::StartError;
use crate::pci::Function;
use crate::platform::Platform;

/// Bytes of registers behind base address register 0.
const REGISTERS_BYTES: usize = 0x2_0000;
/// Descriptors of each ring. A ring is full with one descriptor less.
pub(crate) const RING_ENTRIES: usize = 256;
/// Bytes of a descriptor, in either direction.
pub(crate) const DESCRIPTOR_BYTES: usize = 16;

/// Whether the driver knows the card.
pub(crate) fn drives(function: &Function) -> bool {
    const INTEL: u16 = 0x8086;
    const L82574: u16 = 0x10d3;
    const LA82574: u16 = 0x10f6;
    function.vendor == INTEL && matches!(function.device, L82574 | LA82574)
}

/// Finds where the card's registers are.
pub(crate) fn locate<P: Platform>(platform: &mut P, function: &Function) -> Result<u64, StartError> {
    let address = function.address;
    let bar =
        function.memory_bar(platform, 0).map_err(|error| StartError::Bar { address, index: 0, error })?;
    if bar.bytes < REGISTERS_BYTES as u64 {
        return Err(StartError::Missing { address, what: "128 KiB of registers" });
    }
    Ok(bar.physical)
}

/// Maps the card's registers.
pub(crate) fn map<P: Platform>(platform: &mut P, physical: u64) -> Result<P::Registers, StartError> {
    let error = StartError::NotMapped { physical, bytes: REGISTERS_BYTES };
    platform.map_registers(physical, REGISTERS_BYTES).ok_or(error)
}
