//! The outside half: reads the ring, sends frames. It holds nothing that the inside reads.

use alloc::vec::Vec;

use noreturn_image_format::Config;
use noreturn_link::{Sender, SenderError};
use noreturn_nic::{
    CardModel, FirmwareState, OutsideCard, TransmitError, TransmitOnly, TransmitWatch, UdpFrame,
};
use noreturn_ring::Read;
use noreturn_wire::crossing::{CROSSING_BYTES_MAX, ClockReading};
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{Attestation, Beacon, ClockState, Counter, Counters, Crossing, OutsideCard as CardState};

use crate::attest::Attest;
use crate::crossing::Reader;
use crate::facts::Facts;
use crate::fatal::Fatal;
use crate::fence::Guard;
use crate::settings;

/// Time from one beacon to the next.
const BEACON_US: u64 = 1_000_000;
/// Time from one look at the card's link, receiver and transmitter to the next.
const LOOK_US: u64 = 100_000;
/// Entries read from the ring in one step at most, so that reading never keeps frames from leaving.
const ENTRIES_MAX: usize = 256;
/// An Ethernet frame without its check sequence.
const ETHERNET_BYTES_MAX: usize = 1514;

/// A sealed frame on its way to every destination.
struct Leaving {
    bytes: [u8; FRAME_BYTES_MAX],
    length: usize,
    /// Destinations that have it already.
    sent_to: usize,
}

pub struct Outside {
    card: OutsideCard,
    transmit_watch: TransmitWatch,
    guard: Guard,
    attest: Attest,
    destinations: Vec<UdpFrame>,
    sender: Sender,
    reader: Reader,
    leaving: Leaving,
    /// What every beacon says; counters and times are filled in.
    beacon: Beacon,
    /// The inside's counters as it last wrote them.
    inside: Counters,
    /// The inside's clock as it last wrote it.
    clock: ClockReading,
    own: Counters,
    beacon_at_us: u64,
    look_at_us: u64,
}

impl Outside {
    pub fn new(
        card: OutsideCard,
        firmware: FirmwareState,
        facts: &Facts,
        config: &Config,
        reader: Reader,
    ) -> Result<Self, Fatal> {
        let sender = Sender::new(&settings::sender(config)?, facts.boot, &settings::key(config)?);
        let beacon = Beacon {
            image_sha256: facts.image_sha256,
            config_sha256: facts.config_sha256,
            site_sha256: facts.site_sha256,
            release: facts.release,
            uptime_us: 0,
            clock_us: 0,
            outside: card_state(&card, firmware),
            reset_count: facts.reset_count,
            cards_pinned: config.cards_are_pinned(),
            last_stop: facts.last_stop,
            watchdog: facts.watchdog,
            dma_fence: facts.dma_fence,
            clock: ClockState::default(),
            counters: Counters::default(),
            attestation: Attestation::default(),
        };
        Ok(Self {
            destinations: destinations(config, card.station_address()),
            card,
            transmit_watch: TransmitWatch::default(),
            guard: Guard::default(),
            attest: Attest::default(),
            sender,
            reader,
            leaving: Leaving { bytes: [0; FRAME_BYTES_MAX], length: 0, sent_to: 0 },
            beacon,
            inside: Counters::default(),
            clock: ClockReading::default(),
            own: Counters::default(),
            beacon_at_us: 0,
            look_at_us: 0,
        })
    }

    /// Takes over the machine's fence, to look after it.
    pub fn watch(&mut self, guard: Guard) {
        self.own.set(Counter::DmaFaults, guard.stopped_before());
        self.guard = guard;
    }

    /// Takes over the machine's TPM, to tell what it says.
    pub fn attest(&mut self, attest: Attest) {
        self.attest = attest;
    }

    /// Sends what is due; whether there was anything to do.
    // A function of its own in the binary, so that a verifier can tell what the outside half comes to.
    #[inline(never)]
    pub fn step(&mut self, now_us: u64) -> Result<bool, Fatal> {
        #[cfg(feature = "planted")]
        crate::planted::absent::outside();
        self.look(now_us)?;
        self.attest.poll(now_us);
        let crossed = self.read_ring();
        self.make_beacon(now_us);
        Ok(self.send(now_us) || crossed)
    }

    /// When there will be something to do, if nothing comes through the ring.
    pub fn poll_at(&self) -> u64 {
        self.sender
            .poll_at()
            .unwrap_or(u64::MAX)
            .min(self.beacon_at_us)
            .min(self.look_at_us)
            .min(self.attest.poll_at())
    }

    /// Looks at the fence and the card's own registers: has a device reached for memory that is not its own, is the
    /// cable in, is the card still unable to receive, and does it send?
    fn look(&mut self, now_us: u64) -> Result<(), Fatal> {
        if now_us < self.look_at_us {
            return Ok(());
        }
        self.look_at_us = now_us + LOOK_US;
        self.guard.look()?;
        self.card.check_receive_off().map_err(Fatal::OutsideReceives)?;
        let link_up = self.card.link_up();
        let (given, waiting) = (self.card.counters().frames_sent, self.card.frames_waiting());
        self.transmit_watch.look(now_us, link_up, given, waiting).map_err(Fatal::TransmitTimeout)?;
        if self.beacon.outside.link_up && !link_up {
            self.own.add(Counter::OutsideLinkLost, 1);
        }
        self.beacon.outside.link_up = link_up;
        self.sender.set_link_up(link_up);
        Ok(())
    }

    /// Moves entries from the ring to the sender, whether it has room or not: a queue that is full must not hold
    /// back what another queue takes. Whether there were any.
    fn read_ring(&mut self) -> bool {
        let mut entry = [0; CROSSING_BYTES_MAX];
        for read in 0..ENTRIES_MAX {
            match self.reader.read(&mut entry) {
                None => return read > 0,
                Some(Read::Entry(length)) => self.take(&entry[..length]),
                Some(Read::Overrun(entries)) => self.own.add(Counter::RingOverrun, entries),
                Some(Read::Malformed) => self.own.add(Counter::RingMalformed, 1),
            }
        }
        true
    }

    fn take(&mut self, entry: &[u8]) {
        match Crossing::decode(entry) {
            Ok(Crossing::Message(sending, message)) => match self.sender.push(sending, message) {
                Err(SenderError::Message) => self.own.add(Counter::RingMalformed, 1),
                // The sender counts what it cannot take.
                Ok(()) | Err(SenderError::QueueFull | SenderError::LinkDown) => {}
            },
            Ok(Crossing::Counters(counters)) => self.inside = counters,
            Ok(Crossing::Clock(clock)) => self.clock = clock,
            Err(_) => self.own.add(Counter::RingMalformed, 1),
        }
    }

    fn make_beacon(&mut self, now_us: u64) {
        if now_us < self.beacon_at_us {
            return;
        }
        self.beacon_at_us = now_us + BEACON_US;
        let sent = self.card.counters();
        self.own.set(Counter::OutsideFramesSent, sent.frames_sent);
        self.own.set(Counter::OutsideTransmitFull, sent.ring_full);
        self.own.set(Counter::OutsideAnswersInvalid, sent.answers_invalid);
        self.own.set(Counter::OutsideLengthInvalid, sent.length_invalid);
        let mut counters = self.inside.clone();
        counters.merge(&self.own);
        counters.merge(self.sender.counters());
        self.beacon.counters = counters;
        self.beacon.uptime_us = now_us;
        self.beacon.clock_us = self.clock.at(now_us);
        self.beacon.clock = self.clock.state;
        self.beacon.attestation.clone_from(&self.attest.known);
        self.sender.set_beacon(&self.beacon);
    }

    /// Hands frames to the card until the pace or the card says stop.
    fn send(&mut self, now_us: u64) -> bool {
        let mut any = false;
        loop {
            if self.leaving.sent_to == self.destinations.len() || self.leaving.length == 0 {
                let Some(length) = self.sender.poll_transmit(now_us, &mut self.leaving.bytes) else {
                    return any;
                };
                self.leaving.length = length;
                self.leaving.sent_to = 0;
            }
            if !self.send_copies() {
                return any;
            }
            any = true;
        }
    }

    /// Sends the leaving frame to the destinations that do not have it; false if the card is full.
    fn send_copies(&mut self) -> bool {
        let mut buffer = [0; ETHERNET_BYTES_MAX];
        for destination in self.destinations.iter().skip(self.leaving.sent_to) {
            let payload = &self.leaving.bytes[..self.leaving.length];
            // A frame always fits its buffer and the card: both are sized for FRAME_BYTES_MAX.
            if let Ok(frame) = destination.emit(payload, &mut buffer)
                && self.card.transmit(frame) == Err(TransmitError::RingFull)
            {
                return false;
            }
            self.leaving.sent_to += 1;
        }
        true
    }
}

fn destinations(config: &Config, source_mac: [u8; 6]) -> Vec<UdpFrame> {
    let outside = &config.outside;
    let frame = |to: &noreturn_image_format::config::Destination| UdpFrame {
        source_mac,
        destination_mac: to.mac,
        source_address: outside.source_address,
        destination_address: to.address,
        source_port: outside.source_port,
        destination_port: to.port,
    };
    outside.destinations.iter().map(frame).collect()
}

fn card_state(card: &OutsideCard, firmware: FirmwareState) -> CardState {
    CardState {
        model: match card.model() {
            CardModel::IntelE1000e => noreturn_wire::CardModel::IntelE1000e,
            CardModel::IntelIgb => noreturn_wire::CardModel::IntelIgb,
            CardModel::VirtioNet => noreturn_wire::CardModel::VirtioNet,
        },
        link_up: card.link_up(),
        firmware_left_receiver_on: firmware.receiver_on,
        firmware_frames_received: firmware.frames_received,
    }
}
