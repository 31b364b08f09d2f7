//! What is wrong with a DMAR table.

use core::fmt;

use noreturn_acpi::AcpiError;

/// Why a DMAR table, or a table on the way to it, is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DmarError {
    /// It cannot be reached, or is no sound ACPI table.
    Table(AcpiError),
    /// A structure is longer than what holds it, or shorter than its kind.
    Structure {
        /// Where it starts in the table.
        offset: usize,
    },
    /// A remapping unit lies at an address that is zero, not that of a page, or another one's.
    UnitAddress {
        /// The address.
        physical: u64,
    },
    /// A reserved region ends before it starts.
    Region {
        /// Where it starts.
        base: u64,
        /// Its last byte.
        limit: u64,
    },
    /// More remapping units than any machine has.
    TooManyUnits,
}

impl From<AcpiError> for DmarError {
    fn from(error: AcpiError) -> Self {
        Self::Table(error)
    }
}

impl fmt::Display for DmarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = "the firmware's DMAR table cannot be believed: ";
        match self {
            Self::Table(error) => return error.fmt(f),
            Self::Structure { offset } => write!(f, "{begin}it has a malformed structure at byte {offset}"),
            Self::UnitAddress { physical } => write!(f, "{begin}it names a remapping unit at {physical:#x}"),
            Self::Region { base, limit } => write!(f, "{begin}it reserves {base:#x} to {limit:#x}"),
            Self::TooManyUnits => write!(f, "{begin}it names too many remapping units"),
        }?;
        f.write_str("; update the firmware")
    }
}

impl core::error::Error for DmarError {}
