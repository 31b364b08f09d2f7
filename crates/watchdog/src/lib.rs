//! Watchdogs: hardware that resets the machine unless it is told in time that the box still runs.
//!
//! [`start`] takes the first one that the machine has. Once started none is ever stopped.
#![no_std]
#![forbid(unsafe_code)]

mod i6300esb;
mod tco;

use noreturn_nic::{Platform, Registers};

use i6300esb::I6300esb;
use tco::Tco;

/// Time from the last [`Watchdog::feed`] to the reset, at most, in microseconds.
pub const RESET_US_MAX: u64 = 4_900_000;
/// Time that should pass between two calls of [`Watchdog::feed`] at most, in microseconds.
pub const FEED_US: u64 = 250_000;

/// The processor's I/O ports, in the widths that watchdogs need.
pub trait Ports {
    /// Reads 16 bits.
    fn read16(&self, port: u16) -> u16;
    /// Writes 8 bits.
    fn write8(&mut self, port: u16, value: u8);
    /// Writes 16 bits.
    fn write16(&mut self, port: u16, value: u16);
    /// Writes 32 bits.
    fn write32(&mut self, port: u16, value: u32);
}

/// Which watchdog it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// Intel 6300ESB.
    I6300esb,
    /// The TCO timer of an Intel chipset.
    Tco,
}

/// A watchdog that runs.
#[derive(Debug)]
pub struct Watchdog<R, P> {
    timer: Timer<R, P>,
    reset_before: bool,
}

#[derive(Debug)]
enum Timer<R, P> {
    I6300esb(I6300esb<R>),
    Tco(Tco<P>),
}

/// Starts the machine's watchdog; `None` if it has none that can reset it.
pub fn start<M: Platform, P: Ports>(machine: &mut M, mut ports: P) -> Option<Watchdog<M::Registers, P>> {
    if let Some((timer, reset_before)) = I6300esb::start(machine, &mut ports) {
        return Some(Watchdog { timer: Timer::I6300esb(timer), reset_before });
    }
    let (timer, reset_before) = Tco::start(machine, ports)?;
    Some(Watchdog { timer: Timer::Tco(timer), reset_before })
}

impl<R: Registers, P: Ports> Watchdog<R, P> {
    /// Says that the box still runs.
    pub fn feed(&mut self) {
        match &mut self.timer {
            Timer::I6300esb(timer) => timer.feed(),
            Timer::Tco(timer) => timer.feed(),
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn model(&self) -> Model {
        match self.timer {
            Timer::I6300esb(_) => Model::I6300esb,
            Timer::Tco(_) => Model::Tco,
        }
    }

    /// Whether it was this watchdog that ended the boot before this one.
    #[must_use]
    pub const fn has_reset(&self) -> bool {
        self.reset_before
    }
}
