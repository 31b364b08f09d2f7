//! A card's own Ethernet address: read from a card that nobody drives, and compared with the one that was configured.

use crate::error::{CardList, StartError};
use crate::ethernet::{StationAddress, is_station_address};
use crate::outside::Model;
use crate::pci::{Function, PciAddress};
use crate::platform::Platform;
use crate::registers::Registers;
use crate::{intel, virtio};

/// Bytes that hold the address, of any kind of card.
const WINDOW_BYTES: usize = 8;

/// The own address of a card of a kind that there is a driver for, as its registers hold it now, which is what it has read from its
/// settings unless the firmware wrote another.
///
/// Nothing is written, to the configuration space or to a register: a card whose registers the firmware left unreachable
/// does not tell its address. Reading these registers has no side effect (82574 datasheet, 10.2.5; 82576 datasheet, 8.10; VIRTIO
/// 1.2, 5.1.4).
pub(crate) fn read<P: Platform>(platform: &mut P, function: &Function) -> Option<StationAddress> {
    let is_virtio = matches!(Model::of(function)?, Model::VirtioNet);
    if !function.decodes_memory(platform) {
        return None;
    }
    let physical = match is_virtio {
        true => virtio::device_window_place(platform, function)?,
        false => intel::station_address_place(platform, function)?,
    };
    let registers = platform.map_registers(physical, WINDOW_BYTES)?;
    let address = if is_virtio {
        Some(core::array::from_fn(|place| registers.read8(place))).filter(|bytes| is_station_address(*bytes))
    } else {
        intel::station_address(registers.read32(0), registers.read32(4))
    };
    address.map(StationAddress)
}

/// The own address that a card must have, if the configuration says one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin(pub(crate) Option<[u8; 6]>);

impl Pin {
    /// Compares the address that the card at `address` read from its settings after a reset.
    ///
    /// # Errors
    /// [`StartError::OtherCard`].
    pub(crate) fn check<P: Platform>(
        self,
        platform: &mut P,
        address: PciAddress,
        own: [u8; 6],
    ) -> Result<(), StartError> {
        match self.0 {
            Some(configured) if configured != own => Err(StartError::OtherCard {
                address,
                configured: StationAddress(configured),
                own: StationAddress(own),
                found: CardList::find(platform),
            }),
            _ => Ok(()),
        }
    }
}
