//! Memory from the firmware that stays ours after the firmware is gone.

use core::{ptr, slice};

use noreturn_loader::Refusal;
use uefi::boot::{self, AllocateType, MemoryType, PAGE_SIZE};

/// Everything lies below 4 GiB, where other processors can start and the page tables reach.
const ADDRESS_MAX: u64 = u32::MAX as u64;

/// Allocates `bytes` zeros, rounded up to whole pages; they are never freed.
///
/// The pages are of type loader data, so they are not part of the free memory that the kernel gets.
///
/// # Errors
/// [`Refusal::OutOfMemory`].
pub fn allocate(bytes: usize) -> Result<&'static mut [u8], Refusal> {
    let count = bytes.div_ceil(PAGE_SIZE);
    let start = boot::allocate_pages(AllocateType::MaxAddress(ADDRESS_MAX), MemoryType::LOADER_DATA, count)
        .map_err(|_| Refusal::OutOfMemory { bytes })?;
    // SAFETY: the firmware has just given these pages to us alone, readable and writable at their
    // physical address (UEFI 2.10, section 2.3.4), and nothing frees them. `write_bytes` makes
    // them initialised before the slice is made.
    unsafe {
        start.write_bytes(0, count * PAGE_SIZE);
        Ok(slice::from_raw_parts_mut(start.as_ptr(), count * PAGE_SIZE))
    }
}

/// Keeps what lies at the physical `address` from being used or changed, if it is free; its address, if it is.
pub fn keep(address: u64, bytes: usize) -> Option<u64> {
    let count = bytes.div_ceil(PAGE_SIZE);
    let kept = boot::allocate_pages(AllocateType::Address(address), MemoryType::LOADER_DATA, count);
    kept.is_ok().then_some(address)
}

/// Allocates `bytes` zeros that start at a multiple of `alignment`, a power of two.
///
/// # Errors
/// [`Refusal::OutOfMemory`].
pub fn allocate_aligned(bytes: usize, alignment: usize) -> Result<&'static mut [u8], Refusal> {
    let total = bytes.checked_add(alignment).ok_or(Refusal::OutOfMemory { bytes })?;
    let pages = allocate(total)?;
    let address = pages.as_ptr().addr();
    let skipped = address.next_multiple_of(alignment) - address;
    pages.get_mut(skipped..skipped + bytes).ok_or(Refusal::OutOfMemory { bytes })
}

/// Moves `value` into a page of its own.
///
/// # Errors
/// [`Refusal::OutOfMemory`].
pub fn place<T: Copy>(value: T) -> Result<&'static T, Refusal> {
    const { assert!(align_of::<T>() <= PAGE_SIZE) };
    let place: *mut T = allocate(size_of::<T>())?.as_mut_ptr().cast();
    // SAFETY: the pages are new, at least as long as a `T`, aligned for it, and never freed; the
    // slice that they came in is gone, so that nothing else refers to them.
    unsafe {
        ptr::write(place, value);
        Ok(&*place)
    }
}

/// Physical address of `bytes`: the firmware maps every address to itself.
pub fn address_of<T: ?Sized>(value: &T) -> u64 {
    ptr::from_ref(value).addr() as u64
}
