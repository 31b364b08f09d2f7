//! One 2 KiB frame buffer per ring slot, in one piece of DMA memory.

use crate::error::StartError;
use crate::ethernet::FRAME_BYTES_MIN_ON_WIRE;
use crate::memory::DmaRegion;
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform};

/// Bytes of each buffer.
pub(crate) const BUFFER_BYTES: usize = 2048;

/// Frame buffers, named by their slot.
#[derive(Debug)]
pub(crate) struct Buffers {
    region: DmaRegion,
}

impl Buffers {
    /// Allocates a buffer for each slot: read by the card if it sends them, written if it fills them.
    pub(crate) fn allocate<P: Platform>(
        platform: &mut P,
        card: PciAddress,
        slots: usize,
        access: DmaAccess,
    ) -> Result<Self, StartError> {
        Ok(Self { region: allocate(platform, card, slots * BUFFER_BYTES, access)? })
    }

    /// The address by which the card finds a slot's buffer.
    pub(crate) fn physical(&self, slot: usize) -> u64 {
        self.region.physical(slot * BUFFER_BYTES)
    }

    /// Copies a frame into a slot's buffer, `headroom` bytes from its start, and pads it with
    /// zeros to the shortest frame on the wire. Returns the frame's bytes, padding included.
    pub(crate) fn put_frame(&mut self, slot: usize, headroom: usize, frame: &[u8]) -> usize {
        const PADDING: [u8; FRAME_BYTES_MIN_ON_WIRE] = [0; FRAME_BYTES_MIN_ON_WIRE];
        assert!(headroom + frame.len() <= BUFFER_BYTES, "frame does not fit its buffer");
        let start = slot * BUFFER_BYTES + headroom;
        let padding = FRAME_BYTES_MIN_ON_WIRE.saturating_sub(frame.len());
        self.region.copy_in(start, frame);
        self.region.copy_in(start + frame.len(), &PADDING[..padding]);
        frame.len() + padding
    }

    /// Copies what lies `headroom` bytes into a slot's buffer until `frame` is full.
    pub(crate) fn get_frame(&self, slot: usize, headroom: usize, frame: &mut [u8]) {
        assert!(headroom + frame.len() <= BUFFER_BYTES, "frame does not fit its buffer");
        self.region.copy_out(slot * BUFFER_BYTES + headroom, frame);
    }
}

/// Allocates DMA memory, or tells how much was missing.
pub(crate) fn allocate<P: Platform>(
    platform: &mut P,
    card: PciAddress,
    bytes: usize,
    access: DmaAccess,
) -> Result<DmaRegion, StartError> {
    let bytes = bytes.next_power_of_two();
    platform.allocate_dma(card, bytes, access).ok_or(StartError::NoDmaMemory { bytes })
}
