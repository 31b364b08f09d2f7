//! The card on the outside: its transmit half, and nothing to receive with.

use super::transmit::Transmitter;
use super::{locate, map};
use crate::error::{ReceivePath, StartError};
use crate::outside::{FirmwareState, TransmitOnly};
use crate::pci::Function;
use crate::platform::Platform;
use crate::registers::Registers;
use crate::sight::LinkPlace;
use crate::transmit::{TransmitCounters, TransmitError};

/// Offset of STATUS (datasheet, 10.2.2.2).
const STATUS: u64 = 0x0008;

/// An 82574 that only sends.
#[derive(Debug)]
pub struct Outside<R> {
    transmitter: Transmitter<R>,
    link_place: LinkPlace,
}

impl<R: Registers> Outside<R> {
    /// Starts a card whose bus mastering is off.
    ///
    /// # Errors
    /// [`StartError`]; the card then stays without bus mastering.
    // A function of its own in the binary, so that it can be proved what it writes (docs/proof.md).
    #[inline(never)]
    pub(crate) fn start<P: Platform<Registers = R>>(
        platform: &mut P,
        function: &Function,
    ) -> Result<(Self, FirmwareState), StartError> {
        let address = function.address;
        let physical = locate(platform, function)?;
        let registers = map(platform, physical)?;
        let (mut transmitter, firmware) = Transmitter::prepare(platform, registers, address)?;
        let refused = |path| StartError::CanReceive { address, path };
        transmitter.check_receive_off().map_err(refused)?;
        transmitter.enable();
        transmitter.check_receive_off().map_err(refused)?;
        function.allow_bus_mastering(platform);
        let link_place = LinkPlace::Intel { physical: physical + STATUS };
        Ok((Self { transmitter, link_place }, firmware))
    }

    /// Where the card tells whether it has a link.
    pub(crate) const fn link_place(&self) -> LinkPlace {
        self.link_place
    }
}

impl<R: Registers> TransmitOnly for Outside<R> {
    fn transmit(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        self.transmitter.transmit(frame)
    }

    fn link_up(&self) -> bool {
        self.transmitter.link_up()
    }

    fn station_address(&self) -> [u8; 6] {
        self.transmitter.station_address()
    }

    fn counters(&self) -> TransmitCounters {
        self.transmitter.counters()
    }

    fn check_receive_off(&mut self) -> Result<(), ReceivePath> {
        self.transmitter.check_receive_off()
    }
}
