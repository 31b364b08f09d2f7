//! The card on the outside: its transmit half, and nothing to receive with.

use super::transmit::Transmitter;
use super::windows::Windows;
use crate::error::StartError;
use crate::own_address::Pin;
use crate::pci::Function;
use crate::platform::Platform;
use crate::sight::LinkPlace;
use crate::transmit::{Started, TransmitOnly};

/// Offset in the device window of the word whose upper half is `status` (VIRTIO 1.2, 5.1.4).
const STATUS_WORD: u64 = 4;

/// Starts a card whose bus mastering is off.
///
/// # Errors
/// [`StartError`]; the card then has no bus mastering.
pub(crate) fn start<P: Platform>(
    platform: &mut P,
    function: &Function,
    pin: Pin,
) -> Result<Started<Transmitter<P::Registers>>, StartError> {
    let address = function.address;
    let windows = Windows::find(platform, function)?;
    let (mut card, firmware) = Transmitter::prepare(platform, &windows, address)?;
    pin.check(platform, function.address, card.station_address())?;
    let refused = |path| StartError::CanReceive { address, path };
    card.check_receive_off().map_err(refused)?;
    function.allow_bus_mastering(platform);
    card.enable();
    card.check_receive_off().map_err(|path| {
        function.silence(platform);
        refused(path)
    })?;
    let physical = windows.device.physical() + STATUS_WORD;
    let link_place = if card.tells_link() { LinkPlace::VirtioNet { physical } } else { LinkPlace::Untold };
    Ok(Started { card, firmware, link_place })
}
