//! The drivers against models of the hardware, in virtual time: a box that feeds lives, a box that stalls is reset.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use noreturn_nic::{ConfigSpace, DmaAccess, DmaRegion, PciAddress, Platform, Registers};
use noreturn_watchdog::{FEED_US, Model, Ports, RESET_US_MAX, Watchdog, start};

const ESB: PciAddress = PciAddress { bus: 0, device: 6, function: 0 };
const LPC: PciAddress = PciAddress { bus: 0, device: 31, function: 0 };
const ESB_WINDOW: u64 = 0xfe00_0000;
const ROOT_COMPLEX: u64 = 0xfed1_c000;
const PM_BASE: u16 = 0x600;

/// A down counter in two stages, as both watchdogs are.
#[derive(Default)]
struct Counter {
    stage_us: [u64; 2],
    runs: bool,
    /// Time since it was last loaded.
    since_us: u64,
}

impl Counter {
    fn is_over(&self) -> bool {
        self.runs && self.since_us >= self.stage_us.iter().sum()
    }
}

#[derive(Default)]
struct State {
    config: BTreeMap<(u8, u8), u32>,
    counter: Counter,
    config_address: u32,
    /// 6300ESB: words of the unlocking sequence seen so far.
    unlocked: usize,
    esb_config: u16,
    esb_lock: u8,
    timed_out: bool,
    /// TCO.
    strap: bool,
    no_reboot: bool,
    tco_control: u16,
    /// Words that were written without what must go before them.
    ignored: usize,
}

impl State {
    fn write_esb(&mut self, offset: usize, value: u32) {
        match (offset, value, self.unlocked) {
            (0x0c, 0x80, _) => self.unlocked = 1,
            (0x0c, 0x86, 1) => self.unlocked = 2,
            (_, _, 2) => {
                self.unlocked = 0;
                match offset {
                    // The prescaler divides 33 MHz by 2^15.
                    0x00 | 0x04 => self.counter.stage_us[offset / 4] = (u64::from(value) << 15) / 33,
                    0x0c => {
                        self.counter.since_us = if value & 0x100 != 0 { 0 } else { self.counter.since_us };
                        self.timed_out &= value & 0x200 == 0;
                    }
                    _ => self.ignored += 1,
                }
            }
            _ => self.ignored += 1,
        }
    }

    fn write_tco(&mut self, port: u16, value: u16) {
        match port - PM_BASE - 0x60 {
            0x00 => self.counter.since_us = 0,
            0x04 => {}
            0x06 => self.timed_out &= value & 2 == 0,
            0x08 => {
                self.tco_control = value;
                self.counter.runs = value & 1 << 11 == 0 && !self.no_reboot;
            }
            0x12 => self.counter.stage_us = [u64::from(value) * 600_000; 2],
            _ => self.ignored += 1,
        }
    }
}

#[derive(Clone, Default)]
struct Machine(Rc<RefCell<State>>);

impl Machine {
    fn with_esb() -> Self {
        let machine = Self::default();
        let mut state = machine.0.borrow_mut();
        state.config.insert((ESB.device, 0x00), 0x25ab_8086);
        state.config.insert((ESB.device, 0x10), ESB_WINDOW as u32);
        drop(state);
        machine
    }

    fn with_tco(strap: bool) -> Self {
        let machine = Self::default();
        let mut state = machine.0.borrow_mut();
        state.config.insert((LPC.device, 0x00), 0x2918_8086);
        state.config.insert((LPC.device, 0x40), u32::from(PM_BASE) | 1);
        state.config.insert((LPC.device, 0x44), 0x80);
        state.config.insert((LPC.device, 0xf0), ROOT_COMPLEX as u32 | 1);
        (state.strap, state.no_reboot, state.counter.runs) = (strap, true, false);
        drop(state);
        machine
    }

    fn start(&self) -> Option<Watchdog<Window, Self>> {
        start(&mut self.clone(), self.clone())
    }

    /// Lets time pass; whether the machine is reset.
    fn pass(&self, microseconds: u64) -> bool {
        let mut state = self.0.borrow_mut();
        state.counter.since_us += microseconds;
        state.counter.is_over()
    }
}

impl ConfigSpace for Machine {
    fn read(&self, address: PciAddress, offset: u8) -> u32 {
        let state = self.0.borrow();
        let is_there = state.config.contains_key(&(address.device, 0)) && address.bus == 0;
        if !is_there {
            return u32::MAX;
        }
        state.config.get(&(address.device, offset)).copied().unwrap_or(0)
    }

    fn write(&mut self, address: PciAddress, offset: u8, value: u32) {
        // A window of 16 bytes: the low four bits of its register stay zero.
        let value = if offset == 0x10 { value & !0xf } else { value };
        self.0.borrow_mut().config.insert((address.device, offset), value);
    }
}

impl Platform for Machine {
    type Registers = Window;

    fn map_registers(&mut self, physical: u64, _: usize) -> Option<Window> {
        Some(Window { machine: self.clone(), physical })
    }

    fn map_registers_read_only(&mut self, _: u64, _: usize) -> Option<Window> {
        None
    }

    fn allocate_dma(&mut self, _: PciAddress, _: usize, _: DmaAccess) -> Option<DmaRegion> {
        None
    }

    fn is_dma_fenced(&self) -> bool {
        false
    }

    fn now_us(&self) -> u64 {
        0
    }

    fn sleep_us(&mut self, _: u32) {}
}

impl Ports for Machine {
    fn read16(&self, port: u16) -> u16 {
        let state = self.0.borrow();
        match port - PM_BASE - 0x60 {
            0x06 if state.timed_out => 2,
            0x08 => state.tco_control,
            _ => 0,
        }
    }

    fn write8(&mut self, port: u16, value: u8) {
        let mut state = self.0.borrow_mut();
        assert_eq!((port, state.config_address), (0xcfc, 1 << 31 | 6 << 11 | 0x68));
        state.esb_lock = value;
        state.counter.runs = value & 2 != 0 && state.esb_config & 1 << 5 == 0;
    }

    fn write16(&mut self, port: u16, value: u16) {
        let mut state = self.0.borrow_mut();
        if port == 0xcfc {
            assert_eq!(state.config_address, 1 << 31 | 6 << 11 | 0x60);
            state.esb_config = value;
        } else {
            state.write_tco(port, value);
        }
    }

    fn write32(&mut self, port: u16, value: u32) {
        assert_eq!(port, 0xcf8);
        self.0.borrow_mut().config_address = value;
    }
}

/// A window onto registers of the model.
struct Window {
    machine: Machine,
    physical: u64,
}

impl Registers for Window {
    fn read8(&self, _: usize) -> u8 {
        unreachable!("no register has 8 bits")
    }

    fn read16(&self, offset: usize) -> u16 {
        assert_eq!((self.physical, offset), (ESB_WINDOW, 0x0c));
        u16::from(self.machine.0.borrow().timed_out) << 9
    }

    fn read32(&self, offset: usize) -> u32 {
        assert_eq!((self.physical, offset), (ROOT_COMPLEX + 0x3410, 0));
        u32::from(self.machine.0.borrow().no_reboot) << 5
    }

    fn write8(&mut self, _: usize, _: u8) {
        unreachable!("no register has 8 bits")
    }

    fn write16(&mut self, offset: usize, value: u16) {
        self.machine.0.borrow_mut().write_esb(offset, value.into());
    }

    fn write32(&mut self, offset: usize, value: u32) {
        let mut state = self.machine.0.borrow_mut();
        if self.physical == ESB_WINDOW {
            state.write_esb(offset, value);
        } else {
            state.no_reboot = value & 1 << 5 != 0 || state.strap;
        }
    }
}

fn lives_while_fed_and_is_reset_when_it_stalls(machine: &Machine, model: Model) {
    let mut watchdog = machine.start().expect("there is one");
    assert_eq!((watchdog.model(), watchdog.has_reset()), (model, false));
    for _ in 0..10_000 {
        assert!(!machine.pass(FEED_US));
        watchdog.feed();
    }
    assert!(!machine.pass(RESET_US_MAX / 2), "a slow step is no stall");
    assert!(machine.pass(RESET_US_MAX / 2));
    assert_eq!(machine.0.borrow().ignored, 0);
}

#[test]
fn i6300esb() {
    let machine = Machine::with_esb();
    lives_while_fed_and_is_reset_when_it_stalls(&machine, Model::I6300esb);
    let state = machine.0.borrow();
    assert_eq!((state.esb_config, state.esb_lock), (3, 3), "resets, without interrupts, for ever");
}

#[test]
fn tco() {
    lives_while_fed_and_is_reset_when_it_stalls(&Machine::with_tco(false), Model::Tco);
}

#[test]
fn the_reset_before_is_told_once() {
    for machine in [Machine::with_esb(), Machine::with_tco(false)] {
        machine.0.borrow_mut().timed_out = true;
        assert!(machine.start().expect("there is one").has_reset());
        assert!(!machine.start().expect("there is one").has_reset());
    }
}

#[test]
fn one_that_cannot_reset_is_none() {
    assert!(Machine::with_tco(true).start().is_none(), "the strap is set");
    let switched_off = Machine::with_tco(false);
    switched_off.0.borrow_mut().config.insert((LPC.device, 0x44), 0);
    assert!(switched_off.start().is_none(), "no ports");
    assert!(Machine::default().start().is_none(), "an empty machine");
}
