//! The card on the inside: transmit half and receive half.

use super::receive::Receiver;
use super::transmit::Transmitter;
use crate::e1000e::{locate, map};
use crate::error::StartError;
use crate::ethernet::FRAME_BYTES_MAX;
use crate::inside::{Received, TwoWay};
use crate::pci::Function;
use crate::platform::Platform;
use crate::registers::Registers;
use crate::transmit::{TransmitCounters, TransmitError};

/// A card of this family that sends and receives.
#[derive(Debug)]
pub struct Inside<R> {
    transmitter: Transmitter<R>,
    receiver: Receiver<R>,
}

impl<R: Registers> Inside<R> {
    /// Starts a card whose bus mastering is off.
    ///
    /// # Errors
    /// [`StartError`]; the card then stays without bus mastering.
    pub(crate) fn start<P: Platform<Registers = R>>(
        platform: &mut P,
        function: &Function,
        receive_queues: usize,
    ) -> Result<Self, StartError> {
        let physical = locate(platform, function)?;
        let registers = map(platform, physical)?;
        let (mut transmitter, _) =
            Transmitter::prepare(platform, registers, function.address, receive_queues)?;
        let registers = map(platform, physical)?;
        let mut receiver = Receiver::prepare(platform, registers, function.address)?;
        transmitter.enable(platform, function.address)?;
        receiver.enable_queue(platform, function.address)?;
        function.allow_bus_mastering(platform);
        receiver.enable();
        Ok(Self { transmitter, receiver })
    }
}

impl<R: Registers> TwoWay for Inside<R> {
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received {
        self.receiver.receive(frame)
    }

    fn transmit(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        self.transmitter.transmit(frame)
    }

    fn has_room(&mut self) -> bool {
        self.transmitter.has_room()
    }

    fn link_up(&self) -> bool {
        self.transmitter.link_up()
    }

    fn station_address(&self) -> [u8; 6] {
        self.transmitter.station_address()
    }

    fn transmit_counters(&self) -> TransmitCounters {
        self.transmitter.counters()
    }
}
