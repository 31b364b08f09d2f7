//! The watchdog of the Intel 6300ESB I/O controller hub (datasheet 300641-004, chapter 16).
//!
//! Two stages of a down counter: the first may interrupt, which is switched off here, the second resets.

use noreturn_nic::pci::Function;
use noreturn_nic::{PciAddress, Platform, Registers};

use crate::Ports;

const IDS: (u16, u16) = (0x8086, 0x25ab);
const DEVICES: u8 = 32;
const WINDOW_BYTES: usize = 16;

// Configuration space. Both must be written in exactly their own width.
const CONFIG: u8 = 0x60;
const LOCK: u8 = 0x68;
/// Interrupt type "disabled", prescaler for 1 kHz, reset at the end of the second stage.
const CONFIG_RESET_ONLY: u16 = 0b0000_0011;
const LOCK_ENABLE: u8 = 1 << 1;
/// Makes "enable" permanent until the next reset of the machine.
const LOCK_LOCKED: u8 = 1 << 0;

// Memory window.
const STAGE_1: usize = 0x00;
const STAGE_2: usize = 0x04;
const RELOAD: usize = 0x0c;
const RELOAD_UNLOCK: [u16; 2] = [0x80, 0x86];
const RELOAD_NOW: u16 = 1 << 8;
const RELOAD_TIMED_OUT: u16 = 1 << 9;

/// Ticks of a stage: 2^15 clocks of 33 MHz each, so that two stages take 4.07 s.
const STAGE_TICKS: u32 = 2048;

/// Configuration mechanism 1 (PCI Local Bus Specification 3.0, section 3.2.2.3.2).
const CONFIG_ADDRESS: u16 = 0xcf8;
const CONFIG_DATA: u16 = 0xcfc;

#[derive(Debug)]
pub(crate) struct I6300esb<R> {
    registers: R,
}

impl<R: Registers> I6300esb<R> {
    /// Starts it; also whether it had reset the machine. `None` if there is none on bus 0.
    pub(crate) fn start<M>(machine: &mut M, ports: &mut impl Ports) -> Option<(Self, bool)>
    where
        M: Platform<Registers = R>,
    {
        let function = find(machine)?;
        function.silence(machine);
        let window = function.memory_bar(machine, 0).ok().filter(|bar| bar.bytes >= WINDOW_BYTES as u64)?;
        let mut watchdog = Self { registers: machine.map_registers(window.physical, WINDOW_BYTES)? };
        let reset_before = watchdog.registers.read16(RELOAD) & RELOAD_TIMED_OUT != 0;
        watchdog.write_reload(RELOAD_TIMED_OUT);

        let port = select(ports, function.address, CONFIG);
        ports.write16(port, CONFIG_RESET_ONLY);
        watchdog.write_stage(STAGE_1);
        watchdog.write_stage(STAGE_2);
        watchdog.feed();
        let port = select(ports, function.address, LOCK);
        ports.write8(port, LOCK_ENABLE | LOCK_LOCKED);
        Some((watchdog, reset_before))
    }

    pub(crate) fn feed(&mut self) {
        self.write_reload(RELOAD_NOW);
    }

    /// Every write needs its own unlocking.
    fn unlock(&mut self) {
        RELOAD_UNLOCK.iter().for_each(|&word| self.registers.write16(RELOAD, word));
    }

    fn write_stage(&mut self, stage: usize) {
        self.unlock();
        self.registers.write32(stage, STAGE_TICKS);
    }

    fn write_reload(&mut self, value: u16) {
        self.unlock();
        self.registers.write16(RELOAD, value);
    }
}

fn find(machine: &impl Platform) -> Option<Function> {
    let at = |device| Function::at(machine, PciAddress { bus: 0, device, function: 0 });
    (0..DEVICES).filter_map(at).find(|function| (function.vendor, function.device) == IDS)
}

/// Selects a register for the next access to the port that is returned.
fn select(ports: &mut impl Ports, address: PciAddress, register: u8) -> u16 {
    let function = u32::from(address.device) << 11 | u32::from(address.function) << 8;
    let bus = u32::from(address.bus) << 16;
    ports.write32(CONFIG_ADDRESS, 1 << 31 | bus | function | u32::from(register & 0xfc));
    CONFIG_DATA + u16::from(register & 3)
}
