//! The outside card: it sends. There is no function, here or below, that receives.

use crate::error::{CardList, ReceivePath, StartError};
use crate::memory::MmioRegion;
use crate::own_address::Pin;
use crate::pci::{Function, PciAddress};
use crate::platform::Platform;
use crate::registers::Registers;
use crate::sight::{LinkPlace, LinkSight};
use crate::transmit::{FirmwareState, Started, TransmitCounters, TransmitError, TransmitOnly};
use crate::{e1000e, igb, virtio};

/// Which driver runs a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardModel {
    /// Intel 82574.
    IntelE1000e,
    /// Intel 82576, I350, I210 or I211.
    IntelIgb,
    /// virtio-net.
    VirtioNet,
}

/// An outside card of any kind that there is a driver for.
///
/// It has nothing to receive with:
/// ```compile_fail,E0599
/// fn receive(card: &mut noreturn_nic::OutsideCard) { card.receive(&mut [0; 1514]); }
/// ```
/// while the inside card has:
/// ```
/// fn receive(card: &mut noreturn_nic::InsideCard) { card.receive(&mut [0; 1514]); }
/// ```
#[derive(Debug)]
pub struct OutsideCard<R = MmioRegion> {
    driver: Driver<R>,
    link_place: LinkPlace,
}

/// The transmit half of a driver, and nothing else of it.
#[derive(Debug)]
enum Driver<R> {
    E1000e(e1000e::Transmitter<R>),
    Igb(igb::Transmitter<R>),
    VirtioNet(virtio::Transmitter<R>),
}

impl<R> OutsideCard<R> {
    fn of<T>(started: Started<T>, driver: impl FnOnce(T) -> Driver<R>) -> (Self, FirmwareState) {
        let Started { card, firmware, link_place } = started;
        (Self { driver: driver(card), link_place }, firmware)
    }
}

impl<R: Registers> OutsideCard<R> {
    /// Takes the card at an address away from the firmware, resets it, and sets up its transmit
    /// half. Its bus mastering is off from the first access until the receiver is seen to be off. With `card_mac`, the card's own
    /// Ethernet address must be that one, or nothing of it is switched on.
    ///
    /// # Errors
    /// [`StartError`]; the card is then not used.
    pub fn start<P: Platform<Registers = R>>(
        platform: &mut P,
        address: PciAddress,
        card_mac: Option<[u8; 6]>,
    ) -> Result<(Self, FirmwareState), StartError> {
        let (function, model) = open(platform, address)?;
        let pin = Pin(card_mac);
        Ok(match model {
            Model::Igb { receive_queues } => {
                Self::of(igb::outside::start(platform, &function, receive_queues, pin)?, Driver::Igb)
            }
            Model::E1000e => Self::of(e1000e::outside::start(platform, &function, pin)?, Driver::E1000e),
            Model::VirtioNet => {
                Self::of(virtio::outside::start(platform, &function, pin)?, Driver::VirtioNet)
            }
        })
    }

    /// Which driver runs the card.
    #[must_use]
    pub fn model(&self) -> CardModel {
        match self.driver {
            Driver::E1000e(_) => CardModel::IntelE1000e,
            Driver::Igb(_) => CardModel::IntelIgb,
            Driver::VirtioNet(_) => CardModel::VirtioNet,
        }
    }

    /// A view of the card's link for code that must not have access to the card; see [`LinkSight`].
    ///
    /// # Errors
    /// [`StartError::NotMapped`].
    pub fn link_sight<P: Platform<Registers = R>>(
        &self,
        platform: &mut P,
    ) -> Result<LinkSight<R>, StartError> {
        LinkSight::open(platform, self.link_place)
    }

    fn card(&self) -> &dyn TransmitOnly {
        match &self.driver {
            Driver::E1000e(card) => card,
            Driver::Igb(card) => card,
            Driver::VirtioNet(card) => card,
        }
    }

    fn card_mut(&mut self) -> &mut dyn TransmitOnly {
        match &mut self.driver {
            Driver::E1000e(card) => card,
            Driver::Igb(card) => card,
            Driver::VirtioNet(card) => card,
        }
    }
}

impl<R: Registers> TransmitOnly for OutsideCard<R> {
    fn transmit(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        self.card_mut().transmit(frame)
    }

    fn link_up(&self) -> bool {
        self.card().link_up()
    }

    fn station_address(&self) -> [u8; 6] {
        self.card().station_address()
    }

    fn counters(&self) -> TransmitCounters {
        self.card().counters()
    }

    fn frames_waiting(&mut self) -> usize {
        self.card_mut().frames_waiting()
    }

    fn check_receive_off(&mut self) -> Result<(), ReceivePath> {
        self.card_mut().check_receive_off()
    }
}

/// Which driver a card needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Model {
    E1000e,
    Igb { receive_queues: usize },
    VirtioNet,
}

impl Model {
    /// Of which kind a card is, if there is a driver for it.
    pub(crate) fn of(function: &Function) -> Option<Self> {
        if let Some(receive_queues) = igb::receive_queues(function) {
            return Some(Self::Igb { receive_queues });
        }
        match function {
            function if e1000e::drives(function) => Some(Self::E1000e),
            function if virtio::drives(function) => Some(Self::VirtioNet),
            _ => None,
        }
    }
}

/// Finds the card at an address, silences it, and tells which driver it needs.
pub(crate) fn open<P: Platform>(
    platform: &mut P,
    address: PciAddress,
) -> Result<(Function, Model), StartError> {
    let Some(function) = Function::at(platform, address) else {
        return Err(StartError::NoCard { address, found: CardList::find(platform) });
    };
    let Some(model) = Model::of(&function) else {
        return Err(StartError::Unsupported { function, found: CardList::find(platform) });
    };
    function.silence(platform);
    Ok((function, model))
}
