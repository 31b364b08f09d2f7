//! The receive ring, for the inside only: descriptors and an empty buffer for each.

use core::sync::atomic::{Ordering, fence};

use super::{DESCRIPTOR_BYTES, RING_BYTES, RING_ENTRIES};
use crate::buffers::{Buffers, allocate};
use crate::error::StartError;
use crate::ethernet::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::memory::DmaRegion;
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform};
use crate::receive::Received;

/// The second half of a descriptor, which is zero until the card has filled the buffer.
const WRITTEN_BACK_OFFSET: usize = 8;
const DONE: u32 = 1 << 0;
const END_OF_PACKET: u32 = 1 << 1;

/// How the card writes a descriptor back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Descriptors {
    /// Legacy ones (82574 datasheet, 7.1.4): length, checksum, status and errors.
    Legacy,
    /// Advanced ones (82576 datasheet, 7.1.5.2): status and errors, then the length.
    Advanced,
}

impl Descriptors {
    /// Where status and errors are.
    const fn status_offset(self) -> usize {
        match self {
            Self::Legacy => 12,
            Self::Advanced => 8,
        }
    }

    const fn length_offset(self) -> usize {
        match self {
            Self::Legacy => 8,
            Self::Advanced => 12,
        }
    }

    /// Errors of the cable: of the frame's check, symbols, sequence, carrier extension and data in a legacy descriptor, RXE in an advanced
    /// one. The rest are checksums of upper layers, which the network stack judges itself.
    const fn errors(self) -> u32 {
        match self {
            Self::Legacy => (1 << 0 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 7) << 8,
            Self::Advanced => 1 << 31,
        }
    }
}

/// Descriptors that the card fills, one after the other.
#[derive(Debug)]
pub(crate) struct ReceiveRing {
    kind: Descriptors,
    descriptors: DmaRegion,
    buffers: Buffers,
    /// The descriptor that the card fills next, as far as we know.
    next: usize,
}

impl ReceiveRing {
    /// A ring of empty buffers.
    pub(crate) fn allocate<P: Platform>(
        platform: &mut P,
        card: PciAddress,
        kind: Descriptors,
    ) -> Result<Self, StartError> {
        let descriptors = allocate(platform, card, RING_BYTES, DmaAccess::ReadWrite)?;
        let buffers = Buffers::allocate(platform, card, RING_ENTRIES, DmaAccess::Write)?;
        let mut ring = Self { kind, descriptors, buffers, next: 0 };
        (0..RING_ENTRIES).for_each(|descriptor| ring.empty(descriptor));
        Ok(ring)
    }

    /// Where the card finds the descriptors.
    pub(crate) fn physical(&self) -> u64 {
        self.descriptors.physical(0)
    }

    /// The first tail to tell the card. The descriptor before the tail is the last that it may fill, so one always stays ours.
    pub(crate) fn first_tail(&self) -> u32 {
        fence(Ordering::SeqCst);
        (RING_ENTRIES - 1) as u32
    }

    /// Takes the next frame out of the ring, if there is one, and returns the new tail to tell the card, too.
    pub(crate) fn take(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Option<(Received, u32)> {
        let descriptor = self.next * DESCRIPTOR_BYTES;
        let status = self.descriptors.read32(descriptor + self.kind.status_offset());
        if status & DONE == 0 {
            return None;
        }
        // What the card wrote before "done" must be read after it.
        fence(Ordering::SeqCst);
        let bytes = usize::from(self.descriptors.read16(descriptor + self.kind.length_offset()));
        let received = if status & self.kind.errors() != 0 || status & END_OF_PACKET == 0 {
            Received::Damaged
        } else {
            self.copy_frame(bytes, frame)
        };
        Some((received, self.give_back()))
    }

    /// Copies the frame, unless the card alleges a length that no frame has.
    fn copy_frame(&self, bytes: usize, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received {
        match frame.get_mut(..bytes) {
            Some(place) if bytes >= HEADER_BYTES => {
                self.buffers.get_frame(self.next, 0, place);
                Received::Frame { bytes }
            }
            _ => Received::Damaged,
        }
    }

    fn give_back(&mut self) -> u32 {
        let tail = self.next;
        self.empty(tail);
        fence(Ordering::SeqCst);
        self.next = (tail + 1) % RING_ENTRIES;
        tail as u32
    }

    /// Writes a descriptor for an empty buffer, over what the card wrote there.
    fn empty(&mut self, descriptor: usize) {
        let offset = descriptor * DESCRIPTOR_BYTES;
        self.descriptors.write64(offset + WRITTEN_BACK_OFFSET, 0);
        self.descriptors.write64(offset, self.buffers.physical(descriptor));
    }
}
