//! The firmware's word for the TPM: ACPI table TPM2.
//!
//! Source: TCG ACPI Specification 1.4, section 8 (table 7, and the start methods of table 8).

use noreturn_acpi::{AcpiError, FirmwareMemory, number32};

const TABLE: &str = "TPM2";
const START_METHOD: usize = 48;
const BYTES_MIN: usize = 52;
const METHOD_TIS: u32 = 6;
const METHOD_CRB: u32 = 7;

/// How a TPM is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interface {
    /// Byte by byte through a FIFO (TIS, "FIFO interface").
    Tis,
    /// Through a command and response buffer.
    Crb,
    /// In a way that this program does not know, such as calls into ACPI code; its start method.
    Other(u32),
}

/// How the machine's TPM 2.0 is spoken to; `None` if its firmware tells of none.
///
/// # Errors
/// [`AcpiError`] if any table on the way is not as it must be.
pub fn find<M: FirmwareMemory>(memory: &M, root: u64) -> Result<Option<Interface>, AcpiError> {
    let Some(table) = noreturn_acpi::find(memory, root, TABLE)? else { return Ok(None) };
    if table.len() < BYTES_MIN {
        return Err(AcpiError::Length { table: TABLE, bytes: table.len() as u32 });
    }
    Ok(Some(match number32(table, START_METHOD) {
        METHOD_TIS => Interface::Tis,
        METHOD_CRB => Interface::Crb,
        other => Interface::Other(other),
    }))
}
