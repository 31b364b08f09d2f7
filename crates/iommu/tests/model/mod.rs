//! A model machine with one remapping unit, which believes only what was written back, flushed and invalidated,
//! and panics at commands out of order. It walks the tables in its own way.
#![allow(dead_code)]

pub mod memory;
pub mod tables;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use memory::Memory;
use noreturn_iommu::Host;
use noreturn_nic::{DmaRegion, PciAddress, Registers};

/// Where the unit's registers are.
pub const UNIT: u64 = 0xfed9_0000;

const TE: u32 = 1 << 31;
const RTP: u32 = 1 << 30;
const WBF: u32 = 1 << 27;
const QIE: u32 = 1 << 26;
const IRE: u32 = 1 << 25;
/// Where this unit has put its fault records and its IOTLB registers: behind the first page.
const FAULTS: u64 = 0x1200;
const IOTLB: u64 = 0x1100;
const RECORDS: usize = 3;

/// Which unit it is, and what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Supported widths: bit 1 for three levels, bit 2 for four.
    pub widths: u64,
    /// Highest address bit and one.
    pub address_bits: u64,
    /// Whether it has pages for writing only.
    pub write_only: bool,
    /// Whether writes to tables wait for a flush.
    pub write_buffer: bool,
    /// Whether the firmware left translation, the queue, interrupt remapping and protected memory on.
    pub firmware_left_on: bool,
    /// Whether it takes commands from a queue in memory.
    pub queue: bool,
    /// Whether it ignores invalidation, or refuses it in the queue.
    pub ignores_invalidation: bool,
    /// A register whose commands never end.
    pub hangs_at: Option<u64>,
    /// Whether there is anything at all.
    pub absent: bool,
}

/// A unit without surprises.
pub const PLAIN: Kind = Kind {
    widths: 0b110,
    address_bits: 39,
    write_only: true,
    write_buffer: true,
    firmware_left_on: false,
    queue: true,
    ignores_invalidation: false,
    hangs_at: None,
    absent: false,
};

/// The unit's insides.
pub struct State {
    kind: Kind,
    /// Memory of the tables.
    pub memory: Memory,
    /// Time.
    pub now_us: u64,
    status: u32,
    /// Status bits that come, and in how many reads.
    pending: Option<(u32, u32)>,
    root: u64,
    root_taken: u64,
    context: u32,
    iotlb: u32,
    queue_reads: u32,
    queue: u64,
    queue_head: u64,
    queue_fault: bool,
    protected: u32,
    flushed: bool,
    /// What the unit knows of the tables since the last invalidation.
    cached: BTreeMap<u64, [u8; 4096]>,
    flushed_view: BTreeMap<u64, [u8; 4096]>,
    contexts_forgotten: bool,
    records: [[u32; 4]; RECORDS],
    overflow: bool,
    /// Every global command.
    pub commands: Vec<u32>,
}

/// A handle to the machine; clones share it.
#[derive(Clone)]
pub struct Machine {
    state: Rc<RefCell<State>>,
}

impl Machine {
    /// A machine with such a unit, and memory for so many tables.
    pub fn new(kind: Kind) -> Self {
        let on = kind.firmware_left_on;
        let state = State {
            kind,
            memory: Memory::new(10_000),
            now_us: 0,
            status: if on { TE | RTP | IRE | if kind.queue { QIE } else { 0 } } else { 0 },
            pending: None,
            root: 0xdead_b000,
            root_taken: 0xdead_b000,
            context: 0,
            iotlb: 0,
            queue_reads: 0,
            queue: if on { 0xdead_c000 } else { 0 },
            queue_head: 0,
            queue_fault: false,
            protected: if on { 1 << 31 | 1 } else { 0 },
            flushed: false,
            cached: BTreeMap::new(),
            flushed_view: BTreeMap::new(),
            contexts_forgotten: false,
            records: [[0; 4]; RECORDS],
            overflow: false,
            commands: Vec::new(),
        };
        Self { state: Rc::new(RefCell::new(state)) }
    }

    /// Looks at, or changes, the machine.
    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.borrow_mut())
    }

    /// A device reads or writes a byte; whether it gets through. If not, the unit records it.
    pub fn access(&self, device: PciAddress, address: u64, is_write: bool) -> bool {
        self.with(|state| state.access(device, address, is_write))
    }

    /// Whether the firmware's interrupt remapping is still on.
    pub fn remaps_interrupts(&self) -> bool {
        self.with(|state| state.status & IRE != 0)
    }

    /// Whether memory is still protected from everything.
    pub fn protects_memory(&self) -> bool {
        self.with(|state| state.protected & 1 != 0)
    }
}

impl State {
    /// Switches translation off, as only a fault or an attack would.
    pub fn switch_off(&mut self) {
        self.status &= !TE;
    }

    /// The unit no longer answers.
    pub fn remove(&mut self) {
        self.kind.absent = true;
    }

    fn access(&mut self, device: PciAddress, address: u64, is_write: bool) -> bool {
        if self.status & TE == 0 {
            return true;
        }
        let levels = |width: u64| match width {
            1 if self.kind.widths & 0b10 != 0 => 3,
            2 if self.kind.widths & 0b100 != 0 => 4,
            _ => panic!("the unit has no tables of width {width}"),
        };
        let (address_bits, zero_length) = (self.kind.address_bits, self.kind.write_only);
        let outcome = tables::walk(&self.cached, self.root_taken, device, address, levels);
        if let Ok((read, write)) = outcome {
            assert!(zero_length || read || !write, "this unit has no pages for writing only");
            assert!(address >> address_bits == 0, "mapped beyond what the unit can map");
            if if is_write { write } else { read } {
                return true;
            }
        }
        self.record(device, address, is_write, outcome.err().unwrap_or(if is_write { 5 } else { 6 }));
        false
    }

    fn record(&mut self, device: PciAddress, address: u64, is_write: bool, reason: u32) {
        let source = u32::from(device.bus) << 8 | u32::from(device.device) << 3 | u32::from(device.function);
        let last = 1 << 31 | u32::from(!is_write) << 30 | reason;
        match self.records.iter_mut().find(|record| record[3] >> 31 == 0) {
            Some(record) if !self.overflow => {
                *record = [address as u32 & !0xfff, (address >> 32) as u32, source, last];
            }
            _ => self.overflow = true,
        }
    }

    fn capability(&self) -> u64 {
        let Kind { widths, address_bits, write_only, write_buffer, .. } = self.kind;
        u64::from(write_buffer) << 4
            | 0b11 << 5
            | widths << 8
            | (address_bits - 1) << 16
            | u64::from(write_only) << 22
            | (FAULTS / 16) << 24
            | (RECORDS as u64 - 1) << 40
    }

    fn read(&mut self, offset: u64) -> u32 {
        self.now_us += 1;
        if self.kind.absent {
            return u32::MAX;
        }
        match offset {
            0x00 => 0x10,
            0x08 => self.capability() as u32,
            0x0c => (self.capability() >> 32) as u32,
            0x10 => ((IOTLB / 16) << 8 | u64::from(self.kind.queue) << 1) as u32,
            0x14 => 0,
            0x1c => self.read_status(),
            0x28 => 0,
            0x2c => self.context_done(),
            0x34 => u32::from(self.overflow) | 0b10 | u32::from(self.queue_fault) << 4,
            0x64 => self.protected,
            // The firmware's queue is not empty yet.
            0x80 => {
                self.queue_reads += 1;
                if self.queue_reads < 4 { 0x40 } else { 0x80 }
            }
            0x88 => 0x80,
            0x84 | 0x8c => 0,
            IOTLB_HIGH => self.iotlb_done(),
            FAULTS..FAULTS_END => {
                let place = (offset - FAULTS) as usize / 4;
                self.records[place / 4][place % 4]
            }
            _ => panic!("read of {offset:#x}"),
        }
    }

    fn read_status(&mut self) -> u32 {
        if let Some((bits, reads)) = self.pending {
            self.pending = (reads > 0).then_some((bits, reads.saturating_sub(1)));
            if reads == 0 {
                self.status = bits;
            }
        }
        self.status
    }

    fn context_done(&mut self) -> u32 {
        if self.kind.hangs_at == Some(0x2c) {
            return 1 << 31;
        }
        std::mem::take(&mut self.context) | u32::from(!self.kind.ignores_invalidation) << 27
    }

    fn iotlb_done(&mut self) -> u32 {
        if self.kind.hangs_at == Some(IOTLB_HIGH) {
            return 1 << 31;
        }
        std::mem::take(&mut self.iotlb) | u32::from(!self.kind.ignores_invalidation) << 25
    }

    fn write(&mut self, offset: u64, value: u32) {
        self.now_us += 1;
        match offset {
            0x18 => self.command(value),
            0x20 => self.root = self.root & !0xffff_ffff | u64::from(value),
            0x24 => self.root = self.root & 0xffff_ffff | u64::from(value) << 32,
            0x28 => assert_eq!(value, 0, "no domain, no device: everything"),
            0x2c => self.forget_contexts(value),
            0x34 => {
                self.overflow &= value & 1 == 0;
                self.queue_fault &= value & 1 << 4 == 0;
            }
            0x38 => assert_eq!(value, 1 << 31, "no fault interrupts"),
            0x64 => self.protected = value & 1 << 31 | value >> 31,
            0x88 => self.work_off(u64::from(value)),
            0x90 => self.queue = self.queue & !0xffff_ffff | u64::from(value),
            0x94 => self.queue = self.queue & 0xffff_ffff | u64::from(value) << 32,
            0x8c => assert_eq!(value, 0),
            IOTLB_LOW => assert_eq!(value, 0, "no domain, no page: everything"),
            IOTLB_HIGH => self.forget_pages(value),
            FAULTS..FAULTS_END if (offset - FAULTS) % 16 == 12 => {
                let record = &mut self.records[(offset - FAULTS) as usize / 16];
                record[3] &= !(value & 1 << 31);
            }
            _ => panic!("write of {value:#x} to {offset:#x}"),
        }
    }

    fn command(&mut self, value: u32) {
        assert_eq!(self.pending, None, "a command before the one before was finished");
        self.commands.push(value);
        if self.kind.hangs_at == Some(0x18) {
            return;
        }
        let lasting = value & (TE | QIE | IRE);
        let mut status = self.status & RTP | lasting;
        if value & QIE != 0 && self.status & QIE == 0 {
            assert!(self.kind.queue && self.queue & 0xfff == 0, "a queue of one page");
            self.queue_head = 0;
        }
        if value & WBF != 0 {
            assert!(self.kind.write_buffer);
            self.flush();
            self.pending = Some((self.status, 2));
            self.status |= WBF;
            return;
        }
        if value & RTP != 0 {
            assert!(self.root.is_multiple_of(4096) && (self.flushed || !self.kind.write_buffer));
            self.root_taken = self.root;
            status |= RTP;
            self.status &= !RTP;
            self.contexts_forgotten = false;
        }
        if value & TE != 0 && self.status & TE == 0 {
            assert!(self.status & RTP != 0 && !self.cached.is_empty(), "on without tables");
        }
        self.pending = Some((status, 2));
    }

    fn flush(&mut self) {
        self.flushed = true;
        self.flushed_view = self.memory.seen();
    }

    /// Does what the queue says up to `tail`, in bytes.
    fn work_off(&mut self, tail: u64) {
        assert!(tail < 4096 && tail.is_multiple_of(16), "a place in the queue");
        if self.status & QIE == 0 {
            assert_eq!(tail, 0, "the queue starts empty");
            return;
        }
        while self.queue_head != tail && self.kind.hangs_at != Some(0x88) {
            if self.kind.ignores_invalidation {
                self.queue_fault = true;
                return;
            }
            let page = self.memory.seen()[&self.queue];
            let word = |at: u64| u64::from_le_bytes(page[at as usize..][..8].try_into().expect("8 bytes"));
            match (word(self.queue_head), word(self.queue_head + 8)) {
                (0x11, 0) => self.contexts_forgotten = true,
                (0xd2, 0) => self.forget_all_pages(),
                (low, address) if low & 0xffff_ffff == 0x65 => {
                    assert!(self.contexts_forgotten, "waits for nothing");
                    self.memory.write_by_unit(address, (low >> 32) as u32);
                }
                other => panic!("entry {other:x?} in the queue"),
            }
            self.queue_head = (self.queue_head + 16) % 4096;
        }
    }

    fn forget_contexts(&mut self, value: u32) {
        assert_eq!(value, 1 << 31 | 1 << 29, "invalidate everything");
        assert!(!self.kind.queue, "by register although there is a queue");
        self.context = 0;
        self.contexts_forgotten = true;
    }

    fn forget_pages(&mut self, value: u32) {
        assert_eq!(value & 0xf000_0000, 1 << 31 | 1 << 28, "invalidate everything");
        self.forget_all_pages();
    }

    fn forget_all_pages(&mut self) {
        assert!(self.contexts_forgotten, "contexts first");
        if !self.kind.write_buffer {
            self.flush();
        }
        self.cached = self.flushed_view.clone();
    }
}

const IOTLB_LOW: u64 = IOTLB + 8;
const IOTLB_HIGH: u64 = IOTLB + 12;
const FAULTS_END: u64 = FAULTS + 16 * RECORDS as u64;

impl Host for Machine {
    type Registers = Window;

    fn map_registers(&mut self, physical: u64, bytes: usize) -> Option<Window> {
        assert_eq!(physical, UNIT);
        Some(Window { machine: self.clone(), bytes })
    }

    fn allocate_table(&mut self) -> Option<DmaRegion> {
        self.with(|state| state.memory.allocate())
    }

    fn write_back(&mut self, physical: u64, bytes: usize) {
        self.with(|state| state.memory.write_back(physical, bytes));
    }

    fn now_us(&self) -> u64 {
        self.with(|state| state.now_us)
    }
}

/// The unit's registers, mapped.
pub struct Window {
    machine: Machine,
    bytes: usize,
}

impl Registers for Window {
    fn read8(&self, offset: usize) -> u8 {
        panic!("8 bits read at {offset:#x}")
    }
    fn read16(&self, offset: usize) -> u16 {
        panic!("16 bits read at {offset:#x}")
    }
    fn read32(&self, offset: usize) -> u32 {
        assert!(offset + 4 <= self.bytes && offset.is_multiple_of(4));
        self.machine.with(|state| state.read(offset as u64))
    }
    fn write8(&mut self, offset: usize, _: u8) {
        panic!("8 bits written at {offset:#x}")
    }
    fn write16(&mut self, offset: usize, _: u16) {
        panic!("16 bits written at {offset:#x}")
    }
    fn write32(&mut self, offset: usize, value: u32) {
        assert!(offset + 4 <= self.bytes && offset.is_multiple_of(4));
        self.machine.with(|state| state.write(offset as u64, value));
    }
}
