//! What sending needs of the card's registers, and no way to name the rest.
//!
//! The queue registers of all queues are the same ones: the queue-select register says whose.
//! Here only the transmit queue is ever selected for a write; of the receive queue one bit can be
//! read, to show that it is off.

use super::queue_memory::QueueAddresses;
use super::windows::Windows;
use crate::error::StartError;
use crate::pci::PciAddress;
use crate::platform::Platform;
use crate::registers::Registers;

/// Offsets in the common window (VIRTIO 1.2, 4.1.4.3).
const DEVICE_FEATURE_SELECT: usize = 0;
const DEVICE_FEATURE: usize = 4;
const DRIVER_FEATURE_SELECT: usize = 8;
const DRIVER_FEATURE: usize = 12;
const STATUS: usize = 20;
const GENERATION: usize = 21;
const QUEUE_SELECT: usize = 22;
const QUEUE_SIZE: usize = 24;
const QUEUE_ENABLE: usize = 28;
const QUEUE_NOTIFY_OFFSET: usize = 30;
const QUEUE_DESCRIPTORS: usize = 32;
const QUEUE_DRIVER: usize = 40;
const QUEUE_DEVICE: usize = 48;

/// Offset of the link state in the device window (VIRTIO 1.2, 5.1.4); the address is at 0.
const LINK_STATUS: usize = 6;
const LINK_STATUS_UP: u16 = 1 << 0;

const RECEIVE_QUEUE: u16 = 0;
const TRANSMIT_QUEUE: u16 = 1;

/// How often the address is read again when the card changes it meanwhile.
const GENERATION_TRIES_MAX: usize = 16;

/// A card's registers, seen by its transmit half.
#[derive(Debug)]
pub(super) struct TransmitRegisters<R> {
    common: R,
    notify: R,
    device: R,
    notify_bytes: usize,
    notify_multiplier: u32,
    /// Where the transmit queue's doorbell is.
    doorbell: usize,
}

impl<R: Registers> TransmitRegisters<R> {
    /// Maps the windows and keeps them to itself.
    pub(super) fn map<P: Platform<Registers = R>>(
        platform: &mut P,
        windows: &Windows,
    ) -> Result<Self, StartError> {
        Ok(Self {
            common: windows.common.map(platform)?,
            notify: windows.notify.map(platform)?,
            device: windows.device.map(platform)?,
            notify_bytes: windows.notify.bytes(),
            notify_multiplier: windows.notify_multiplier,
            doorbell: 0,
        })
    }

    pub(super) fn status(&self) -> u8 {
        self.common.read8(STATUS)
    }

    pub(super) fn set_status(&mut self, status: u8) {
        self.common.write8(STATUS, status);
    }

    /// The features that the card offers.
    pub(super) fn offered_features(&mut self) -> u64 {
        let [low, high] = [0, 1].map(|half| {
            self.common.write32(DEVICE_FEATURE_SELECT, half);
            u64::from(self.common.read32(DEVICE_FEATURE))
        });
        high << 32 | low
    }

    /// Tells the card which features are used.
    pub(super) fn accept_features(&mut self, features: u64) {
        for (half, bits) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.common.write32(DRIVER_FEATURE_SELECT, half);
            self.common.write32(DRIVER_FEATURE, bits);
        }
    }

    /// The most entries that the card's transmit queue can have; 0 if it has none.
    pub(super) fn transmit_queue_size_max(&mut self) -> u16 {
        self.common.write16(QUEUE_SELECT, TRANSMIT_QUEUE);
        self.common.read16(QUEUE_SIZE)
    }

    /// Sets the transmit queue up and enables it.
    pub(super) fn enable_transmit_queue(
        &mut self,
        address: PciAddress,
        queue: &QueueAddresses,
    ) -> Result<(), StartError> {
        self.common.write16(QUEUE_SELECT, TRANSMIT_QUEUE);
        self.doorbell = doorbell(&self.common, self.notify_multiplier, self.notify_bytes)
            .ok_or(StartError::Missing { address, what: "usable virtio doorbell" })?;
        write_queue(&mut self.common, queue);
        Ok(())
    }

    /// Tells the card that there are new entries in the transmit queue.
    pub(super) fn ring_doorbell(&mut self) {
        self.notify.write16(self.doorbell, TRANSMIT_QUEUE);
    }

    /// Whether the receive queue is enabled. Nothing of that queue is changed.
    pub(super) fn is_receive_queue_enabled(&mut self) -> bool {
        self.common.write16(QUEUE_SELECT, RECEIVE_QUEUE);
        let enabled = self.common.read16(QUEUE_ENABLE) != 0;
        self.common.write16(QUEUE_SELECT, TRANSMIT_QUEUE);
        enabled
    }

    /// The card's own Ethernet address; only valid if that feature was offered.
    pub(super) fn station_address(&self) -> Option<[u8; 6]> {
        (0..GENERATION_TRIES_MAX).find_map(|_| {
            let before = self.common.read8(GENERATION);
            let address = core::array::from_fn(|index| self.device.read8(index));
            (self.common.read8(GENERATION) == before).then_some(address)
        })
    }

    /// Whether the cable carries a link; only valid if that feature was offered.
    pub(super) fn link_status_up(&self) -> bool {
        self.device.read16(LINK_STATUS) & LINK_STATUS_UP != 0
    }
}

/// Writes the selected queue's place and size and enables it.
pub(super) fn write_queue<R: Registers>(common: &mut R, queue: &QueueAddresses) {
    common.write16(QUEUE_SIZE, queue.size);
    let places =
        [(QUEUE_DESCRIPTORS, queue.descriptors), (QUEUE_DRIVER, queue.available), (QUEUE_DEVICE, queue.used)];
    for (offset, physical) in places {
        common.write32(offset, physical as u32);
        common.write32(offset + 4, (physical >> 32) as u32);
    }
    common.write16(QUEUE_ENABLE, 1);
}

/// Where the selected queue's doorbell is in the notify window, if it is inside.
pub(super) fn doorbell<R: Registers>(common: &R, multiplier: u32, notify_bytes: usize) -> Option<usize> {
    let offset = u64::from(common.read16(QUEUE_NOTIFY_OFFSET)) * u64::from(multiplier);
    let offset = usize::try_from(offset).ok()?;
    let fits = offset.checked_add(2)? <= notify_bytes && offset.is_multiple_of(2);
    fits.then_some(offset)
}
