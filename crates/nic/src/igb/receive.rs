//! The receive half of the card, for the inside only.

use core::sync::atomic::{Ordering, fence};

use crate::buffers::{BUFFER_BYTES, Buffers, allocate};
use crate::e1000e::{DESCRIPTOR_BYTES, RING_ENTRIES};
use crate::error::StartError;
use crate::ethernet::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::inside::Received;
use crate::memory::DmaRegion;
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform, wait_until};
use crate::registers::Registers;

const RECEIVE_CONTROL: usize = 0x0100;
const MULTICAST_TABLE: usize = 0x5200;
const MULTICAST_TABLE_WORDS: usize = 128;
const RING_LOW: usize = 0xc000;
const RING_HIGH: usize = 0xc004;
const RING_BYTES: usize = 0xc008;
const SPLIT_CONTROL: usize = 0xc00c;
const RING_HEAD: usize = 0xc010;
const RING_TAIL: usize = 0xc018;
const QUEUE_CONTROL: usize = 0xc028;

/// Receive (EN), broadcasts too (BAM), without check sequence (SECRC).
const RECEIVE_SETTINGS: u32 = 1 << 1 | 1 << 15 | 1 << 26;
/// Advanced descriptors with one buffer each (DESCTYPE 1), of so many KiB (BSIZEPACKET).
const SPLIT_SETTINGS: u32 = 1 << 25 | (BUFFER_BYTES / 1024) as u32;
const QUEUE_ENABLE: u32 = 1 << 25;
/// Fetch descriptors when fewer than 8 are left, write each back (PTHRESH 8, HTHRESH 8, WTHRESH 1).
const QUEUE_SETTINGS: u32 = 8 | 8 << 8 | 1 << 16;
/// How long the queue may take to be on.
const QUEUE_TIMEOUT_US: u64 = 10_000;

/// Advanced receive descriptor as the card writes it back (82576 datasheet, 7.1.5.2): status and errors, length.
const STATUS_OFFSET: usize = 8;
const LENGTH_OFFSET: usize = 12;
const STATUS_DONE: u32 = 1 << 0;
const STATUS_END_OF_PACKET: u32 = 1 << 1;
/// An error of the cable (RXE). The rest are checksums of upper layers, which the network stack judges itself.
const STATUS_ERROR: u32 = 1 << 31;

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
    /// Gives the card, whose receive queues must be off, a ring of empty buffers.
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
        self.registers.write32(SPLIT_CONTROL, SPLIT_SETTINGS);
        self.registers.write32(RING_HEAD, 0);
        self.registers.write32(RING_TAIL, 0);
    }

    /// Switches the queue on, which must say that it is (82576 datasheet, 4.5.9). It has no buffers yet.
    pub(super) fn enable_queue<P: Platform>(
        &mut self,
        platform: &mut P,
        address: PciAddress,
    ) -> Result<(), StartError> {
        self.registers.write32(QUEUE_CONTROL, QUEUE_SETTINGS | QUEUE_ENABLE);
        let is_on = || self.registers.read32(QUEUE_CONTROL) & QUEUE_ENABLE != 0;
        if !wait_until(platform, QUEUE_TIMEOUT_US, is_on) {
            return Err(StartError::Missing { address, what: "receive queue that can be switched on" });
        }
        Ok(())
    }

    /// Lets the card receive, into a queue that is on. The descriptor before the tail is the last that it may fill, so
    /// one always stays ours.
    pub(super) fn enable(&mut self) {
        self.registers.write32(RECEIVE_CONTROL, RECEIVE_SETTINGS);
        fence(Ordering::SeqCst);
        self.registers.write32(RING_TAIL, (RING_ENTRIES - 1) as u32);
    }

    /// Takes the next frame out of the ring, if there is one.
    pub(super) fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received {
        let descriptor = self.next * DESCRIPTOR_BYTES;
        let status = self.descriptors.read32(descriptor + STATUS_OFFSET);
        if status & STATUS_DONE == 0 {
            return Received::Nothing;
        }
        // What the card wrote before "done" must be read after it.
        fence(Ordering::SeqCst);
        let bytes = usize::from(self.descriptors.read16(descriptor + LENGTH_OFFSET));
        let received = if status & STATUS_ERROR != 0 || status & STATUS_END_OF_PACKET == 0 {
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

    /// Writes a descriptor for an empty buffer, over what the card wrote there.
    fn empty(&mut self, descriptor: usize) {
        let offset = descriptor * DESCRIPTOR_BYTES;
        self.descriptors.write64(offset + STATUS_OFFSET, 0);
        self.descriptors.write64(offset, self.buffers.physical(descriptor));
    }
}
