//! ACPI tables: from the root pointer to one table, each checked before a byte of it is believed.
//!
//! Source: ACPI 6.5, sections 5.2.5 (RSDP), 5.2.6 (header) and 5.2.8 (XSDT).
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "model")]
extern crate std;

#[cfg(feature = "model")]
pub mod model;
mod pm_timer;

use core::fmt;

pub use pm_timer::{PmTimer, find_pm_timer};

/// Memory in which the firmware left its tables.
pub trait FirmwareMemory {
    /// `bytes` at a physical address; `None` if they cannot be read.
    fn bytes(&self, physical: u64, bytes: usize) -> Option<&[u8]>;
}

/// What is wrong with the firmware's tables. `table` is the signature of the one that is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcpiError {
    /// It lies where nothing can be read.
    Unreadable {
        /// Which.
        table: &'static str,
        /// Its physical address.
        physical: u64,
    },
    /// Another table, or none, lies there.
    Signature {
        /// Which.
        table: &'static str,
    },
    /// Its bytes do not add up to zero.
    Checksum {
        /// Which.
        table: &'static str,
    },
    /// Its length cannot be.
    Length {
        /// Which.
        table: &'static str,
        /// The length that it claims.
        bytes: u32,
    },
    /// The root pointer is of ACPI 1 and has no XSDT.
    NoXsdt,
    /// There are two of them.
    Twice {
        /// Which.
        table: &'static str,
    },
}

impl fmt::Display for AcpiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the firmware's ACPI tables cannot be believed: ")?;
        match self {
            Self::Unreadable { table, physical } => write!(f, "{table} at {physical:#x} cannot be read"),
            Self::Signature { table } => write!(f, "{table} has another signature"),
            Self::Checksum { table } => write!(f, "{table} has a wrong checksum"),
            Self::Length { table, bytes } => write!(f, "{table} claims to have {bytes} bytes"),
            Self::NoXsdt => f.write_str("there is no XSDT"),
            Self::Twice { table } => write!(f, "there are two {table} tables"),
        }?;
        f.write_str("; update the firmware")
    }
}

impl core::error::Error for AcpiError {}

/// Bytes of the header that every table starts with.
pub const HEADER_BYTES: usize = 36;
/// No table of a real machine comes near this.
const TABLE_BYTES_MAX: u32 = 1 << 20;

const RSDP: &str = "RSDP";
const RSDP_BYTES: usize = 36;
const RSDP_BYTES_MAX: u32 = 4096;
/// What ACPI 1 defined, with a checksum of its own.
const RSDP_FIRST_BYTES: usize = 20;

/// The table with this signature, whole and checked; `None` if the machine has none.
///
/// # Errors
/// [`AcpiError`]; tables with other signatures are not looked into.
pub fn find<'m, M: FirmwareMemory>(
    memory: &'m M,
    root: u64,
    table: &'static str,
) -> Result<Option<&'m [u8]>, AcpiError> {
    let entries = &self::table(memory, xsdt_address(memory, root)?, "XSDT")?[HEADER_BYTES..];
    let (entries, rest) = entries.as_chunks();
    if !rest.is_empty() {
        return Err(AcpiError::Length {
            table: "XSDT",
            bytes: (HEADER_BYTES + entries.len() * 8 + rest.len()) as u32,
        });
    }
    let mut found = None;
    for physical in entries.iter().map(|entry| u64::from_le_bytes(*entry)) {
        let signature = memory.bytes(physical, table.len());
        let signature = signature.ok_or(AcpiError::Unreadable { table: "an entry of XSDT", physical })?;
        if signature == table.as_bytes() && found.replace(self::table(memory, physical, table)?).is_some() {
            return Err(AcpiError::Twice { table });
        }
    }
    Ok(found)
}

fn xsdt_address<M: FirmwareMemory>(memory: &M, root: u64) -> Result<u64, AcpiError> {
    let unreadable = AcpiError::Unreadable { table: RSDP, physical: root };
    let pointer = memory.bytes(root, RSDP_BYTES).ok_or(unreadable)?;
    if !pointer.starts_with(b"RSD PTR ") {
        return Err(AcpiError::Signature { table: RSDP });
    }
    check_sum(&pointer[..RSDP_FIRST_BYTES], RSDP)?;
    if pointer[15] < 2 {
        return Err(AcpiError::NoXsdt);
    }
    let bytes = number32(pointer, 20);
    if !(RSDP_BYTES as u32..=RSDP_BYTES_MAX).contains(&bytes) {
        return Err(AcpiError::Length { table: RSDP, bytes });
    }
    check_sum(memory.bytes(root, bytes as usize).ok_or(unreadable)?, RSDP)?;
    Ok(number64(pointer, 24))
}

/// A table at an address: at least a header, of the signature and length that it should have.
fn table<'m, M: FirmwareMemory>(
    memory: &'m M,
    physical: u64,
    table: &'static str,
) -> Result<&'m [u8], AcpiError> {
    let unreadable = AcpiError::Unreadable { table, physical };
    let header = memory.bytes(physical, HEADER_BYTES).ok_or(unreadable)?;
    if !header.starts_with(table.as_bytes()) {
        return Err(AcpiError::Signature { table });
    }
    let bytes = number32(header, 4);
    if !(HEADER_BYTES as u32..=TABLE_BYTES_MAX).contains(&bytes) {
        return Err(AcpiError::Length { table, bytes });
    }
    let whole = memory.bytes(physical, bytes as usize).ok_or(unreadable)?;
    check_sum(whole, table)?;
    Ok(whole)
}

fn check_sum(bytes: &[u8], table: &'static str) -> Result<(), AcpiError> {
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if sum == 0 { Ok(()) } else { Err(AcpiError::Checksum { table }) }
}

/// The little-endian number at an offset, which the caller has checked to be inside.
///
/// # Panics
/// If it is not inside.
#[must_use]
pub fn number16(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([bytes[offset], bytes[offset + 1]])
}

/// As [`number16`].
///
/// # Panics
/// As [`number16`].
#[must_use]
pub fn number32(bytes: &[u8], offset: usize) -> u32 {
    u32::from(number16(bytes, offset)) | u32::from(number16(bytes, offset + 2)) << 16
}

/// As [`number16`].
///
/// # Panics
/// As [`number16`].
#[must_use]
pub fn number64(bytes: &[u8], offset: usize) -> u64 {
    u64::from(number32(bytes, offset)) | u64::from(number32(bytes, offset + 4)) << 32
}
