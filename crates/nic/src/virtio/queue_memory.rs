//! The memory of one split virtqueue (VIRTIO 1.2, 2.7), whichever direction it has.

use core::sync::atomic::{Ordering, fence};

use crate::buffers::allocate;
use crate::error::StartError;
use crate::memory::DmaRegion;
use crate::pci::PciAddress;
use crate::platform::{DmaAccess, Platform};
use crate::slots::SLOTS_MAX;

/// Where the available ring lies behind the descriptor table, for a queue of the largest size; smaller
/// ones use a part of each.
const AVAILABLE: usize = 4096;
/// What we tell the card, which it only reads: descriptor table and available ring.
const TOLD_BYTES: usize = 8192;
/// What the card answers, in pages of its own: the used ring.
const USED_BYTES: usize = 4096;

const DESCRIPTOR_BYTES: usize = 16;
const USED_ENTRY_BYTES: usize = 8;
/// Both rings start with flags and an index of 16 bits each.
const RING_INDEX: usize = 2;
const RING_ENTRIES: usize = 4;
/// In the available ring's flags: we poll, do not interrupt.
const NO_INTERRUPT: u16 = 1;

const _: () = assert!(SLOTS_MAX * DESCRIPTOR_BYTES <= AVAILABLE);
const _: () = assert!(AVAILABLE + RING_ENTRIES + SLOTS_MAX * 2 + 2 <= TOLD_BYTES);
const _: () = assert!(RING_ENTRIES + SLOTS_MAX * USED_ENTRY_BYTES + 2 <= USED_BYTES);

/// Where a card finds a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct QueueAddresses {
    /// Entries, a power of two.
    pub(super) size: u16,
    /// Descriptor table.
    pub(super) descriptors: u64,
    /// What the driver makes available.
    pub(super) available: u64,
    /// What the card has used.
    pub(super) used: u64,
}

/// What the card says about a descriptor that it has used: an allegation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Used {
    /// Which descriptor.
    pub(super) id: u32,
    /// Bytes that it wrote.
    pub(super) bytes: u32,
}

/// Descriptor table and rings.
#[derive(Debug)]
pub(super) struct QueueMemory {
    told: DmaRegion,
    used: DmaRegion,
    size: u16,
    available_index: u16,
    used_index: u16,
}

impl QueueMemory {
    /// The largest queue of at most `size_max` entries that we have room for; `size_max` is what
    /// the card says, and `None` comes back if no queue is as small as that.
    pub(super) fn size(size_max: u16) -> Option<u16> {
        let size = size_max.min(SLOTS_MAX as u16).checked_ilog2()?;
        Some(1 << size)
    }

    /// An empty queue of [`Self::size`] entries.
    pub(super) fn allocate<P: Platform>(
        platform: &mut P,
        card: PciAddress,
        size: u16,
    ) -> Result<Self, StartError> {
        let told = allocate(platform, card, TOLD_BYTES, DmaAccess::Read)?;
        let used = allocate(platform, card, USED_BYTES, DmaAccess::ReadWrite)?;
        let mut memory = Self { told, used, size, available_index: 0, used_index: 0 };
        memory.told.write16(AVAILABLE, NO_INTERRUPT);
        Ok(memory)
    }

    /// Entries.
    pub(super) fn entries(&self) -> usize {
        usize::from(self.size)
    }

    /// Where the card finds the queue.
    pub(super) fn addresses(&self) -> QueueAddresses {
        QueueAddresses {
            size: self.size,
            descriptors: self.told.physical(0),
            available: self.told.physical(AVAILABLE),
            used: self.used.physical(0),
        }
    }

    /// Makes one buffer available under a descriptor, without telling the card to look.
    pub(super) fn offer(&mut self, descriptor: u16, physical: u64, bytes: u32, flags: u16) {
        let offset = usize::from(descriptor) * DESCRIPTOR_BYTES;
        self.told.write64(offset, physical);
        self.told.write64(offset + 8, u64::from(bytes) | u64::from(flags) << 32);
        let place = usize::from(self.available_index % self.size);
        self.told.write16(AVAILABLE + RING_ENTRIES + 2 * place, descriptor);
        self.available_index = self.available_index.wrapping_add(1);
        // The card must see buffer, descriptor and entry before it sees the index.
        fence(Ordering::SeqCst);
        self.told.write16(AVAILABLE + RING_INDEX, self.available_index);
        // And the index before the doorbell that follows.
        fence(Ordering::SeqCst);
    }

    /// The next entry that the card has used, if any.
    ///
    /// # Errors
    /// [`ImpossibleIndex`] if the card claims more entries than the queue has.
    pub(super) fn take_used(&mut self) -> Result<Option<Used>, ImpossibleIndex> {
        let index = self.used.read16(RING_INDEX);
        let waiting = index.wrapping_sub(self.used_index);
        if waiting == 0 {
            return Ok(None);
        }
        if waiting > self.size {
            // Believing none of it, and starting from where the card says it is.
            self.used_index = index;
            return Err(ImpossibleIndex);
        }
        // The entry must be read after the index that announced it.
        fence(Ordering::SeqCst);
        let place = usize::from(self.used_index % self.size);
        let entry = RING_ENTRIES + USED_ENTRY_BYTES * place;
        self.used_index = self.used_index.wrapping_add(1);
        Ok(Some(Used { id: self.used.read32(entry), bytes: self.used.read32(entry + 4) }))
    }
}

/// The card's index has run further than the queue is long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ImpossibleIndex;
