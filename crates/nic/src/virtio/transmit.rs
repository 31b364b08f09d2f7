//! The transmit half of the card, which also resets the card and negotiates with it.

use super::queue_memory::QueueMemory;
use super::transmit_queue::TransmitQueue;
use super::transmit_registers::TransmitRegisters;
use super::windows::Windows;
use crate::error::{ReceivePath, StartError};
use crate::ethernet::{is_length_valid, is_station_address};
use crate::pci::PciAddress;
use crate::platform::{Platform, wait_until};
use crate::registers::Registers;
use crate::transmit::{FirmwareState, Room, TransmitCounters, TransmitError, TransmitOnly};

/// Device status bits (VIRTIO 1.2, 2.1).
const ACKNOWLEDGE: u8 = 1;
const DRIVER: u8 = 2;
const DRIVER_OK: u8 = 4;
const FEATURES_OK: u8 = 8;
const NEEDS_RESET: u8 = 64;

/// Feature bits (VIRTIO 1.2, 5.1.3 and 6).
const FEATURE_MAC: u64 = 1 << 5;
const FEATURE_STATUS: u64 = 1 << 16;
const FEATURE_VERSION_1: u64 = 1 << 32;
/// The card reaches memory as the platform lets it. Without it, it goes past the platform's fence.
const FEATURE_ACCESS_PLATFORM: u64 = 1 << 33;

/// All that is accepted of what a card offers.
const FEATURES: u64 = FEATURE_MAC | FEATURE_STATUS | FEATURE_VERSION_1 | FEATURE_ACCESS_PLATFORM;

const RESET_TIMEOUT_US: u64 = 1_000_000;

/// A card that can send, and do nothing else.
#[derive(Debug)]
pub(crate) struct Transmitter<R> {
    registers: TransmitRegisters<R>,
    queue: TransmitQueue,
    station_address: [u8; 6],
    features: u64,
    counters: TransmitCounters,
}

impl<R: Registers> Transmitter<R> {
    /// Reads what the firmware left, resets the card, negotiates, and gives it the transmit
    /// queue. The card touches no memory before [`Self::enable`].
    pub(super) fn prepare<P: Platform<Registers = R>>(
        platform: &mut P,
        windows: &Windows,
        address: PciAddress,
    ) -> Result<(Self, FirmwareState), StartError> {
        let mut registers = TransmitRegisters::map(platform, windows)?;
        let firmware = firmware_state(&mut registers);
        reset(platform, &mut registers, address)?;
        let features = negotiate(&mut registers, address, platform.is_dma_fenced())?;
        let station_address = station_address(&registers, features);
        let missing = |what| StartError::Missing { address, what };
        let station_address = station_address.ok_or(missing("Ethernet address of its own"))?;
        let size = QueueMemory::size(registers.transmit_queue_size_max());
        let queue = TransmitQueue::allocate(platform, address, size.ok_or(missing("transmit queue"))?)?;
        registers.enable_transmit_queue(address, &queue.addresses())?;
        let counters = TransmitCounters::default();
        Ok((Self { registers, queue, station_address, features, counters }, firmware))
    }

    /// Lets the card work on the queues that it was given.
    pub(super) fn enable(&mut self) {
        self.registers.set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    }

    fn push(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        if !is_length_valid(frame.len()) {
            return Err(TransmitError::Length { bytes: frame.len() });
        }
        if !self.queue.push(frame) {
            return Err(TransmitError::RingFull);
        }
        self.registers.ring_doorbell();
        Ok(())
    }

    /// Whether the card tells its link's state.
    pub(super) fn tells_link(&self) -> bool {
        self.features & FEATURE_STATUS != 0
    }
}

impl<R: Registers> TransmitOnly for Transmitter<R> {
    fn transmit(&mut self, frame: &[u8]) -> Result<(), TransmitError> {
        let outcome = self.push(frame);
        self.counters.count(outcome)
    }

    /// A card that does not tell its link's state is taken to have one (VIRTIO 1.2, 5.1.4).
    fn link_up(&self) -> bool {
        let works = self.registers.status() & (DRIVER_OK | NEEDS_RESET) == DRIVER_OK;
        works && (self.features & FEATURE_STATUS == 0 || self.registers.link_status_up())
    }

    fn station_address(&self) -> [u8; 6] {
        self.station_address
    }

    fn counters(&self) -> TransmitCounters {
        TransmitCounters { answers_invalid: self.queue.answers_invalid(), ..self.counters }
    }

    fn frames_waiting(&mut self) -> usize {
        self.queue.waiting()
    }

    /// Shows by the card's own registers that nothing in it receives.
    fn check_receive_off(&mut self) -> Result<(), ReceivePath> {
        if self.registers.is_receive_queue_enabled() { Err(ReceivePath::Queue) } else { Ok(()) }
    }
}

impl<R: Registers> Room for Transmitter<R> {
    fn has_room(&mut self) -> bool {
        self.queue.has_room()
    }
}

fn firmware_state<R: Registers>(registers: &mut TransmitRegisters<R>) -> FirmwareState {
    let driven = registers.status() & DRIVER_OK != 0;
    FirmwareState { receiver_on: driven && registers.is_receive_queue_enabled(), frames_received: None }
}

fn reset<P: Platform, R: Registers>(
    platform: &mut P,
    registers: &mut TransmitRegisters<R>,
    address: PciAddress,
) -> Result<(), StartError> {
    registers.set_status(0);
    let finished = wait_until(platform, RESET_TIMEOUT_US, || registers.status() == 0);
    if finished { Ok(()) } else { Err(StartError::ResetTimeout { address }) }
}

/// Accepts version 1, the platform's rules for memory, and what makes the read-only configuration
/// valid; returns what was accepted.
fn negotiate<R: Registers>(
    registers: &mut TransmitRegisters<R>,
    address: PciAddress,
    is_dma_fenced: bool,
) -> Result<u64, StartError> {
    registers.set_status(ACKNOWLEDGE);
    registers.set_status(ACKNOWLEDGE | DRIVER);
    let features = registers.offered_features() & FEATURES;
    if features & FEATURE_VERSION_1 == 0 {
        return Err(StartError::Missing { address, what: "virtio version 1" });
    }
    if is_dma_fenced && features & FEATURE_ACCESS_PLATFORM == 0 {
        let what = "respect for the machine's DMA remapping (switch VIRTIO_F_ACCESS_PLATFORM on for it)";
        return Err(StartError::Missing { address, what });
    }
    registers.accept_features(features);
    registers.set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
    if registers.status() & FEATURES_OK == 0 {
        return Err(StartError::Missing { address, what: "agreement to work without further features" });
    }
    Ok(features)
}

fn station_address<R: Registers>(registers: &TransmitRegisters<R>, features: u64) -> Option<[u8; 6]> {
    let told = features & FEATURE_MAC != 0;
    registers.station_address().filter(|address| told && is_station_address(*address))
}
