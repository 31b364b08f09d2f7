//! What Intel's families of cards have in common: where their registers are, and the rings in memory. Which registers there are, and which of
//! them a half can name, is each family's own.

pub(crate) mod bits;
pub(crate) mod receive;
pub(crate) mod transmit;

use crate::error::StartError;
use crate::ethernet::is_station_address;
use crate::pci::Function;
use crate::platform::Platform;

/// The vendor's number.
pub(crate) const VENDOR: u16 = 0x8086;
/// Bytes of registers behind base address register 0.
const REGISTERS_BYTES: usize = 0x2_0000;
/// Offset of STATUS, whose bit 1 is the link (82574 datasheet, 10.2.2.2; 82576 datasheet, 8.2.2).
pub(crate) const STATUS: u64 = 0x0008;
/// Descriptors of each ring. A ring is full with one descriptor less.
pub(crate) const RING_ENTRIES: usize = 256;
/// Bytes of a descriptor, in either direction.
const DESCRIPTOR_BYTES: usize = 16;
/// Bytes of a ring's descriptors.
pub(crate) const RING_BYTES: usize = RING_ENTRIES * DESCRIPTOR_BYTES;

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

/// Where RAL0 and RAH0 of a card are whose registers nobody has mapped yet, by what the firmware wrote down alone.
pub(crate) fn station_address_place<P: Platform>(platform: &P, function: &Function) -> Option<u64> {
    const STATION_ADDRESS: u64 = 0x5400;
    let (physical, _) = function.bar_start(platform, 0).ok()?;
    (physical != 0).then(|| physical.checked_add(STATION_ADDRESS))?
}

/// The card's own address in its first address registers (RAL0, RAH0), if it is there and can be one.
pub(crate) fn station_address(low: u32, high: u32) -> Option<[u8; 6]> {
    const VALID: u32 = 1 << 31;
    let low = low.to_le_bytes();
    let address = [low[0], low[1], low[2], low[3], high as u8, (high >> 8) as u8];
    (high & VALID != 0 && is_station_address(address)).then_some(address)
}
