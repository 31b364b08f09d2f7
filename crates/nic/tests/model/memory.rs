//! Memory that driver and model card share. The card reaches only what the driver allocated, and only as the
//! driver said that it would.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;

use noreturn_nic::{DmaAccess, DmaRegion};

/// All DMA memory of a model machine, by physical address.
#[derive(Default)]
pub struct Memory {
    regions: Vec<(u64, DmaRegion, DmaAccess)>,
}

impl Memory {
    /// Allocates zeroed memory, aligned to its size, for the driver; never freed. Physical
    /// addresses are above 4 GiB, and apart from the ones that the processor uses.
    pub fn allocate(&mut self, bytes: usize, access: DmaAccess) -> DmaRegion {
        let layout = Layout::from_size_align(bytes, bytes).expect("a power of two");
        // SAFETY: the layout has a size above zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("memory");
        let physical = (1 << 32) + (self.regions.len() as u64) * (4 << 20);
        // SAFETY: the memory is leaked, so it stays; nothing makes a reference to it. Both regions
        // are used by this one thread, one after the other, and only through volatile accesses.
        let [ours, theirs] = [(); 2].map(|()| unsafe { DmaRegion::new(start, physical, bytes) });
        self.regions.push((physical, ours, access));
        theirs
    }

    /// Length and access of every region, in the order in which they were allocated.
    pub fn given(&self) -> Vec<(usize, DmaAccess)> {
        self.regions.iter().map(|(_, region, access)| (region.bytes(), *access)).collect()
    }

    /// The region that holds `bytes` at a physical address, and the offset there.
    fn find(&mut self, physical: u64, bytes: usize, forbidden: DmaAccess) -> (&mut DmaRegion, usize) {
        let found = self.regions.iter_mut().find_map(|(start, region, access)| {
            let offset = usize::try_from(physical.checked_sub(*start)?).ok()?;
            (offset + bytes <= region.bytes()).then_some((region, offset, *access))
        });
        let (region, offset, access) =
            found.unwrap_or_else(|| panic!("the card was sent to {physical:#x}, which is not its memory"));
        assert_ne!(access, forbidden, "the card does more at {physical:#x} than the driver said");
        (region, offset)
    }

    /// What a card reads.
    pub fn read(&mut self, physical: u64, bytes: usize) -> Vec<u8> {
        let (region, offset) = self.find(physical, bytes, DmaAccess::Write);
        let mut copy = vec![0; bytes];
        region.copy_out(offset, &mut copy);
        copy
    }

    /// What a card reads as a little-endian number.
    pub fn number(&mut self, physical: u64, bytes: usize) -> u64 {
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(&self.read(physical, bytes));
        u64::from_le_bytes(number)
    }

    /// What a card writes.
    pub fn write(&mut self, physical: u64, bytes: &[u8]) {
        let (region, offset) = self.find(physical, bytes.len(), DmaAccess::Read);
        region.copy_in(offset, bytes);
    }

    /// Every byte of the memory, to find out whether anything was written.
    pub fn snapshot(&mut self) -> Vec<Vec<u8>> {
        let copy = |region: &DmaRegion| {
            let mut copy = vec![0; region.bytes()];
            region.copy_out(0, &mut copy);
            copy
        };
        self.regions.iter().map(|(_, region, _)| copy(region)).collect()
    }
}
