//! Why a card did not start, said so that a person can act on it.

use alloc::vec::Vec;
use core::fmt;

use crate::ethernet::StationAddress;
use crate::own_address;
use crate::pci::{BarError, Function, PciAddress, scan};
use crate::platform::Platform;

/// Something in a card by which a frame could still come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceivePath {
    /// Intel: the receive control register is not zero (or the card no longer answers).
    Receiver {
        /// The register as read.
        receive_control: u32,
    },
    /// Intel: the card's management controller takes packets from the cable.
    Management {
        /// The management control register as read.
        management_control: u32,
    },
    /// igb: a receive queue is enabled.
    CardQueue {
        /// Which one.
        queue: usize,
        /// Its control register as read.
        control: u32,
    },
    /// Intel: PAUSE frames would hold the card up.
    Pause {
        /// The device control register as read.
        control: u32,
    },
    /// Intel: a register that was set to zero, of wake-up or flow control, is not.
    Silenced {
        /// Offset of the register.
        offset: usize,
        /// The register as read.
        value: u32,
    },
    /// virtio: the receive queue is enabled (or the card no longer answers).
    Queue,
}

impl fmt::Display for ReceivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receiver { receive_control } => {
                write!(f, "its receiver is on (RCTL reads {receive_control:#010x}, not 0)")
            }
            Self::Management { management_control } => write!(
                f,
                "its management controller receives (MANC reads {management_control:#010x}); \
                 switch manageability (BMC, AMT, ASF) off for this card"
            ),
            Self::CardQueue { queue, control } => {
                write!(f, "its receive queue {queue} is on (RXDCTL reads {control:#010x})")
            }
            Self::Pause { control } => {
                write!(f, "PAUSE frames would hold it up (CTRL reads {control:#010x})")
            }
            Self::Silenced { offset, value } => {
                write!(f, "its register {offset:#06x} (wake-up or flow control) reads {value:#010x}, not 0")
            }
            Self::Queue => write!(f, "its receive queue is enabled"),
        }
    }
}

/// Why a card could not be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StartError {
    /// Nothing answers at the configured address.
    NoCard {
        /// The configured address.
        address: PciAddress,
        /// Network cards that do answer.
        found: CardList,
    },
    /// There is a device, but no driver for it.
    Unsupported {
        /// What is there.
        function: Function,
        /// Network cards of this machine.
        found: CardList,
    },
    /// The card is not the one that the configuration pins: its own Ethernet address is another.
    OtherCard {
        /// The card.
        address: PciAddress,
        /// The address in the configuration.
        configured: StationAddress,
        /// The card's own.
        own: StationAddress,
        /// Network cards of this machine.
        found: CardList,
    },
    /// The card's registers cannot be located.
    Bar {
        /// The card.
        address: PciAddress,
        /// Number of the base address register, 0 to 5.
        index: u8,
        /// What is wrong with it.
        error: BarError,
    },
    /// The card's registers cannot be mapped.
    NotMapped {
        /// Physical address.
        physical: u64,
        /// Length in bytes.
        bytes: usize,
    },
    /// No contiguous memory for rings or buffers.
    NoDmaMemory {
        /// How much was asked for.
        bytes: usize,
    },
    /// The card did not come out of its reset.
    ResetTimeout {
        /// The card.
        address: PciAddress,
    },
    /// The card lacks something that the driver needs.
    Missing {
        /// The card.
        address: PciAddress,
        /// What is missing.
        what: &'static str,
    },
    /// The outside card could still receive, so it is not used.
    CanReceive {
        /// The card.
        address: PciAddress,
        /// By what.
        path: ReceivePath,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCard { address, found } => {
                write!(f, "no card at {address}; {found}. Put one of them into the configuration")
            }
            Self::Unsupported { function, found } => {
                write!(f, "no driver for {function}; {found}. Drivers: 8086:10d3, 8086:10f6 ")?;
                write!(f, "(Intel 82574), 8086:10c9 and other 82576, 8086:1521 and other I350, ")?;
                write!(
                    f,
                    "8086:1533 and other I210, 8086:1539 (I211), 1af4:1041 and modern 1af4:1000 (virtio-net)"
                )
            }
            Self::OtherCard { address, configured, own, found } => write!(
                f,
                "card {address} has the Ethernet address {own}, but card_mac is {configured}: cards have changed \
                 places, or the configuration means another; {found}. Put the place of {configured} into the configuration"
            ),
            Self::Bar { address, index, error } => {
                write!(f, "card {address}, base address register {index}: {error}")
            }
            Self::NotMapped { physical, bytes } => {
                write!(f, "cannot map {bytes} bytes of registers at {physical:#x}")
            }
            Self::NoDmaMemory { bytes } => {
                write!(f, "no {bytes} bytes of contiguous memory for the card; give the machine more")
            }
            Self::ResetTimeout { address } => {
                write!(f, "card {address} did not finish its reset; switch the machine off and on")
            }
            Self::Missing { address, what } => write!(f, "card {address} has no {what}"),
            Self::CanReceive { address, path } => {
                write!(f, "outside card {address} could receive, so it stays off: {path}")
            }
        }
    }
}

impl core::error::Error for StartError {}

/// Network cards of this machine, as far as an error message has room for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CardList {
    cards: Vec<FoundCard>,
    more: usize,
}

/// A network card, and its own Ethernet address if that can be read without changing anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FoundCard {
    function: Function,
    station_address: Option<StationAddress>,
}

impl CardList {
    const CARDS_MAX: usize = 32;

    /// Finds the network cards. Nothing is written to any of them.
    #[must_use]
    pub fn find<P: Platform>(platform: &mut P) -> Self {
        let mut functions: Vec<_> = scan(platform).filter(Function::is_network).collect();
        let more = functions.len().saturating_sub(Self::CARDS_MAX);
        functions.truncate(Self::CARDS_MAX);
        let mut found = |function: Function| FoundCard {
            station_address: own_address::read(platform, &function),
            function,
        };
        Self { cards: functions.into_iter().map(&mut found).collect(), more }
    }
}

impl fmt::Display for CardList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cards.is_empty() {
            return write!(f, "no network card found");
        }
        write!(f, "cards found:")?;
        for (place, card) in self.cards.iter().enumerate() {
            write!(f, "{} {}", if place == 0 { "" } else { "," }, card.function)?;
            if let Some(address) = card.station_address {
                write!(f, " {address}")?;
            }
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
