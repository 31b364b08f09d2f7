//! The registers of a remapping unit that are used, and what their bits mean.
//!
//! Source: Intel VT-d, revision 4.1, chapter 11. Registers of 64 bits are accessed as two of 32, low half first,
//! which the specification allows and which writes the bit that starts a command last.

use noreturn_nic::Registers;

/// Bytes of the registers at fixed places.
pub(crate) const FIXED_BYTES: usize = 4096;

pub(crate) const VERSION: usize = 0x00;
pub(crate) const CAPABILITY: usize = 0x08;
pub(crate) const EXTENDED_CAPABILITY: usize = 0x10;
pub(crate) const GLOBAL_COMMAND: usize = 0x18;
pub(crate) const GLOBAL_STATUS: usize = 0x1c;
pub(crate) const ROOT_TABLE: usize = 0x20;
pub(crate) const CONTEXT_COMMAND: usize = 0x28;
pub(crate) const FAULT_STATUS: usize = 0x34;
pub(crate) const FAULT_CONTROL: usize = 0x38;
pub(crate) const PROTECTED_MEMORY: usize = 0x64;
pub(crate) const QUEUE_HEAD: usize = 0x80;
pub(crate) const QUEUE_TAIL: usize = 0x88;
pub(crate) const QUEUE_ADDRESS: usize = 0x90;
/// Behind the address register of the same name, whose place a capability tells.
pub(crate) const IOTLB_COMMAND: usize = 8;

/// Bits of the global command and status registers; a status bit tells that the command was carried out.
pub(crate) const TRANSLATION: u32 = 1 << 31;
pub(crate) const ROOT_TABLE_SET: u32 = 1 << 30;
pub(crate) const WRITE_BUFFER_FLUSH: u32 = 1 << 27;
pub(crate) const QUEUED_INVALIDATION: u32 = 1 << 26;
/// Status bits that the next command must repeat; the others are commands given once.
pub(crate) const LASTING: u32 = 0x96ff_ffff;

/// Upper half of the context command: do it, for everything; the field that tells what was done.
pub(crate) const CONTEXT_INVALIDATE: u32 = 1 << 31;
pub(crate) const CONTEXT_GLOBAL: u32 = 1 << 29;
pub(crate) const CONTEXT_DONE: u32 = 3 << 27;

/// Upper half of the IOTLB command: do it, for everything, after reads and writes under way; what was done.
pub(crate) const IOTLB_INVALIDATE: u32 = 1 << 31;
pub(crate) const IOTLB_GLOBAL: u32 = 1 << 28;
pub(crate) const IOTLB_DRAIN: u32 = 1 << 17 | 1 << 16;
pub(crate) const IOTLB_DONE: u32 = 3 << 25;

pub(crate) const FAULT_OVERFLOW: u32 = 1 << 0;
/// An entry of the queue, or what it asked for, was wrong.
pub(crate) const FAULT_QUEUE: u32 = 1 << 6 | 1 << 5 | 1 << 4;
pub(crate) const FAULT_INTERRUPT_MASK: u32 = 1 << 31;
pub(crate) const PROTECTED_MEMORY_ON: u32 = 1 << 31;
pub(crate) const PROTECTED_MEMORY_STATUS: u32 = 1 << 0;

pub(crate) const FAULT_RECORD_BYTES: usize = 16;
/// Last word of a fault record.
pub(crate) const FAULT_RECORDED: u32 = 1 << 31;
pub(crate) const FAULT_IS_READ: u32 = 1 << 30;

/// What a unit says that it can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capabilities {
    capability: u64,
    extended: u64,
}

impl Capabilities {
    pub(crate) fn read<R: Registers>(registers: &R) -> Self {
        Self { capability: read64(registers, CAPABILITY), extended: read64(registers, EXTENDED_CAPABILITY) }
    }

    fn field(value: u64, shift: u32, bits: u32) -> u64 {
        value >> shift & ((1 << bits) - 1)
    }

    fn flag(self, bit: u32) -> bool {
        self.capability >> bit & 1 == 1
    }

    /// Levels of second-stage tables: the fewest of the two kinds that map all memory that there may be.
    pub(crate) fn levels(self) -> Option<u32> {
        [3, 4].into_iter().find(|levels| self.flag(8 + levels - 2))
    }

    /// Bits of the highest address that it maps.
    pub(crate) fn address_bits(self) -> u32 {
        Self::field(self.capability, 16, 6) as u32 + 1
    }

    pub(crate) fn has_write_only_pages(self) -> bool {
        self.flag(22)
    }

    /// Whether writes to the tables wait in a buffer until they are flushed.
    pub(crate) fn has_write_buffer(self) -> bool {
        self.flag(4)
    }

    pub(crate) fn has_protected_memory(self) -> bool {
        self.flag(5) || self.flag(6)
    }

    pub(crate) fn has_queued_invalidation(self) -> bool {
        self.extended >> 1 & 1 == 1
    }

    pub(crate) fn fault_records(self) -> usize {
        Self::field(self.capability, 40, 8) as usize + 1
    }

    /// Where the first fault record is.
    pub(crate) fn fault_offset(self) -> usize {
        Self::field(self.capability, 24, 10) as usize * 16
    }

    /// Where the IOTLB registers are.
    pub(crate) fn iotlb_offset(self) -> usize {
        Self::field(self.extended, 8, 10) as usize * 16
    }

    /// Bytes up to the end of the last register.
    pub(crate) fn registers_bytes(self) -> usize {
        let faults_end = self.fault_offset() + self.fault_records() * FAULT_RECORD_BYTES;
        FIXED_BYTES.max(faults_end).max(self.iotlb_offset() + 16)
    }
}

pub(crate) fn read64<R: Registers>(registers: &R, offset: usize) -> u64 {
    let low = registers.read32(offset);
    u64::from(registers.read32(offset + 4)) << 32 | u64::from(low)
}

pub(crate) fn write64<R: Registers>(registers: &mut R, offset: usize, value: u64) {
    registers.write32(offset, value as u32);
    registers.write32(offset + 4, (value >> 32) as u32);
}
