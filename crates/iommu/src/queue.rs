//! Invalidation by a queue in memory, which newer units demand and most others offer.
//!
//! Source: Intel VT-d, revision 4.1, section 6.5.2 (descriptors of 128 bits).

use noreturn_nic::DmaRegion;

use crate::error::FenceError;
use crate::host::Host;
use crate::registers::{QUEUE_ADDRESS, QUEUE_TAIL, write64};

const ENTRY_BYTES: usize = 16;
/// One page, which is the smallest queue.
const QUEUE_BYTES: usize = 4096;

/// Forget every context.
const CONTEXTS: u64 = 1 | 1 << 4;
/// Forget every translation, after reads and writes under way.
const PAGES: u64 = 2 | 1 << 4 | 1 << 6 | 1 << 7;
/// Write a number to memory when everything before is done, and nothing behind before that.
const WAIT: u64 = 5 | 1 << 5 | 1 << 6;

/// The queue of one unit.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: DmaRegion,
    /// Where the unit writes how far it is.
    status: DmaRegion,
    /// Where the next entry goes, in bytes.
    tail: usize,
    /// Number of the last wait.
    waits: u32,
}

impl Queue {
    /// Makes a queue and tells the unit, whose own is off, where it is.
    pub(crate) fn start<H: Host>(host: &mut H, registers: &mut H::Registers) -> Result<Self, FenceError> {
        let [entries, status] = [host.allocate_table(), host.allocate_table()];
        let (entries, status) = (entries.ok_or(FenceError::NoMemory)?, status.ok_or(FenceError::NoMemory)?);
        write64(registers, QUEUE_TAIL, 0);
        write64(registers, QUEUE_ADDRESS, entries.physical(0));
        Ok(Self { entries, status, tail: 0, waits: 0 })
    }

    /// Has the unit forget everything; [`is_done`](Self::is_done) tells when it has.
    pub(crate) fn invalidate<H: Host>(&mut self, host: &mut H, registers: &mut H::Registers) {
        self.waits = self.waits.wrapping_add(1);
        self.push(host, CONTEXTS, 0);
        self.push(host, PAGES, 0);
        self.push(host, u64::from(self.waits) << 32 | WAIT, self.status.physical(0));
        write64(registers, QUEUE_TAIL, self.tail as u64);
    }

    /// Whether everything that was asked for is done.
    pub(crate) fn is_done(&self) -> bool {
        self.status.read32(0) == self.waits
    }

    fn push<H: Host>(&mut self, host: &mut H, low: u64, high: u64) {
        self.entries.write64(self.tail, low);
        self.entries.write64(self.tail + 8, high);
        host.write_back(self.entries.physical(self.tail), ENTRY_BYTES);
        self.tail = (self.tail + ENTRY_BYTES) % QUEUE_BYTES;
    }
}
