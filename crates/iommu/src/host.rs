//! What the fence needs of the machine that it runs on.

use noreturn_nic::{DmaRegion, Registers};

/// The machine: mapping, memory for tables, time.
pub trait Host {
    /// How mapped registers are reached: [`noreturn_nic::MmioRegion`] on a real machine.
    type Registers: Registers;

    /// Maps `bytes` of a unit's registers at a physical address, uncached; `None` if it cannot.
    ///
    /// The address is aligned to a page. The same registers may be mapped twice.
    fn map_registers(&mut self, physical: u64, bytes: usize) -> Option<Self::Registers>;

    /// Allocates a zeroed page of 4096 bytes for a table; `None` if there is none. It is never given back, and no
    /// device must reach it.
    fn allocate_table(&mut self) -> Option<DmaRegion>;

    /// Writes `bytes` at a physical address out of the processor's caches: not every unit looks there.
    fn write_back(&mut self, physical: u64, bytes: usize);

    /// Microseconds since some fixed moment; never goes back.
    fn now_us(&self) -> u64;
}
