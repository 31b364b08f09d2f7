//! The transmit queue: one descriptor and one buffer for each frame.

use super::FRAME_HEADER_BYTES;
use super::queue_memory::{QueueAddresses, QueueMemory};
use crate::buffers::Buffers;
use crate::error::StartError;
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform};
use crate::slots::FreeSlots;

/// The card reads the buffer: no flag at all, above all not the one that lets it write.
const DEVICE_READS: u16 = 0;

/// Frames on their way to the card. Every buffer starts with the frame header, all zero: no
/// offload of any kind.
#[derive(Debug)]
pub(super) struct TransmitQueue {
    memory: QueueMemory,
    buffers: Buffers,
    free: FreeSlots,
    answers_invalid: u64,
}

impl TransmitQueue {
    /// An empty queue of a size that [`QueueMemory::size`] allowed.
    pub(super) fn allocate<P: Platform>(
        platform: &mut P,
        card: PciAddress,
        size: u16,
    ) -> Result<Self, StartError> {
        let memory = QueueMemory::allocate(platform, card, size)?;
        let buffers = Buffers::allocate(platform, card, memory.entries(), DmaAccess::Read)?;
        let free = FreeSlots::all(memory.entries());
        Ok(Self { memory, buffers, free, answers_invalid: 0 })
    }

    /// Where the card finds the queue.
    pub(super) fn addresses(&self) -> QueueAddresses {
        self.memory.addresses()
    }

    /// Answers of the card that named no frame it had.
    pub(super) fn answers_invalid(&self) -> u64 {
        self.answers_invalid
    }

    /// Whether there is room for a frame, after taking back what the card has finished.
    pub(super) fn has_room(&mut self) -> bool {
        self.reclaim();
        !self.free.is_empty()
    }

    /// Frames that the card has not finished, after taking back what it has.
    pub(super) fn waiting(&mut self) -> usize {
        self.reclaim();
        self.memory.entries() - self.free.count()
    }

    /// Puts a frame of a valid length into the queue; false if the queue is full.
    pub(super) fn push(&mut self, frame: &[u8]) -> bool {
        self.reclaim();
        let Some(slot) = self.free.take() else { return false };
        let index = usize::from(slot);
        let bytes = self.buffers.put_frame(index, FRAME_HEADER_BYTES, frame);
        let bytes = (FRAME_HEADER_BYTES + bytes) as u32;
        self.memory.offer(slot, self.buffers.physical(index), bytes, DEVICE_READS);
        true
    }

    /// Takes back what the card has used: at most one round, however fast it claims to be.
    fn reclaim(&mut self) {
        for _ in 0..self.memory.entries() {
            match self.memory.take_used() {
                Ok(None) => return,
                Ok(Some(used)) if self.free.give_back(used.id, self.memory.entries()) => {}
                Ok(Some(_)) | Err(_) => self.answers_invalid += 1,
            }
        }
    }
}
