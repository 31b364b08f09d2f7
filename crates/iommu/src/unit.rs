//! One remapping unit: its registers and its tables.

use noreturn_nic::{PciAddress, Registers};

use crate::dmar::RemappingUnit;
use crate::error::FenceError;
use crate::fence::{Fault, Faults, Grant};
use crate::host::Host;
use crate::queue::Queue;
use crate::registers::*;
use crate::tables::{Shape, Tables};

/// How long a unit may take for a command.
const TIMEOUT_US: u64 = 1_000_000;

/// A unit that translates.
#[derive(Debug)]
pub(crate) struct Unit<R> {
    /// Physical address of its registers: its name in messages.
    physical: u64,
    segment: u16,
    capabilities: Capabilities,
    registers: R,
    tables: Tables,
    /// How it is told to forget, if not by register.
    queue: Option<Queue>,
}

impl<R: Registers> Unit<R> {
    /// Gives a unit tables that let nothing through, and switches translation on.
    ///
    /// Firmware may have left it on, with tables of its own: it is then never off in between.
    pub(crate) fn start<H: Host<Registers = R>>(
        host: &mut H,
        unit: &RemappingUnit,
    ) -> Result<Self, FenceError> {
        let mut unit = Self::open(host, unit)?;
        unit.registers.write32(FAULT_CONTROL, FAULT_INTERRUPT_MASK);
        if unit.capabilities.has_queued_invalidation() {
            unit.stop_queue(host)?;
            unit.start_queue(host)?;
        }
        unit.flush_writes(host)?;
        write64(&mut unit.registers, ROOT_TABLE, unit.tables.physical());
        unit.command(host, ROOT_TABLE_SET, 0, "take its root table")?;
        unit.invalidate(host)?;
        unit.command(host, TRANSLATION, 0, "switch translation on")?;
        unit.release_protected_memory(host)?;
        Ok(unit)
    }

    /// Asks what the unit can do, and maps the rest of its registers.
    fn open<H: Host<Registers = R>>(host: &mut H, unit: &RemappingUnit) -> Result<Self, FenceError> {
        let physical = unit.registers;
        let not_mapped = FenceError::NotMapped { unit: physical };
        let fixed = host.map_registers(physical, FIXED_BYTES).ok_or(not_mapped)?;
        if matches!(fixed.read32(VERSION), 0 | u32::MAX) {
            return Err(FenceError::NoUnit { unit: physical });
        }
        let capabilities = Capabilities::read(&fixed);
        let levels = capabilities.levels().ok_or(FenceError::NoTableWidth { unit: physical })?;
        let shape = Shape {
            levels,
            address_bits: capabilities.address_bits().min(12 + 9 * levels),
            has_write_only_pages: capabilities.has_write_only_pages(),
        };
        let registers = host.map_registers(physical, capabilities.registers_bytes()).ok_or(not_mapped)?;
        let tables = Tables::allocate(host, shape)?;
        Ok(Self { physical, segment: unit.segment, capabilities, registers, tables, queue: None })
    }

    /// Lets a card reach memory, if the unit is responsible for its segment.
    pub(crate) fn grant<H: Host<Registers = R>>(
        &mut self,
        host: &mut H,
        grant: Grant,
    ) -> Result<(), FenceError> {
        if self.segment != 0 {
            return Ok(());
        }
        self.tables.grant(host, grant)?;
        self.flush_writes(host)?;
        self.invalidate(host)
    }

    /// What the unit has stopped since it was last asked.
    pub(crate) fn look(&mut self) -> Result<Faults, FenceError> {
        let status = self.registers.read32(GLOBAL_STATUS);
        if status == u32::MAX || status & TRANSLATION == 0 {
            return Err(FenceError::Off { unit: self.physical });
        }
        let mut faults = Faults::default();
        for record in 0..self.capabilities.fault_records() {
            if let Some(fault) = self.take_fault(record) {
                faults.add(fault);
            }
        }
        // Set while a fault found no free record.
        if self.registers.read32(FAULT_STATUS) & FAULT_OVERFLOW != 0 {
            self.registers.write32(FAULT_STATUS, FAULT_OVERFLOW);
            faults.count += 1;
        }
        Ok(faults)
    }

    fn take_fault(&mut self, record: usize) -> Option<Fault> {
        let offset = self.capabilities.fault_offset() + record * FAULT_RECORD_BYTES;
        let last = self.registers.read32(offset + 12);
        if last & FAULT_RECORDED == 0 {
            return None;
        }
        let source = self.registers.read32(offset + 8);
        let fault = Fault {
            device: PciAddress {
                bus: (source >> 8) as u8,
                device: (source >> 3) as u8 & 31,
                function: source as u8 & 7,
            },
            address: read64(&self.registers, offset) & !0xfff,
            is_write: last & FAULT_IS_READ == 0,
            reason: last as u8,
        };
        // Writing a one clears it, and makes room for the next.
        self.registers.write32(offset + 12, FAULT_RECORDED);
        Some(fault)
    }

    /// Leaves the queue of commands in memory that firmware may have been using.
    fn stop_queue<H: Host<Registers = R>>(&mut self, host: &mut H) -> Result<(), FenceError> {
        if self.registers.read32(GLOBAL_STATUS) & QUEUED_INVALIDATION == 0 {
            return Ok(());
        }
        self.wait(host, "finish the firmware's invalidations", |registers| {
            read64(registers, QUEUE_HEAD) == read64(registers, QUEUE_TAIL)
        })?;
        self.command(host, 0, QUEUED_INVALIDATION, "stop its invalidation queue")
    }

    fn start_queue<H: Host<Registers = R>>(&mut self, host: &mut H) -> Result<(), FenceError> {
        self.queue = Some(Queue::start(host, &mut self.registers)?);
        self.registers.write32(FAULT_STATUS, FAULT_QUEUE);
        self.command(host, QUEUED_INVALIDATION, 0, "start its invalidation queue")
    }

    fn flush_writes<H: Host<Registers = R>>(&mut self, host: &mut H) -> Result<(), FenceError> {
        if !self.capabilities.has_write_buffer() {
            return Ok(());
        }
        let lasting = self.registers.read32(GLOBAL_STATUS) & LASTING;
        self.registers.write32(GLOBAL_COMMAND, lasting | WRITE_BUFFER_FLUSH);
        self.wait(host, "flush its write buffer", |registers| {
            registers.read32(GLOBAL_STATUS) & WRITE_BUFFER_FLUSH == 0
        })
    }

    /// Has the unit forget what it has read of its tables, and wait for accesses that are under way.
    fn invalidate<H: Host<Registers = R>>(&mut self, host: &mut H) -> Result<(), FenceError> {
        let Some(queue) = &mut self.queue else { return self.invalidate_by_register(host) };
        queue.invalidate(host, &mut self.registers);
        wait(host, self.physical, "work off its invalidation queue", || {
            queue.is_done() || self.registers.read32(FAULT_STATUS) & FAULT_QUEUE != 0
        })?;
        if queue.is_done() { Ok(()) } else { Err(FenceError::InvalidationIgnored { unit: self.physical }) }
    }

    fn invalidate_by_register<H: Host<Registers = R>>(&mut self, host: &mut H) -> Result<(), FenceError> {
        let upper = CONTEXT_COMMAND + 4;
        self.registers.write32(CONTEXT_COMMAND, 0);
        self.registers.write32(upper, CONTEXT_INVALIDATE | CONTEXT_GLOBAL);
        self.wait(host, "invalidate its context cache", |registers| {
            registers.read32(upper) & CONTEXT_INVALIDATE == 0
        })?;
        let contexts = self.registers.read32(upper) & CONTEXT_DONE;

        let upper = self.capabilities.iotlb_offset() + IOTLB_COMMAND + 4;
        self.registers.write32(upper - 4, 0);
        self.registers.write32(upper, IOTLB_INVALIDATE | IOTLB_GLOBAL | IOTLB_DRAIN);
        self.wait(host, "invalidate its IOTLB", |registers| registers.read32(upper) & IOTLB_INVALIDATE == 0)?;
        let pages = self.registers.read32(upper) & IOTLB_DONE;
        if contexts == 0 || pages == 0 {
            return Err(FenceError::InvalidationIgnored { unit: self.physical });
        }
        Ok(())
    }

    /// Memory that the firmware had kept from all devices before there were tables.
    fn release_protected_memory<H: Host<Registers = R>>(&mut self, host: &mut H) -> Result<(), FenceError> {
        if !self.capabilities.has_protected_memory() {
            return Ok(());
        }
        let value = self.registers.read32(PROTECTED_MEMORY) & !PROTECTED_MEMORY_ON;
        self.registers.write32(PROTECTED_MEMORY, value);
        self.wait(host, "release protected memory", |registers| {
            registers.read32(PROTECTED_MEMORY) & PROTECTED_MEMORY_STATUS == 0
        })
    }

    /// Changes one bit of the global command and waits until the status shows it.
    fn command<H: Host<Registers = R>>(
        &mut self,
        host: &mut H,
        set: u32,
        cleared: u32,
        what: &'static str,
    ) -> Result<(), FenceError> {
        let lasting = self.registers.read32(GLOBAL_STATUS) & LASTING;
        self.registers.write32(GLOBAL_COMMAND, lasting & !cleared | set);
        self.wait(host, what, |registers| registers.read32(GLOBAL_STATUS) & (set | cleared) == set)
    }

    fn wait<H: Host<Registers = R>>(
        &self,
        host: &mut H,
        what: &'static str,
        done: impl Fn(&R) -> bool,
    ) -> Result<(), FenceError> {
        wait(host, self.physical, what, || done(&self.registers))
    }
}

/// Waits until a unit has done something.
fn wait<H: Host>(
    host: &mut H,
    unit: u64,
    what: &'static str,
    done: impl Fn() -> bool,
) -> Result<(), FenceError> {
    let start = host.now_us();
    while !done() {
        if host.now_us().saturating_sub(start) > TIMEOUT_US {
            return Err(FenceError::Timeout { unit, what });
        }
    }
    Ok(())
}
