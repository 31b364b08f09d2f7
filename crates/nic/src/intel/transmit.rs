//! The transmit ring: descriptors and a buffer for each.

use core::sync::atomic::{Ordering, fence};

use super::{DESCRIPTOR_BYTES, RING_BYTES, RING_ENTRIES};
use crate::buffers::{Buffers, allocate};
use crate::error::StartError;
use crate::memory::DmaRegion;
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform};

/// The frame ends here (EOP), gets a check sequence (IFCS), and its completion is told (RS).
const COMMAND: u64 = (1 << 0 | 1 << 1 | 1 << 3) << 24;
/// An advanced descriptor (DEXT) of data (DTYP).
const ADVANCED_DATA: u64 = 1 << 29 | 0b11 << 20;
/// Where an advanced descriptor has the frame's bytes once more (PAYLEN).
const PAYLOAD_SHIFT: u32 = 32 + 14;
const CONTROL_OFFSET: usize = 8;
const STATUS_OFFSET: usize = 12;
const STATUS_DONE: u8 = 1 << 0;

/// How the second half of a descriptor is written. The first is the buffer's address, and what the card writes back is read, in either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Descriptors {
    /// Legacy ones (82574 datasheet, 7.2.10).
    Legacy,
    /// Advanced ones for data (82576 datasheet, 7.2.2.3).
    Advanced,
}

impl Descriptors {
    fn control(self, bytes: u64) -> u64 {
        match self {
            Self::Legacy => bytes | COMMAND,
            Self::Advanced => bytes | COMMAND | ADVANCED_DATA | bytes << PAYLOAD_SHIFT,
        }
    }
}

/// Descriptors that the card follows, and frames that it has not sent yet.
#[derive(Debug)]
pub(crate) struct TransmitRing {
    kind: Descriptors,
    descriptors: DmaRegion,
    buffers: Buffers,
    /// The descriptor that the next frame gets.
    next: usize,
    /// The oldest descriptor that the card still has; equal to `next` when it has none.
    oldest: usize,
}

impl TransmitRing {
    /// An empty ring.
    pub(crate) fn allocate<P: Platform>(
        platform: &mut P,
        card: PciAddress,
        kind: Descriptors,
    ) -> Result<Self, StartError> {
        let descriptors = allocate(platform, card, RING_BYTES, DmaAccess::ReadWrite)?;
        let buffers = Buffers::allocate(platform, card, RING_ENTRIES, DmaAccess::Read)?;
        Ok(Self { kind, descriptors, buffers, next: 0, oldest: 0 })
    }

    /// Where the card finds the descriptors.
    pub(crate) fn physical(&self) -> u64 {
        self.descriptors.physical(0)
    }

    /// Whether there is room for a frame, after taking back what the card has finished.
    pub(crate) fn has_room(&mut self) -> bool {
        self.reclaim();
        following(self.next) != self.oldest
    }

    /// Frames that the card has not finished, after taking back what it has.
    pub(crate) fn waiting(&mut self) -> usize {
        self.reclaim();
        (self.next + RING_ENTRIES - self.oldest) % RING_ENTRIES
    }

    /// Puts a frame of a valid length into the ring. Returns the new tail to tell the card, or
    /// `None` if the ring is full.
    pub(crate) fn push(&mut self, frame: &[u8]) -> Option<u32> {
        if !self.has_room() {
            return None;
        }
        let bytes = self.buffers.put_frame(self.next, 0, frame);
        let descriptor = self.next * DESCRIPTOR_BYTES;
        self.descriptors.write64(descriptor, self.buffers.physical(self.next));
        self.descriptors.write64(descriptor + CONTROL_OFFSET, self.kind.control(bytes as u64));
        self.next = following(self.next);
        // The card must see descriptor and buffer before it sees the tail.
        fence(Ordering::SeqCst);
        Some(self.next as u32)
    }

    /// Takes back what the card says it has finished. A card that lies here only spoils frames
    /// of its own: which descriptors we reuse, and when, stays within the ring.
    fn reclaim(&mut self) {
        while self.oldest != self.next && self.is_done(self.oldest) {
            self.oldest = following(self.oldest);
        }
    }

    fn is_done(&self, descriptor: usize) -> bool {
        self.descriptors.read8(descriptor * DESCRIPTOR_BYTES + STATUS_OFFSET) & STATUS_DONE != 0
    }
}

fn following(descriptor: usize) -> usize {
    (descriptor + 1) % RING_ENTRIES
}
