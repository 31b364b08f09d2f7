//! The receive half of the card, for the inside only.

use crate::buffers::BUFFER_BYTES;
use crate::error::StartError;
use crate::ethernet::FRAME_BYTES_MAX;
use crate::intel::RING_BYTES;
use crate::intel::bits::QUEUE_ENABLE;
use crate::intel::receive::{Descriptors, ReceiveRing};
use crate::pci::PciAddress;
use crate::platform::{Platform, wait_until};
use crate::receive::{Received, Receives};
use crate::registers::Registers;

const RECEIVE_CONTROL: usize = 0x0100;
const MULTICAST_TABLE: usize = 0x5200;
const MULTICAST_TABLE_WORDS: usize = 128;
const RING_LOW: usize = 0xc000;
const RING_HIGH: usize = 0xc004;
const RING_LENGTH: usize = 0xc008;
const SPLIT_CONTROL: usize = 0xc00c;
const RING_HEAD: usize = 0xc010;
const RING_TAIL: usize = 0xc018;
const QUEUE_CONTROL: usize = 0xc028;

/// Receive (EN), broadcasts too (BAM), without check sequence (SECRC).
const RECEIVE_SETTINGS: u32 = 1 << 1 | 1 << 15 | 1 << 26;
/// Advanced descriptors with one buffer each (DESCTYPE 1), of so many KiB (BSIZEPACKET).
const SPLIT_SETTINGS: u32 = 1 << 25 | (BUFFER_BYTES / 1024) as u32;
/// Fetch descriptors when fewer than 8 are left, write each back (PTHRESH 8, HTHRESH 8, WTHRESH 1).
const QUEUE_SETTINGS: u32 = 8 | 8 << 8 | 1 << 16;
/// How long the queue may take to be on.
const QUEUE_TIMEOUT_US: u64 = 10_000;

/// A card's receiver and its ring.
#[derive(Debug)]
pub(crate) struct Receiver<R> {
    registers: R,
    ring: ReceiveRing,
}

impl<R: Registers> Receiver<R> {
    /// Gives the card, whose receive queues must be off, a ring of empty buffers.
    pub(super) fn prepare<P: Platform>(
        platform: &mut P,
        registers: R,
        card: PciAddress,
    ) -> Result<Self, StartError> {
        let ring = ReceiveRing::allocate(platform, card, Descriptors::Advanced)?;
        let mut receiver = Self { registers, ring };
        receiver.give_ring();
        Ok(receiver)
    }

    fn give_ring(&mut self) {
        (0..MULTICAST_TABLE_WORDS).for_each(|word| self.registers.write32(MULTICAST_TABLE + 4 * word, 0));
        let physical = self.ring.physical();
        for (register, value) in [
            (RING_LOW, physical as u32),
            (RING_HIGH, (physical >> 32) as u32),
            (RING_LENGTH, RING_BYTES as u32),
            (SPLIT_CONTROL, SPLIT_SETTINGS),
            (RING_HEAD, 0),
            (RING_TAIL, 0),
        ] {
            self.registers.write32(register, value);
        }
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

    /// Lets the card receive, into a queue that is on.
    pub(super) fn enable(&mut self) {
        self.registers.write32(RECEIVE_CONTROL, RECEIVE_SETTINGS);
        self.registers.write32(RING_TAIL, self.ring.first_tail());
    }
}

impl<R: Registers> Receives for Receiver<R> {
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Received {
        let Some((received, tail)) = self.ring.take(frame) else { return Received::Nothing };
        self.registers.write32(RING_TAIL, tail);
        received
    }
}
