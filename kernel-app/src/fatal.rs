//! What stops the box while it still knows what it does. Running on in an unknown state is not an option.

use alloc::vec::Vec;
use core::fmt;

use noreturn_acpi::AcpiError;
use noreturn_image_format::{ConfigError, HandoverError};
use noreturn_iommu::{DmarError, Faults, FenceError};
use noreturn_nic::pci::Function;
use noreturn_nic::{PciAddress, ReceivePath, StartError, TransmitTimeout};
use noreturn_wire::LastStop;

/// Why the box cannot go on.
pub enum Fatal {
    /// This machine computes something else than it should: what that is.
    SelfTest(Vec<&'static str>),
    /// The loader's arguments are missing or wrong.
    Handover(HandoverError),
    /// The configuration in memory is not the one that the loader measured.
    ConfigChanged,
    /// The configuration is refused.
    Config(ConfigError),
    /// The table of exceptions is not the one that was expected.
    Exceptions,
    /// There is no memory for page tables.
    Protection,
    /// The processor gives no random numbers.
    NoEntropy,
    /// The machine has less free memory than this.
    Memory {
        /// What it should have.
        bytes: u64,
    },
    /// The ring does not fit its own memory.
    Ring,
    /// A card did not start.
    Card(StartError),
    /// The outside card could receive.
    OutsideReceives(ReceivePath),
    /// The firmware's tables cannot be believed.
    Tables(AcpiError),
    /// The firmware's description of the remapping units cannot be believed.
    Dmar(DmarError),
    /// The machine has remapping units, but the fence cannot be set up, or has fallen.
    Fence(FenceError),
    /// A card sits where no remapping unit holds it.
    Unfenced(PciAddress),
    /// A device that is none of the cards keeps its access to memory, and there is no fence.
    Stuck(Function),
    /// A device reached for memory that was not its own.
    DmaFault(Faults),
    /// The outside card's transmitter hangs.
    TransmitTimeout(TransmitTimeout),
}

impl Fatal {
    /// What the next boot is told.
    pub fn cause(&self) -> LastStop {
        match self {
            Self::NoEntropy => LastStop::NoEntropy,
            Self::OutsideReceives(_) => LastStop::OutsideReceives,
            Self::DmaFault(_) | Self::Fence(FenceError::Off { .. }) => LastStop::DmaFault,
            Self::TransmitTimeout(_) => LastStop::TransmitTimeout,
            Self::SelfTest(_)
            | Self::Handover(_)
            | Self::ConfigChanged
            | Self::Config(_)
            | Self::Exceptions
            | Self::Protection
            | Self::Memory { .. }
            | Self::Ring
            | Self::Card(_)
            | Self::Tables(_)
            | Self::Dmar(_)
            | Self::Fence(_)
            | Self::Unfenced(_)
            | Self::Stuck(_) => LastStop::NotStarted,
        }
    }
}

impl From<HandoverError> for Fatal {
    fn from(error: HandoverError) -> Self {
        Self::Handover(error)
    }
}

impl From<ConfigError> for Fatal {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StartError> for Fatal {
    fn from(error: StartError) -> Self {
        Self::Card(error)
    }
}

impl From<AcpiError> for Fatal {
    fn from(error: AcpiError) -> Self {
        Self::Tables(error)
    }
}

impl From<DmarError> for Fatal {
    fn from(error: DmarError) -> Self {
        Self::Dmar(error)
    }
}

impl From<FenceError> for Fatal {
    fn from(error: FenceError) -> Self {
        Self::Fence(error)
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfTest(names) => {
                write!(f, "self test failed: {}; use another machine", names.join(", "))
            }
            Self::Handover(error) => write!(f, "{error}"),
            Self::ConfigChanged => f.write_str("the configuration changed after the loader measured it"),
            Self::Config(error) => write!(f, "configuration: {error}; build the image again"),
            Self::Exceptions => {
                f.write_str("the table of exceptions has another length; build the image again")
            }
            Self::Protection => f.write_str("there is no memory for page tables; add memory"),
            Self::NoEntropy => {
                f.write_str("the processor has no working RDSEED or RDRAND; use another machine")
            }
            Self::Memory { bytes } => {
                let mib = bytes.div_ceil(1 << 20);
                write!(f, "there are no {mib} MiB of free memory; configure less history, or add memory")
            }
            Self::Ring => f.write_str("the ring does not fit its memory; build the image again"),
            Self::Card(error) => write!(f, "{error}"),
            Self::OutsideReceives(path) => write!(f, "the outside card is no longer transmit only: {path}"),
            Self::Tables(error) => write!(f, "{error}"),
            Self::Dmar(error) => write!(f, "{error}"),
            Self::Fence(error) => write!(f, "DMA fence: {error}"),
            Self::Unfenced(card) => {
                write!(f, "DMA fence: no remapping unit holds card {card}; put it into another slot")
            }
            Self::Stuck(function) => write!(
                f,
                "device {function} keeps its access to memory; switch it off in the firmware, or VT-d on"
            ),
            Self::DmaFault(Faults { count, first: Some(fault) }) => {
                write!(f, "DMA fence: {fault}; {count} accesses were stopped")
            }
            Self::DmaFault(Faults { count, first: None }) => {
                write!(f, "DMA fence: {count} accesses were stopped")
            }
            Self::TransmitTimeout(timeout) => write!(f, "the outside card hangs: {timeout}"),
        }
    }
}

/// Prints one line on the serial console, with who says it.
macro_rules! say {
    ($($argument:tt)*) => { hermit::println!("noreturn: {}", format_args!($($argument)*)) };
}
pub(crate) use say;
