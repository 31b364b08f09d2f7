//! The fence of a machine: all of its remapping units.

use alloc::vec::Vec;
use core::fmt;

use noreturn_nic::{DmaAccess, MmioRegion, PciAddress, Registers};

use crate::dmar::Dmar;
use crate::error::FenceError;
use crate::host::Host;
use crate::unit::Unit;

/// An access that a unit has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Who tried.
    pub device: PciAddress,
    /// The page.
    pub address: u64,
    /// Whether it was a write.
    pub is_write: bool,
    /// Why it was stopped, in the specification's numbering (VT-d 4.1, section 7.1.3).
    pub reason: u8,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = if self.is_write { "write to" } else { "read from" };
        write!(f, "device {} tried to {tried} {:#x} (reason {:#04x})", self.device, self.address, self.reason)
    }
}

/// What was stopped since the last look.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    /// How many, at least: units record a repeated fault of one device once, and lose what they have no room for.
    pub count: u64,
    /// The first that was found.
    pub first: Option<Fault>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.count += 1;
        self.first.get_or_insert(fault);
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.or(other.first);
    }
}

/// Memory that a card may reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The card, in PCI segment 0.
    pub card: PciAddress,
    /// Physical address of the first byte, a multiple of 4096.
    pub physical: u64,
    /// Length in bytes, a multiple of 4096.
    pub bytes: u64,
    /// In which way. A card that only writes may read too on a unit that has no pages for writing only.
    pub access: DmaAccess,
}

/// A fence that stands.
#[derive(Debug)]
pub struct Fence<R = MmioRegion> {
    units: Vec<Unit<R>>,
}

impl<R: Registers> Fence<R> {
    /// Switches every unit on. From then on no device reaches any memory.
    ///
    /// # Errors
    /// [`FenceError`]; some units may then be on.
    pub fn start<H: Host<Registers = R>>(host: &mut H, dmar: &Dmar) -> Result<Self, FenceError> {
        let units = dmar.units.iter().map(|unit| Unit::start(host, unit));
        Ok(Self { units: units.collect::<Result<_, _>>()? })
    }

    /// Lets a card reach one more piece of memory.
    ///
    /// # Errors
    /// [`FenceError`]; the card may then reach a part of it.
    pub fn grant<H: Host<Registers = R>>(&mut self, host: &mut H, grant: Grant) -> Result<(), FenceError> {
        self.units.iter_mut().try_for_each(|unit| unit.grant(host, grant))
    }

    /// How many units there are.
    #[must_use]
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// Takes what was stopped since the last look, and makes sure that the fence stands.
    ///
    /// # Errors
    /// [`FenceError::Off`].
    pub fn look(&mut self) -> Result<Faults, FenceError> {
        let mut all = Faults::default();
        for unit in &mut self.units {
            all.merge(unit.look()?);
        }
        Ok(all)
    }
}
