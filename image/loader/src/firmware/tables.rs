//! The firmware's ACPI tables, where it left them.

use core::slice;

use noreturn_acpi::FirmwareMemory;
use uefi::boot::{self, MemoryType};
use uefi::mem::memory_map::{MemoryMap, MemoryMapOwned};

/// Memory in which the firmware says that its tables lie.
pub struct Tables(MemoryMapOwned);

impl Tables {
    /// Asks the firmware where that is; `None` if it does not say.
    pub fn find() -> Option<Self> {
        boot::memory_map(MemoryType::LOADER_DATA).ok().map(Self)
    }

    /// Whether one piece of the memory map holds the whole range and is for tables (UEFI 2.10, section 7.2, and ACPI 6.5, table 15.6).
    fn is_for_tables(&self, start: u64, end: u64) -> bool {
        self.0.entries().any(|piece| {
            let is_for_tables = matches!(
                piece.ty,
                MemoryType::ACPI_RECLAIM
                    | MemoryType::ACPI_NON_VOLATILE
                    | MemoryType::RESERVED
                    | MemoryType::RUNTIME_SERVICES_DATA
            );
            let piece_end = piece.phys_start.saturating_add(piece.page_count.saturating_mul(4096));
            is_for_tables && piece.phys_start <= start && end <= piece_end
        })
    }
}

impl FirmwareMemory for Tables {
    fn bytes(&self, physical: u64, bytes: usize) -> Option<&[u8]> {
        let end = physical.checked_add(bytes as u64)?;
        if physical == 0 || !self.is_for_tables(physical, end) {
            return None;
        }
        // SAFETY: the memory map says that the range exists and is kept for the firmware's data, and UEFI maps it to itself
        // (UEFI 2.10, section 2.3.4). Nobody changes the static tables while the loader reads them.
        Some(unsafe { slice::from_raw_parts(physical as *const u8, bytes) })
    }
}
