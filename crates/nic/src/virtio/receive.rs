//! The receive half of the card, for the inside only.

use super::FRAME_HEADER_BYTES;
use super::queue_memory::{QueueMemory, Used};
use super::transmit_registers::{doorbell, write_queue};
use super::windows::Windows;
use crate::buffers::{BUFFER_BYTES, Buffers};
use crate::error::StartError;
use crate::ethernet::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform};
use crate::receive::{Received, Receives};
use crate::registers::Registers;
use crate::slots::FreeSlots;

const QUEUE_SELECT: usize = 22;
const QUEUE_SIZE: usize = 24;
const RECEIVE_QUEUE: u16 = 0;

/// Descriptor flag: the card writes the buffer.
const DEVICE_WRITES: u16 = 2;

/// A card's receive queue and its buffers.
#[derive(Debug)]
pub(crate) struct Receiver<R> {
    notify: R,
    doorbell: usize,
    memory: QueueMemory,
    buffers: Buffers,
    /// Buffers that the card does not have; none, between two calls.
    free: FreeSlots,
}

impl<R: Registers> Receiver<R> {
    /// Gives a card that is being initialised its receive queue, full of empty buffers.
    pub(super) fn prepare<P: Platform<Registers = R>>(
        platform: &mut P,
        windows: &Windows,
        address: PciAddress,
    ) -> Result<Self, StartError> {
        let mut common = windows.common.map(platform)?;
        let notify = windows.notify.map(platform)?;
        let missing = |what| StartError::Missing { address, what };
        common.write16(QUEUE_SELECT, RECEIVE_QUEUE);
        let size = QueueMemory::size(common.read16(QUEUE_SIZE)).ok_or(missing("receive queue"))?;
        let doorbell = doorbell(&common, windows.notify_multiplier, windows.notify.bytes())
            .ok_or(missing("usable virtio doorbell"))?;
        let memory = QueueMemory::allocate(platform, address, size)?;
        let buffers = Buffers::allocate(platform, address, memory.entries(), DmaAccess::Write)?;
        let free = FreeSlots::all(memory.entries());
        write_queue(&mut common, &memory.addresses());
        Ok(Self { notify, doorbell, memory, buffers, free })
    }

    /// Hands the card every buffer. It must have been enabled.
    pub(super) fn enable(&mut self) {
        self.offer_free();
    }

    /// Copies the frame, unless the card alleges a length that no frame has. The descriptor's
    /// number has been checked.
    fn copy_frame(&self, used: Used, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received {
        let bytes = (used.bytes as usize).checked_sub(FRAME_HEADER_BYTES);
        let valid = bytes.filter(|bytes| *bytes >= HEADER_BYTES);
        match valid.and_then(|bytes| frame.get_mut(..bytes)) {
            Some(place) => {
                self.buffers.get_frame(used.id as usize, FRAME_HEADER_BYTES, place);
                Received::Frame { bytes: place.len() }
            }
            None => Received::Damaged,
        }
    }

    fn offer_free(&mut self) {
        while let Some(slot) = self.free.take() {
            let physical = self.buffers.physical(usize::from(slot));
            self.memory.offer(slot, physical, BUFFER_BYTES as u32, DEVICE_WRITES);
        }
        self.notify.write16(self.doorbell, RECEIVE_QUEUE);
    }
}

impl<R: Registers> Receives for Receiver<R> {
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received {
        let used = match self.memory.take_used() {
            Ok(None) => return Received::Nothing,
            Ok(Some(used)) => used,
            Err(_) => return Received::AnswerInvalid,
        };
        if !self.free.give_back(used.id, self.memory.entries()) {
            return Received::AnswerInvalid;
        }
        let received = self.copy_frame(used, frame);
        self.offer_free();
        received
    }
}
