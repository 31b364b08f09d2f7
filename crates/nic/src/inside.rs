//! The inside card: frames in and out of the plant network.

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
use crate::transmit::{Room, TransmitCounters, TransmitError};
use crate::{e1000e, igb, virtio};

/// What became of the frames of an inside card.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct InsideCounters {
    /// Handed on.
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
        Ok(Self { driver, counters: InsideCounters::default() })
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

    /// Copies the next good frame, dropping at most one ring of others; its length.
    pub fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        for _ in 0..SLOTS_MAX {
            match self.driver.receiver().receive(frame) {
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

    /// Whether a frame would find room.
    pub fn has_room(&mut self) -> bool {
        self.driver.transmitter_mut().has_room()
    }

    /// Sends a frame: [`TransmitOnly::transmit`](crate::TransmitOnly::transmit).
    ///
    /// # Errors
    /// [`TransmitError`]; the frame is then not sent, and counted.
    pub fn transmit(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        self.driver.transmitter_mut().transmit(frame)
    }
}
