//! What the drivers need from the machine that they run on.

use crate::memory::DmaRegion;
use crate::pci::ConfigSpace;
use crate::registers::Registers;

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

    /// Allocates zeroed memory that a card may use; `None` if there is none.
    ///
    /// `bytes` is a power of two up to 2 MiB. The memory is contiguous and aligned to `bytes`, and
    /// is never given back.
    fn allocate_dma(&mut self, bytes: usize) -> Option<DmaRegion>;

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
