//! The receive half of the card, for the inside only.

use crate::error::StartError;
use crate::ethernet::FRAME_BYTES_MAX;
use crate::intel::RING_BYTES;
use crate::intel::receive::{Descriptors, ReceiveRing};
use crate::pci::PciAddress;
use crate::platform::Platform;
use crate::receive::{Received, Receives};
use crate::registers::Registers;

const RECEIVE_CONTROL: usize = 0x0100;
const RING_LOW: usize = 0x2800;
const RING_HIGH: usize = 0x2804;
const RING_LENGTH: usize = 0x2808;
const RING_HEAD: usize = 0x2810;
const RING_TAIL: usize = 0x2818;
const MULTICAST_TABLE: usize = 0x5200;
const MULTICAST_TABLE_WORDS: usize = 128;

/// Receive (EN), broadcasts too (BAM), into 2 KiB buffers, without check sequence (SECRC).
const RECEIVE_SETTINGS: u32 = 1 << 1 | 1 << 15 | 1 << 26;

/// A card's receiver and its ring.
#[derive(Debug)]
pub(crate) struct Receiver<R> {
    registers: R,
    ring: ReceiveRing,
}

impl<R: Registers> Receiver<R> {
    /// Gives the card, which must just have been reset, a ring of empty buffers.
    pub(super) fn prepare<P: Platform>(
        platform: &mut P,
        registers: R,
        card: PciAddress,
    ) -> Result<Self, StartError> {
        let ring = ReceiveRing::allocate(platform, card, Descriptors::Legacy)?;
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
            (RING_HEAD, 0),
            (RING_TAIL, 0),
        ] {
            self.registers.write32(register, value);
        }
    }

    /// Lets the card receive.
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
