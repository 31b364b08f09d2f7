//! The card on the inside: transmit half and receive half.

use super::receive::Receiver;
use super::transmit::Transmitter;
use crate::error::StartError;
use crate::intel::{locate, map};
use crate::own_address::Pin;
use crate::pci::Function;
use crate::platform::Platform;
use crate::receive::Halves;
use crate::transmit::TransmitOnly;

/// An 82574 that sends and receives.
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
    let physical = locate(platform, function)?;
    let registers = map(platform, physical)?;
    let (mut transmitter, _) = Transmitter::prepare(platform, registers, function.address)?;
    pin.check(platform, function.address, transmitter.station_address())?;
    let registers = map(platform, physical)?;
    let mut receiver = Receiver::prepare(platform, registers, function.address)?;
    function.allow_bus_mastering(platform);
    transmitter.enable();
    receiver.enable();
    Ok(Halves { transmitter, receiver })
}
