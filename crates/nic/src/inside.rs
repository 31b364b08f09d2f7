//! The inside card: a network device for smoltcp, which asks and listens in the plant network.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::error::StartError;
use crate::ethernet::FRAME_BYTES_MAX;
use crate::memory::MmioRegion;
use crate::outside::{CardModel, Model, open};
use crate::own_address::Pin;
use crate::pci::PciAddress;
use crate::platform::Platform;
use crate::receive::{Received, Receives};
use crate::registers::Registers;
use crate::slots::SLOTS_MAX;
use crate::transmit::{Room, TransmitCounters};
use crate::{e1000e, igb, virtio};

/// What became of the frames of an inside card.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct InsideCounters {
    /// Handed to the network stack.
    pub frames_received: u64,
    /// Dropped: the card flagged an error, or alleged an impossible length.
    pub frames_damaged: u64,
    /// Answers of the card's receiver about a buffer that it did not have; ignored.
    pub receive_answers_invalid: u64,
    /// The way out.
    pub transmit: TransmitCounters,
}

/// An inside card of any kind that there is a driver for.
#[derive(Debug)]
pub struct InsideCard<R = MmioRegion> {
    driver: Driver<R>,
    counters: InsideCounters,
    received: [u8; FRAME_BYTES_MAX],
    sending: [u8; FRAME_BYTES_MAX],
}

#[derive(Debug)]
enum Driver<R> {
    E1000e(e1000e::inside::Inside<R>),
    Igb(igb::inside::Inside<R>),
    VirtioNet(virtio::inside::Inside<R>),
}

impl<R: Registers> Driver<R> {
    fn receiver(&mut self) -> &mut dyn Receives {
        match self {
            Self::E1000e(card) => &mut card.receiver,
            Self::Igb(card) => &mut card.receiver,
            Self::VirtioNet(card) => &mut card.receiver,
        }
    }

    fn transmitter(&self) -> &dyn Room {
        match self {
            Self::E1000e(card) => &card.transmitter,
            Self::Igb(card) => &card.transmitter,
            Self::VirtioNet(card) => &card.transmitter,
        }
    }

    fn transmitter_mut(&mut self) -> &mut dyn Room {
        match self {
            Self::E1000e(card) => &mut card.transmitter,
            Self::Igb(card) => &mut card.transmitter,
            Self::VirtioNet(card) => &mut card.transmitter,
        }
    }
}

impl<R: Registers> InsideCard<R> {
    /// Takes the card at an address away from the firmware, resets it, and sets up both halves. With
    /// `card_mac`, the card's own Ethernet address must be that one, or nothing of it is switched on.
    ///
    /// # Errors
    /// [`StartError`]; the card is then not used.
    pub fn start<P: Platform<Registers = R>>(
        platform: &mut P,
        address: PciAddress,
        card_mac: Option<[u8; 6]>,
    ) -> Result<Self, StartError> {
        let (function, model) = open(platform, address)?;
        let pin = Pin(card_mac);
        let driver = match model {
            Model::Igb { receive_queues } => {
                Driver::Igb(igb::inside::start(platform, &function, receive_queues, pin)?)
            }
            Model::E1000e => Driver::E1000e(e1000e::inside::start(platform, &function, pin)?),
            Model::VirtioNet => Driver::VirtioNet(virtio::inside::start(platform, &function, pin)?),
        };
        let counters = InsideCounters::default();
        Ok(Self { driver, counters, received: [0; FRAME_BYTES_MAX], sending: [0; FRAME_BYTES_MAX] })
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

    /// The card's own Ethernet address.
    #[must_use]
    pub fn station_address(&self) -> [u8; 6] {
        self.driver.transmitter().station_address()
    }

    /// Whether the cable carries a link.
    #[must_use]
    pub fn link_up(&self) -> bool {
        self.driver.transmitter().link_up()
    }

    /// What became of the frames so far.
    #[must_use]
    pub fn counters(&self) -> InsideCounters {
        InsideCounters { transmit: self.driver.transmitter().counters(), ..self.counters }
    }

    /// Takes the next good frame, dropping at most one ring of others; tells its length.
    fn next_frame(&mut self) -> Option<usize> {
        for _ in 0..SLOTS_MAX {
            match self.driver.receiver().receive(&mut self.received) {
                Received::Nothing => return None,
                Received::Frame { bytes } => {
                    self.counters.frames_received += 1;
                    return Some(bytes);
                }
                Received::Damaged => self.counters.frames_damaged += 1,
                Received::AnswerInvalid => self.counters.receive_answers_invalid += 1,
            }
        }
        None
    }
}

impl<R: Registers> Device for InsideCard<R> {
    type RxToken<'a>
        = ReceivedFrame<'a>
    where
        R: 'a;
    type TxToken<'a>
        = TransmitSlot<'a, R>
    where
        R: 'a;

    /// A frame is taken even if the transmit ring is full: an answer is then lost and counted, but
    /// a card that stops sending does not stop us from hearing.
    fn receive(&mut self, _: Instant) -> Option<(ReceivedFrame<'_>, TransmitSlot<'_, R>)> {
        let bytes = self.next_frame()?;
        let slot = TransmitSlot { driver: &mut self.driver, frame: &mut self.sending };
        Some((ReceivedFrame { frame: &self.received[..bytes] }, slot))
    }

    fn transmit(&mut self, _: Instant) -> Option<TransmitSlot<'_, R>> {
        let has_room = self.driver.transmitter_mut().has_room();
        has_room.then_some(TransmitSlot { driver: &mut self.driver, frame: &mut self.sending })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME_BYTES_MAX;
        capabilities
    }
}

/// A frame that came in, for the network stack.
#[derive(Debug)]
pub struct ReceivedFrame<'a> {
    frame: &'a [u8],
}

impl RxToken for ReceivedFrame<'_> {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, read: F) -> T {
        read(self.frame)
    }
}

/// Room for a frame of the network stack.
#[derive(Debug)]
pub struct TransmitSlot<'a, R> {
    driver: &'a mut Driver<R>,
    frame: &'a mut [u8; FRAME_BYTES_MAX],
}

impl<R: Registers> TxToken for TransmitSlot<'_, R> {
    /// Sends what `write` writes. smoltcp keeps to the transmission unit that it was told, so a
    /// longer frame is a programmer's error.
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, bytes: usize, write: F) -> T {
        let frame = &mut self.frame[..bytes];
        let result = write(frame);
        // The driver counts what it had to refuse; smoltcp's protocols send again.
        let _ = self.driver.transmitter_mut().transmit(frame);
        result
    }
}
