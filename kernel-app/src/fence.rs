//! The machine's DMA fence: found and switched on before any card is touched, and watched while the box runs.

use core::slice;

use noreturn_acpi::FirmwareMemory;
use noreturn_iommu::{Dmar, Fence};
use noreturn_nic::PciAddress;
use noreturn_wire::DmaFence;

use crate::fatal::{Fatal, say};
use crate::machine::Machine;

/// What the loader maps identically: every address below it is a pointer.
const MAPPED_BYTES: u64 = 512 << 30;

/// The firmware's tables, where it left them.
pub struct Tables;

impl FirmwareMemory for Tables {
    fn bytes(&self, physical: u64, bytes: usize) -> Option<&[u8]> {
        let end = physical.checked_add(bytes as u64)?;
        if physical == 0 || end > MAPPED_BYTES {
            return None;
        }
        // SAFETY: the loader mapped the range identically. The firmware says that its tables lie there, and the loader gave
        // the kernel no memory that the firmware keeps, so nothing writes to them.
        Some(unsafe { slice::from_raw_parts(physical as *const u8, bytes) })
    }
}

/// Switches the fence on, if the machine can have one. From then on no device reaches any memory but what
/// [`Machine`] gives it; each of `cards` must be one that the fence holds.
pub fn start(machine: &mut Machine, acpi_root: u64, cards: [PciAddress; 2]) -> Result<DmaFence, Fatal> {
    let Some(dmar) = Dmar::find(&Tables, acpi_root)? else {
        say!("no DMA fence: the machine has no remapping units, or the firmware hides them (VT-d)");
        return Ok(DmaFence::None);
    };
    if let Some(card) = cards.into_iter().find(|card| !dmar.covers(machine, *card)) {
        return Err(Fatal::Unfenced(card));
    }
    machine.raise_fence(&dmar)?;
    say!("DMA fence: {} units; {} regions of the firmware fenced too", dmar.units.len(), dmar.reserved.len());
    Ok(DmaFence::Active)
}

/// Looks after the fence, if there is one.
#[derive(Default)]
pub struct Guard {
    fence: Option<Fence>,
    stopped_before: u64,
}

impl Guard {
    /// Takes over when the cards run. What was stopped before was of devices that the firmware had left at work.
    pub fn new(mut fence: Option<Fence>) -> Result<Self, Fatal> {
        let before = fence.as_mut().map(Fence::look).transpose()?.unwrap_or_default();
        if let Some(fault) = before.first {
            say!(
                "stopped {} accesses to memory by what the firmware had left at work; {fault}",
                before.count
            );
        }
        Ok(Self { fence, stopped_before: before.count })
    }

    /// Accesses that were stopped before the cards ran; every later one stops the box.
    pub fn stopped_before(&self) -> u64 {
        self.stopped_before
    }

    /// Makes sure that the fence stands and that nothing has run into it.
    pub fn look(&mut self) -> Result<(), Fatal> {
        let faults = self.fence.as_mut().map(Fence::look).transpose()?.unwrap_or_default();
        if faults.count == 0 { Ok(()) } else { Err(Fatal::DmaFault(faults)) }
    }
}
