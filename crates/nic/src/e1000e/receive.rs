//! The receive half of the card, for the inside only.

use core::sync::atomic::{Ordering, fence};

use super::{DESCRIPTOR_BYTES, RING_ENTRIES};
use crate::buffers::{Buffers, allocate};
use crate::error::StartError;
use crate::ethernet::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::inside::Received;
use crate::memory::DmaRegion;
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform};
use crate::registers::Registers;

const RECEIVE_CONTROL: usize = 0x0100;
const RING_LOW: usize = 0x2800;
const RING_HIGH: usize = 0x2804;
const RING_BYTES: usize = 0x2808;
const RING_HEAD: usize = 0x2810;
const RING_TAIL: usize = 0x2818;
const MULTICAST_TABLE: usize = 0x5200;
const MULTICAST_TABLE_WORDS: usize = 128;

/// Receive (EN), broadcasts too (BAM), into 2 KiB buffers, without check sequence (SECRC).
const RECEIVE_SETTINGS: u32 = 1 << 1 | 1 << 15 | 1 << 26;

/// Legacy receive descriptor (datasheet, 7.1.4): where the card writes what it has done.
const LENGTH_OFFSET: usize = 8;
const STATUS_OFFSET: usize = 12;
const ERRORS_OFFSET: usize = 13;
const STATUS_DONE: u8 = 1 << 0;
const STATUS_END_OF_PACKET: u8 = 1 << 1;
/// Frame check, symbol, sequence, carrier extension and data errors. The rest are checksums of
/// upper layers, which the network stack judges itself.
const ERRORS: u8 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 7;

/// A card's receiver, its ring and its buffers.
#[derive(Debug)]
pub(super) struct Receiver<R> {
    registers: R,
    descriptors: DmaRegion,
    buffers: Buffers,
    /// The descriptor that the card fills next, as far as we know.
    next: usize,
}

impl<R: Registers> Receiver<R> {
    /// Gives the card, which must just have been reset, a ring of empty buffers.
    pub(super) fn prepare<P: Platform>(
        platform: &mut P,
        registers: R,
        card: PciAddress,
    ) -> Result<Self, StartError> {
        let descriptors = allocate(platform, card, RING_ENTRIES * DESCRIPTOR_BYTES, DmaAccess::ReadWrite)?;
        let buffers = Buffers::allocate(platform, card, RING_ENTRIES, DmaAccess::Write)?;
        let mut receiver = Self { registers, descriptors, buffers, next: 0 };
        (0..RING_ENTRIES).for_each(|descriptor| receiver.empty(descriptor));
        receiver.give_ring();
        Ok(receiver)
    }

    fn give_ring(&mut self) {
        for word in 0..MULTICAST_TABLE_WORDS {
            self.registers.write32(MULTICAST_TABLE + 4 * word, 0);
        }
        let physical = self.descriptors.physical(0);
        self.registers.write32(RING_LOW, physical as u32);
        self.registers.write32(RING_HIGH, (physical >> 32) as u32);
        self.registers.write32(RING_BYTES, (RING_ENTRIES * DESCRIPTOR_BYTES) as u32);
        self.registers.write32(RING_HEAD, 0);
        self.registers.write32(RING_TAIL, 0);
    }

    /// Lets the card receive. The descriptor before the tail is the last that it may fill, so
    /// one always stays ours.
    pub(super) fn enable(&mut self) {
        self.registers.write32(RECEIVE_CONTROL, RECEIVE_SETTINGS);
        fence(Ordering::SeqCst);
        self.registers.write32(RING_TAIL, (RING_ENTRIES - 1) as u32);
    }

    /// Takes the next frame out of the ring, if there is one.
    pub(super) fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received {
        let descriptor = self.next * DESCRIPTOR_BYTES;
        let status = self.descriptors.read8(descriptor + STATUS_OFFSET);
        if status & STATUS_DONE == 0 {
            return Received::Nothing;
        }
        // What the card wrote before "done" must be read after it.
        fence(Ordering::SeqCst);
        let errors = self.descriptors.read8(descriptor + ERRORS_OFFSET);
        let bytes = usize::from(self.descriptors.read16(descriptor + LENGTH_OFFSET));
        let received = if errors & ERRORS != 0 || status & STATUS_END_OF_PACKET == 0 {
            Received::Damaged
        } else {
            self.copy_frame(bytes, frame)
        };
        self.give_back();
        received
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

    fn give_back(&mut self) {
        self.empty(self.next);
        fence(Ordering::SeqCst);
        self.registers.write32(RING_TAIL, self.next as u32);
        self.next = (self.next + 1) % RING_ENTRIES;
    }

    /// Writes a descriptor for an empty buffer.
    fn empty(&mut self, descriptor: usize) {
        let offset = descriptor * DESCRIPTOR_BYTES;
        self.descriptors.write64(offset + LENGTH_OFFSET, 0);
        self.descriptors.write64(offset, self.buffers.physical(descriptor));
    }
}
