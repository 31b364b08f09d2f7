//! The power management timer: a counter of 3.579545 MHz that every PC has and that nothing slows down.
//!
//! Source: ACPI 6.5, sections 4.8.3.3 (the timer) and 5.2.9 (FADT).

use crate::{AcpiError, FirmwareMemory, find, number32, number64};

const TABLE: &str = "FACP";
const PORT: usize = 76;
const LENGTH: usize = 91;
const EXTENDED: usize = 208;
/// Of the extended address: where it says what kind of address it is, and where the address is.
const SPACE: usize = EXTENDED;
const ADDRESS: usize = EXTENDED + 4;
const EXTENDED_END: usize = EXTENDED + 12;
const SPACE_PORTS: u8 = 1;
/// Bytes of the table of ACPI 1, which has no extended addresses.
const FIRST_BYTES: usize = 116;
const TIMER_BYTES: u8 = 4;

/// Where the timer is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PmTimer {
    /// Port of its 32-bit register.
    pub port: u16,
}

impl PmTimer {
    /// Ticks in a second.
    pub const HZ: u64 = 3_579_545;

    /// Ticks between two readings less than 4.6 s apart: only 24 bits are sure to be there.
    #[must_use]
    pub const fn ticks(earlier: u32, later: u32) -> u32 {
        later.wrapping_sub(earlier) & 0x00ff_ffff
    }
}

/// The timer of a machine whose ACPI root pointer is at `root`; `None` if it has none behind a port.
///
/// # Errors
/// [`AcpiError`] if any table on the way is not as it must be.
pub fn find_pm_timer<M: FirmwareMemory>(memory: &M, root: u64) -> Result<Option<PmTimer>, AcpiError> {
    let Some(table) = find(memory, root, TABLE)? else { return Ok(None) };
    if table.len() < FIRST_BYTES {
        return Err(AcpiError::Length { table: TABLE, bytes: table.len() as u32 });
    }
    Ok(port(table).map(|port| PmTimer { port }))
}

fn port(table: &[u8]) -> Option<u16> {
    if table[LENGTH] != TIMER_BYTES {
        return None;
    }
    let extended = (table.len() >= EXTENDED_END).then(|| (table[SPACE], number64(table, ADDRESS)));
    let address = match extended {
        Some((SPACE_PORTS, address)) if address != 0 => address,
        Some((space, address)) if space != SPACE_PORTS && address != 0 => return None,
        _ => u64::from(number32(table, PORT)),
    };
    u16::try_from(address).ok().filter(|&port| port != 0)
}
