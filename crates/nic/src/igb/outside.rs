//! The card on the outside: its transmit half, and nothing to receive with.

use super::transmit::Transmitter;
use crate::error::StartError;
use crate::intel::{STATUS, locate, map};
use crate::own_address::Pin;
use crate::pci::Function;
use crate::platform::Platform;
use crate::sight::LinkPlace;
use crate::transmit::{Started, TransmitOnly};

/// Starts a card whose bus mastering is off.
///
/// # Errors
/// [`StartError`]; the card then stays without bus mastering.
pub(crate) fn start<P: Platform>(
    platform: &mut P,
    function: &Function,
    receive_queues: usize,
    pin: Pin,
) -> Result<Started<Transmitter<P::Registers>>, StartError> {
    let address = function.address;
    let physical = locate(platform, function)?;
    let registers = map(platform, physical)?;
    let (mut card, firmware) = Transmitter::prepare(platform, registers, address, receive_queues)?;
    pin.check(platform, function.address, card.station_address())?;
    let refused = |path| StartError::CanReceive { address, path };
    card.check_receive_off().map_err(refused)?;
    card.enable(platform, address)?;
    card.check_receive_off().map_err(refused)?;
    function.allow_bus_mastering(platform);
    Ok(Started { card, firmware, link_place: LinkPlace::Intel { physical: physical + STATUS } })
}
