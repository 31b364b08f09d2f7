//! The machine for the drivers: configuration space, register windows, DMA memory, time.

use alloc::alloc::alloc_zeroed;
use core::alloc::Layout;
use core::arch::asm;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::AtomicU64;

use hermit::mm::{VirtAddr as HermitAddr, virtual_to_physical};
use noreturn_image_format::config;
use noreturn_iommu::{Dmar, Fence, FenceError, Grant, Host};
use noreturn_nic::{ConfigSpace, DmaAccess, DmaRegion, MmioRegion, PciAddress, Platform};
use x86_64::instructions::port::Port;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::{
    FrameAllocator, Mapper, OffsetPageTable, Page, PageTable, PageTableFlags, PhysFrame, Size4KiB,
};
use x86_64::{PhysAddr, VirtAddr};

use crate::clock;
use crate::fatal::say;

const PAGE_BYTES: u64 = 4096;
/// DMA memory comes from Hermit's heap, which is made of pages of this size.
const DMA_BYTES_MAX: usize = 2 << 20;
/// Where register windows are mapped: above the identity map, below the range that Hermit uses.
const WINDOWS_START: u64 = 0x3000_0000_0000;

/// Configuration mechanism 1 (PCI Local Bus Specification 3.0, section 3.2.2.3.2).
const CONFIG_ADDRESS: u16 = 0xcf8;
const CONFIG_DATA: u16 = 0xcfc;

/// There is one of these; it owns the configuration ports, the window addresses and the DMA fence.
pub struct Machine {
    windows: Windows,
    fence: Option<Fence>,
}

impl Machine {
    pub fn new() -> Self {
        Self { windows: Windows { next: WINDOWS_START }, fence: None }
    }

    /// Switches the fence on: from then on, cards reach what they are given, and nothing else is reached by any device.
    pub fn raise_fence(&mut self, dmar: &Dmar) -> Result<(), FenceError> {
        self.fence = Some(Fence::start(&mut self.windows, dmar)?);
        Ok(())
    }

    /// `count` words of memory, all zeros, under two addresses: one for whoever writes them, one at which writing is an
    /// exception.
    pub fn allocate_two_views(&mut self, count: usize) -> Option<TwoViews> {
        let bytes = (count * size_of::<AtomicU64>()).checked_next_multiple_of(PAGE_BYTES as usize)?;
        let layout = Layout::from_size_align(bytes, PAGE_BYTES as usize).ok()?;
        // SAFETY: the layout is not of size zero: a ring has words.
        let written = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let read = self.windows.next;
        // An unmapped guard page follows.
        self.windows.next = read.checked_add(bytes as u64 + PAGE_BYTES)?;
        for offset in (0..bytes as u64).step_by(PAGE_BYTES as usize) {
            map_page(read + offset, physical(written.addr().get() as u64 + offset)?, READ_ONLY)?;
        }
        // SAFETY: the memory was just allocated, is whole pages of zeros, which are valid numbers, and is never freed. What is
        // under both addresses is atomic, so it may change under a shared reference; reading an atomic of 64 bits is a plain load
        // on this processor, which memory that cannot be written allows.
        let view = |start| unsafe { slice::from_raw_parts(start as *const AtomicU64, count) };
        Some(TwoViews { written: view(written.addr().get()), read: view(read as usize) })
    }

    /// Lets go of the fence, when nothing more will be given.
    pub fn into_fence(self) -> Option<Fence> {
        self.fence
    }
}

/// The same words under two addresses.
pub struct TwoViews {
    /// Can be written.
    pub written: &'static [AtomicU64],
    /// Cannot be written.
    pub read: &'static [AtomicU64],
}

/// Addresses at which registers get mapped, and memory a second time.
struct Windows {
    next: u64,
}

impl Windows {
    fn map(&mut self, physical: u64, bytes: usize, rights: PageTableFlags) -> Option<MmioRegion> {
        let first = physical & !(PAGE_BYTES - 1);
        let end = physical.checked_add(bytes as u64)?.checked_next_multiple_of(PAGE_BYTES)?;
        let window = self.next;
        self.next = window.checked_add(end - first)?;
        for offset in (0..end - first).step_by(PAGE_BYTES as usize) {
            map_page(window + offset, first + offset, rights)?;
        }
        let start = NonNull::new((window + (physical - first)) as *mut u8)?;
        // SAFETY: the pages were just mapped, uncached and for ever, at addresses used for nothing else;
        // drivers and fence ask for registers of what they drive. Where the rights are only to read, a write is an exception, which
        // stops the box.
        Some(unsafe { MmioRegion::new(start, bytes) })
    }
}

impl Host for Windows {
    type Registers = MmioRegion;

    // A function of its own in the binary: the proof of what the outside driver writes takes its result for a mapping (docs/proof.md).
    #[inline(never)]
    fn map_registers(&mut self, physical: u64, bytes: usize) -> Option<MmioRegion> {
        self.map(physical, bytes, REGISTERS)
    }

    fn allocate_table(&mut self) -> Option<DmaRegion> {
        allocate(PAGE_BYTES as usize)
    }

    fn write_back(&mut self, physical: u64, bytes: usize) {
        /// Of every processor that has the instruction; more often would do no harm.
        const LINE_BYTES: usize = 64;
        let first = physical & !(LINE_BYTES as u64 - 1);
        for line in (first..physical + bytes as u64).step_by(LINE_BYTES) {
            // SAFETY: the loader mapped all memory identically, so this names a line of the table that was just written,
            // whose contents do not change.
            unsafe { asm!("clflush [{}]", in(reg) line, options(nostack, preserves_flags)) };
        }
        // SAFETY: it only waits until the lines are written.
        unsafe { asm!("mfence", options(nostack, preserves_flags)) };
    }

    fn now_us(&self) -> u64 {
        clock::counter_us()
    }
}

/// The watchdog of this machine.
pub type Watchdog = noreturn_watchdog::Watchdog<MmioRegion, Ports>;

/// The processor's ports, for the watchdog.
#[derive(Clone, Copy)]
pub struct Ports;

impl noreturn_watchdog::Ports for Ports {
    fn read16(&self, port: u16) -> u16 {
        // SAFETY: the watchdog's driver reads status and control words of its timer only, which has no effect.
        unsafe { Port::new(port).read() }
    }

    fn write8(&mut self, port: u16, value: u8) {
        // SAFETY: port I/O reaches no memory of ours. The driver writes to its timer's registers and, to reach its timer's
        // configuration, to the configuration ports, whose users all select anew before each access.
        unsafe { Port::new(port).write(value) }
    }

    fn write16(&mut self, port: u16, value: u16) {
        // SAFETY: as for 8 bits.
        unsafe { Port::new(port).write(value) }
    }

    fn write32(&mut self, port: u16, value: u32) {
        // SAFETY: as for 8 bits.
        unsafe { Port::new(port).write(value) }
    }
}

/// An address of the configuration, for the drivers.
pub fn address(configured: config::PciAddress) -> PciAddress {
    PciAddress { bus: configured.bus, device: configured.device, function: configured.function }
}

fn select(address: PciAddress, offset: u8) -> u32 {
    let function = u32::from(address.device) << 3 | u32::from(address.function & 7);
    1 << 31 | u32::from(address.bus) << 16 | function << 8 | u32::from(offset & 0xfc)
}

impl ConfigSpace for Machine {
    fn read(&self, address: PciAddress, offset: u8) -> u32 {
        // SAFETY: the two ports belong to us: one processor, no interrupt handler uses them, and
        // Hermit's own PCI scan was over before `main`. Reading has no effect on standard registers.
        unsafe {
            Port::<u32>::new(CONFIG_ADDRESS).write(select(address, offset));
            Port::<u32>::new(CONFIG_DATA).read()
        }
    }

    fn write(&mut self, address: PciAddress, offset: u8, value: u32) {
        // SAFETY: as for reading; what a write does to a card is the drivers' business, which only ever
        // switch bus mastering and place registers, and give cards no memory but DmaRegions.
        unsafe {
            Port::<u32>::new(CONFIG_ADDRESS).write(select(address, offset));
            Port::<u32>::new(CONFIG_DATA).write(value);
        }
    }
}

impl Platform for Machine {
    type Registers = MmioRegion;

    fn map_registers(&mut self, physical: u64, bytes: usize) -> Option<MmioRegion> {
        self.windows.map_registers(physical, bytes)
    }

    fn map_registers_read_only(&mut self, physical: u64, bytes: usize) -> Option<MmioRegion> {
        #[cfg(feature = "planted")]
        crate::planted::know_read_only_registers(self.windows.next + physical % PAGE_BYTES);
        self.windows.map(physical, bytes, REGISTERS.difference(PageTableFlags::WRITABLE))
    }

    fn allocate_dma(&mut self, card: PciAddress, bytes: usize, access: DmaAccess) -> Option<DmaRegion> {
        let region = allocate(bytes.max(PAGE_BYTES as usize))?;
        if let Some(fence) = &mut self.fence {
            let (physical, bytes) = (region.physical(0), region.bytes() as u64);
            let given = fence.grant(&mut self.windows, Grant { card, physical, bytes, access });
            given.inspect_err(|error| say!("{error}")).ok()?;
        }
        Some(region)
    }

    fn is_dma_fenced(&self) -> bool {
        self.fence.is_some()
    }

    fn now_us(&self) -> u64 {
        clock::counter_us()
    }

    fn sleep_us(&mut self, microseconds: u32) {
        clock::sleep_us(u64::from(microseconds));
    }
}

/// Zeroed memory, contiguous and aligned to its length, a power of two of at least a page. It is never freed.
fn allocate(bytes: usize) -> Option<DmaRegion> {
    let layout = Layout::from_size_align(bytes, bytes).ok()?;
    if bytes == 0 || bytes > DMA_BYTES_MAX {
        return None;
    }
    // SAFETY: the layout is valid and not of size zero.
    let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    let physical = contiguous(start, bytes)?;
    // SAFETY: the memory was just allocated, is never freed, is mapped for ever, and was found to be
    // contiguous; the pointer goes nowhere else.
    Some(unsafe { DmaRegion::new(start, physical, bytes) })
}

/// The physical address of a virtual one.
pub fn physical(address: u64) -> Option<u64> {
    virtual_to_physical(HermitAddr::new(address)).map(|physical| physical.as_u64())
}

/// The physical address of memory, if its pages follow each other physically too.
fn contiguous(start: NonNull<u8>, bytes: usize) -> Option<u64> {
    let translate = |offset: usize| physical(start.as_ptr() as u64 + offset as u64);
    let first = translate(0)?;
    (0..bytes)
        .step_by(PAGE_BYTES as usize)
        .all(|offset| translate(offset) == Some(first + offset as u64))
        .then_some(first)
}

/// Frames for page tables, from the heap.
struct HeapFrames;

// SAFETY: every frame comes from a fresh allocation of a whole, aligned page that is never freed.
unsafe impl FrameAllocator<Size4KiB> for HeapFrames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        let layout = Layout::from_size_align(PAGE_BYTES as usize, PAGE_BYTES as usize).ok()?;
        // SAFETY: the layout is valid and not of size zero.
        let page = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        PhysFrame::from_start_address(PhysAddr::new(contiguous(page, PAGE_BYTES as usize)?)).ok()
    }
}

/// Rights of pages of registers: uncached, not executed.
const REGISTERS: PageTableFlags = PageTableFlags::PRESENT
    .union(PageTableFlags::WRITABLE)
    .union(PageTableFlags::NO_CACHE)
    .union(PageTableFlags::WRITE_THROUGH)
    .union(PageTableFlags::NO_EXECUTE);
/// Rights of pages that are only read.
const READ_ONLY: PageTableFlags = PageTableFlags::PRESENT.union(PageTableFlags::NO_EXECUTE);

/// Maps one page.
fn map_page(virtual_address: u64, physical: u64, rights: PageTableFlags) -> Option<()> {
    let root = Cr3::read().0.start_address().as_u64();
    // SAFETY: the loader mapped all memory identically, page tables included, so a physical address is a
    // pointer; Hermit changes the tables only inside its own calls, none of which runs now.
    let mut table = unsafe { OffsetPageTable::new(&mut *(root as *mut PageTable), VirtAddr::new(0)) };
    let page = Page::<Size4KiB>::from_start_address(VirtAddr::try_new(virtual_address).ok()?).ok()?;
    let frame = PhysFrame::from_start_address(PhysAddr::try_new(physical).ok()?).ok()?;
    // What lies between gets the usual rights: only the page's own count for what is mapped so.
    let parents = PageTableFlags::PRESENT | PageTableFlags::WRITABLE;
    // SAFETY: the virtual page is new (window addresses only grow), so no reference can be affected; the frame holds
    // registers, or atomics, which may be known under two addresses.
    unsafe { table.map_to_with_table_flags(page, frame, rights, parents, &mut HeapFrames) }.ok()?.flush();
    Some(())
}
