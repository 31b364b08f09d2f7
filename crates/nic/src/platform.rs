//! What the drivers need from the machine that they run on.

use crate::memory::DmaRegion;
use crate::pci::{ConfigSpace, PciAddress};
use crate::registers::Registers;

/// What a card does with a piece of memory. A machine that can, holds it to that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DmaAccess {
    /// Reads only: what is sent, and the descriptors of cards that answer elsewhere.
    Read,
    /// Writes only: what is received.
    Write,
    /// Both: descriptors that the card fetches and writes back.
    ReadWrite,
}

/// The machine: PCI configuration space, mapping, DMA memory, time.
pub trait Platform: ConfigSpace {
    /// How mapped registers are reached: [`crate::MmioRegion`] on a real machine.
    type Registers: Registers;

    /// Maps `bytes` of a card's registers at a physical address, uncached; `None` if it cannot.
    ///
    /// The address is aligned to 4 bytes, not to a page, and may lie above 512 GiB. The same
    /// registers may be mapped twice: the receive half of an inside card has a mapping of its
    /// own. The region must span exactly `bytes`.
    fn map_registers(&mut self, physical: u64, bytes: usize) -> Option<Self::Registers>;

    /// As [`Self::map_registers`], of registers that are only read: a write through this mapping is a processor exception where
    /// the machine can make it one.
    fn map_registers_read_only(&mut self, physical: u64, bytes: usize) -> Option<Self::Registers>;

    /// Allocates zeroed memory that `card` may use in this one way; `None` if there is none.
    ///
    /// `bytes` is a power of two up to 2 MiB. The memory is contiguous and aligned to `bytes`, shares
    /// no page with anything else, and is never given back.
    fn allocate_dma(&mut self, card: PciAddress, bytes: usize, access: DmaAccess) -> Option<DmaRegion>;

    /// Whether the machine holds cards to the memory that they were given. A card that can choose
    /// to go past such a fence must then not be driven.
    fn is_dma_fenced(&self) -> bool;

    /// Microseconds since some fixed moment; never goes back.
    fn now_us(&self) -> u64;

    /// Waits for at least so many microseconds.
    fn sleep_us(&mut self, microseconds: u32);
}

/// Polls `done` every 10 µs; tells whether it became true within `timeout_us`.
pub(crate) fn wait_until<P: Platform>(
    platform: &mut P,
    timeout_us: u64,
    mut done: impl FnMut() -> bool,
) -> bool {
    let start = platform.now_us();
    loop {
        if done() {
            return true;
        }
        if platform.now_us().saturating_sub(start) > timeout_us {
            return false;
        }
        platform.sleep_us(10);
    }
}
