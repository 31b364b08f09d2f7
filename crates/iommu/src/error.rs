//! Why there is no fence, or none any more.

use core::fmt;

use noreturn_nic::PciAddress;

/// Why the fence cannot be set up, or does not stand any longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FenceError {
    /// A unit's registers cannot be mapped.
    NotMapped {
        /// Physical address of its registers.
        unit: u64,
    },
    /// Nothing answers where a unit should be.
    NoUnit {
        /// Physical address of its registers.
        unit: u64,
    },
    /// A unit has neither tables of three levels nor of four.
    NoTableWidth {
        /// Physical address of its registers.
        unit: u64,
    },
    /// A unit did not finish a command in time.
    Timeout {
        /// Physical address of its registers.
        unit: u64,
        /// What it should have done.
        what: &'static str,
    },
    /// A unit does not invalidate its caches, neither by queue nor, if it has none, by register.
    InvalidationIgnored {
        /// Physical address of its registers.
        unit: u64,
    },
    /// A unit's translation is off, or its registers no longer answer.
    Off {
        /// Physical address of its registers.
        unit: u64,
    },
    /// There is no memory for another table.
    NoMemory,
    /// A piece of memory is not made of whole pages, or lies where no unit can map it.
    Unmappable {
        /// Its physical address.
        physical: u64,
        /// Its length.
        bytes: u64,
    },
    /// A card was given the same page before.
    GivenTwice {
        /// The card.
        card: PciAddress,
        /// Physical address of the page.
        physical: u64,
    },
    /// More cards than any unit is sure to tell apart.
    TooManyCards,
}

impl fmt::Display for FenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMapped { unit } => write!(f, "cannot map the remapping unit at {unit:#x}"),
            Self::NoUnit { unit } => {
                write!(
                    f,
                    "no remapping unit answers at {unit:#x}, where the firmware says that one is; update it"
                )
            }
            Self::NoTableWidth { unit } => {
                write!(f, "the remapping unit at {unit:#x} has tables of neither three nor four levels")
            }
            Self::Timeout { unit, what } => write!(f, "the remapping unit at {unit:#x} did not {what}"),
            Self::InvalidationIgnored { unit } => {
                write!(
                    f,
                    "the remapping unit at {unit:#x} does not forget what it has read of its tables; switch VT-d off"
                )
            }
            Self::Off { unit } => write!(f, "the remapping unit at {unit:#x} no longer translates"),
            Self::NoMemory => f.write_str("no memory for the tables of the DMA fence"),
            Self::Unmappable { physical, bytes } => {
                write!(f, "{bytes} bytes at {physical:#x} cannot be given to a card")
            }
            Self::GivenTwice { card, physical } => {
                write!(f, "card {card} was given the page at {physical:#x} before")
            }
            Self::TooManyCards => f.write_str("more cards than the DMA fence can tell apart"),
        }
    }
}

impl core::error::Error for FenceError {}
