//! Memory for tables, as a unit sees it: through no cache of the processor's.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed};
use std::collections::BTreeMap;
use std::ptr::NonNull;

use noreturn_nic::DmaRegion;

const PAGE: usize = 4096;

/// All pages, by physical address: what the processor sees, and what has been written back.
pub struct Memory {
    pages: BTreeMap<u64, (DmaRegion, Box<[u8; PAGE]>)>,
    /// How many more pages there are.
    pub pages_left: usize,
}

impl Memory {
    /// Memory for so many tables.
    pub fn new(pages_left: usize) -> Self {
        Self { pages: BTreeMap::new(), pages_left }
    }

    /// A zeroed page. The unit sees rubbish there until it is written back.
    pub fn allocate(&mut self) -> Option<DmaRegion> {
        self.pages_left = self.pages_left.checked_sub(1)?;
        // SAFETY: the layout has a size above zero.
        let start = unsafe { alloc_zeroed(Layout::from_size_align(PAGE, PAGE).expect("a page")) };
        let start = NonNull::new(start).expect("memory");
        let physical = 0x1_2340_0000 + (self.pages.len() as u64) * 3 * PAGE as u64;
        // SAFETY: the page is leaked, so it stays; nothing makes a reference to it. Both regions are used by
        // this one thread, one after the other, and only through volatile accesses.
        let [ours, theirs] = [(); 2].map(|()| unsafe { DmaRegion::new(start, physical, PAGE) });
        self.pages.insert(physical, (ours, Box::new([0xa5; PAGE])));
        Some(theirs)
    }

    /// Makes the lines that hold these bytes visible to the unit.
    pub fn write_back(&mut self, physical: u64, bytes: usize) {
        const LINE: u64 = 64;
        let (start, end) = (physical & !(LINE - 1), (physical + bytes as u64).next_multiple_of(LINE));
        let (page, (region, seen)) = self.pages.range_mut(..=start).next_back().expect("a table");
        let offset = (start - page) as usize;
        region.copy_out(offset, &mut seen[offset..offset + (end - start) as usize]);
    }

    /// The unit writes a number, which the processor sees at once.
    pub fn write_by_unit(&mut self, physical: u64, number: u32) {
        let (page, (region, _)) = self.pages.range_mut(..=physical).next_back().expect("memory");
        region.write32((physical - page) as usize, number);
    }

    /// What the unit sees of every page.
    pub fn seen(&self) -> BTreeMap<u64, [u8; PAGE]> {
        self.pages.iter().map(|(physical, (_, seen))| (*physical, **seen)).collect()
    }
}
