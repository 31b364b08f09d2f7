//! The TCO timer of Intel's I/O controller hubs 9 and 10 (ICH9 datasheet 316972-004, sections 13.8 and 10.1.46).
//!
//! It counts down twice; after the second time it resets the machine, unless a strap on the board forbids it. Later
//! chipsets keep the strap elsewhere and are not driven.

use noreturn_nic::pci::Function;
use noreturn_nic::{PciAddress, Platform, Registers};

use crate::Ports;

const LPC_BRIDGE: PciAddress = PciAddress { bus: 0, device: 31, function: 0 };
const VENDOR: u16 = 0x8086;
/// LPC bridges of ICH9 and ICH10.
const DEVICES: [u16; 11] =
    [0x2910, 0x2912, 0x2914, 0x2916, 0x2917, 0x2918, 0x2919, 0x3a14, 0x3a16, 0x3a18, 0x3a1a];

// Configuration space of the bridge.
const PM_BASE: u8 = 0x40;
const PM_BASE_MASK: u32 = 0xff80;
const ACPI_CONTROL: u8 = 0x44;
const ACPI_ENABLE: u32 = 1 << 7;
const ROOT_COMPLEX_BASE: u8 = 0xf0;
const ROOT_COMPLEX_ENABLE: u32 = 1 << 0;
const ROOT_COMPLEX_MASK: u32 = 0xffff_c000;

/// General control and status, in the root complex's memory window.
const GCS: u64 = 0x3410;
const GCS_NO_REBOOT: u32 = 1 << 5;

// I/O ports, relative to the power management base.
const TCO: u16 = 0x60;
const RELOAD: u16 = TCO;
const STATUS_1: u16 = TCO + 0x04;
const STATUS_2: u16 = TCO + 0x06;
const CONTROL_1: u16 = TCO + 0x08;
const TIMER: u16 = TCO + 0x12;

const STATUS_1_TIMED_OUT: u16 = 1 << 3;
const STATUS_2_TIMED_OUT_TWICE: u16 = 1 << 1;
const CONTROL_1_HALT: u16 = 1 << 11;
/// Ticks of 0.6 s, of which the hardware asks for at least four; it resets after twice as many.
const TICKS: u16 = 4;

#[derive(Debug)]
pub(crate) struct Tco<P> {
    ports: P,
    base: u16,
}

impl<P: Ports> Tco<P> {
    /// Starts it; also whether it had reset the machine. `None` if there is none, or it cannot reset.
    pub(crate) fn start<M: Platform>(machine: &mut M, ports: P) -> Option<(Self, bool)> {
        let bridge = Function::at(machine, LPC_BRIDGE)?;
        if bridge.vendor != VENDOR || !DEVICES.contains(&bridge.device) {
            return None;
        }
        allow_reset(machine)?;
        let mut watchdog = Self { ports, base: ports_base(machine)? };
        let reset_before = watchdog.read(STATUS_2) & STATUS_2_TIMED_OUT_TWICE != 0;
        watchdog.write(CONTROL_1, watchdog.read(CONTROL_1) | CONTROL_1_HALT);
        // Both are cleared by writing ones.
        watchdog.write(STATUS_1, STATUS_1_TIMED_OUT);
        watchdog.write(STATUS_2, STATUS_2_TIMED_OUT_TWICE);
        watchdog.write(TIMER, TICKS);
        watchdog.feed();
        watchdog.write(CONTROL_1, watchdog.read(CONTROL_1) & !CONTROL_1_HALT);
        Some((watchdog, reset_before))
    }

    pub(crate) fn feed(&mut self) {
        // Any value reloads.
        self.write(RELOAD, 1);
    }

    fn read(&self, register: u16) -> u16 {
        self.ports.read16(self.base + register)
    }

    fn write(&mut self, register: u16, value: u16) {
        self.ports.write16(self.base + register, value);
    }
}

/// Clears the bit that keeps the timer from resetting the machine; `None` if it stays, which a strap can make it do.
fn allow_reset<M: Platform>(machine: &mut M) -> Option<()> {
    let base = machine.read(LPC_BRIDGE, ROOT_COMPLEX_BASE);
    if base & ROOT_COMPLEX_ENABLE == 0 {
        return None;
    }
    let mut registers = machine.map_registers(u64::from(base & ROOT_COMPLEX_MASK) + GCS, size_of::<u32>())?;
    let gcs = registers.read32(0);
    registers.write32(0, gcs & !GCS_NO_REBOOT);
    (registers.read32(0) & GCS_NO_REBOOT == 0).then_some(())
}

/// Where the ports are, if they are switched on.
fn ports_base(machine: &impl Platform) -> Option<u16> {
    let is_on = machine.read(LPC_BRIDGE, ACPI_CONTROL) & ACPI_ENABLE != 0;
    let base = (machine.read(LPC_BRIDGE, PM_BASE) & PM_BASE_MASK) as u16;
    (is_on && base != 0).then_some(base)
}
