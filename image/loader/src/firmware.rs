//! The UEFI side of the loader: all calls into the firmware, and all `unsafe` code.
//!
//! Nothing here decides whether the kernel may run; see the library beside it.

pub mod console;
pub mod cpu;
pub mod disk;
pub mod launch;
pub mod owner;
pub mod pages;
pub mod restart;
pub mod secure_boot;
pub mod serial;
pub mod tables;
pub mod tpm;

use noreturn_loader::refusal::FirmwareStatus;
use uefi::{Status, table};

/// The status as the library keeps it.
fn status_of(status: Status) -> FirmwareStatus {
    const ERROR_BIT: u64 = 1 << 63;
    FirmwareStatus(status.0 as u64 & !ERROR_BIT)
}

/// Whether the firmware's boot services can still be called.
fn boot_services_active() -> bool {
    table::system_table_raw().is_some_and(|table| {
        // SAFETY: the pointer is the one that the firmware started us with, and the system table
        // is runtime memory: it stays where it is when the boot services end, which clear this field.
        !unsafe { table.as_ref() }.boot_services.is_null()
    })
}
