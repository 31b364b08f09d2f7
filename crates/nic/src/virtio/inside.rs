//! The card on the inside: transmit half and receive half.

use super::receive::Receiver;
use super::transmit::Transmitter;
use super::windows::Windows;
use crate::error::StartError;
use crate::own_address::Pin;
use crate::pci::Function;
use crate::platform::Platform;
use crate::receive::Halves;
use crate::transmit::TransmitOnly;

/// A virtio-net card that sends and receives.
pub(crate) type Inside<R> = Halves<Transmitter<R>, Receiver<R>>;

/// Starts a card whose bus mastering is off.
///
/// # Errors
/// [`StartError`]; the card then stays without bus mastering.
pub(crate) fn start<P: Platform>(
    platform: &mut P,
    function: &Function,
    pin: Pin,
) -> Result<Inside<P::Registers>, StartError> {
    let address = function.address;
    let windows = Windows::find(platform, function)?;
    let (mut transmitter, _) = Transmitter::prepare(platform, &windows, address)?;
    pin.check(platform, function.address, transmitter.station_address())?;
    let mut receiver = Receiver::prepare(platform, &windows, address)?;
    function.allow_bus_mastering(platform);
    transmitter.enable();
    receiver.enable();
    Ok(Halves { transmitter, receiver })
}
