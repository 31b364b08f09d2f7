//! Memory protection: what is executed cannot be written, what is written cannot be executed, and address 0 is nobody's.
//!
//! The loader maps all memory to itself, writable and executable, because it does not know what the kernel makes of it. Here
//! the kernel's own program headers say what of it is code, constants and data. Entries: Intel SDM volume 3, section 4.5.

use alloc::alloc::alloc_zeroed;
use core::alloc::Layout;
use core::ops::Range;
use core::ptr;

use x86_64::registers::control::{Cr0, Cr0Flags, Cr3, Efer, EferFlags};

use crate::exceptions;
use crate::fatal::Fatal;

const PAGE_BYTES: u64 = 4096;
const LARGE_PAGE_BYTES: u64 = 2 << 20;
const ENTRIES: usize = 512;

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

// The program's own header (ELF-64 object file format, version 1.5).
const SEGMENTS_OFFSET: u64 = 0x20;
const SEGMENT_BYTES: u64 = 56;
const SEGMENT_COUNT: u64 = 0x38;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_CONSTANT_AFTER_START: u32 = 0x6474_e552;
const EXECUTABLE_SEGMENT: u32 = 1 << 0;
const WRITABLE_SEGMENT: u32 = 1 << 1;

unsafe extern "C" {
    /// Where the program begins in memory, with its headers; made by the linker.
    static __ehdr_start: u8;
}

/// What may be done with a page, as bits of its entry.
#[derive(Clone, Copy)]
struct Rights(u64);

const CODE: Rights = Rights(PRESENT);
const CONSTANTS: Rights = Rights(PRESENT | NO_EXECUTE);
const DATA: Rights = Rights(PRESENT | WRITABLE | NO_EXECUTE);
const NOTHING: Rights = Rights(0);

type Table = [u64; ENTRIES];

/// Protects all memory that the loader mapped.
pub fn apply() -> Result<(), Fatal> {
    // SAFETY: makes bit 63 of an entry mean "no execution", as which it is already used, and constants constant also for us.
    unsafe {
        Efer::update(|flags| flags.insert(EferFlags::NO_EXECUTE_ENABLE));
        Cr0::update(|flags| flags.insert(Cr0Flags::WRITE_PROTECT));
    }
    let image = image();
    let (root, flags) = Cr3::read();
    for first in tables_of(table(root.start_address().as_u64())[0]) {
        for second in table(first).iter_mut().filter(|entry| **entry & PRESENT != 0) {
            protect_large(second, &image)?;
        }
    }
    // SAFETY: the same tables as before; this makes the processor forget what it knew of them.
    unsafe { Cr3::write(root, flags) };
    Ok(())
}

/// Takes execution from a large page; one that needs different rights within is split.
fn protect_large(entry: &mut u64, image: &Range<u64>) -> Result<(), Fatal> {
    if *entry & LARGE == 0 {
        // Hermit's own pages, which it maps without execution.
        return Ok(());
    }
    let start = *entry & ADDRESS & !(LARGE_PAGE_BYTES - 1);
    let is_mixed = start == 0 || (start < image.end && image.start < start + LARGE_PAGE_BYTES);
    *entry = if is_mixed { split(start, image)? | PRESENT | WRITABLE } else { *entry | NO_EXECUTE };
    Ok(())
}

/// A new table for the pages of a large page; its address. It is complete before it is used: this code runs in one of them.
fn split(start: u64, image: &Range<u64>) -> Result<u64, Fatal> {
    let layout = Layout::new::<Table>().align_to(PAGE_BYTES as usize).map_err(|_| Fatal::Protection)?;
    // SAFETY: the layout is not of size zero.
    let memory = unsafe { alloc_zeroed(layout) };
    let address = crate::machine::physical(memory as u64).filter(|_| !memory.is_null());
    let address = address.ok_or(Fatal::Protection)?;
    for (number, entry) in (0..).zip(table(address)) {
        let page = start + number * PAGE_BYTES;
        *entry = page | rights(page, image).0;
    }
    Ok(address)
}

/// What may be done with a page: what its segment asks for, if it belongs to the program.
fn rights(page: u64, image: &Range<u64>) -> Rights {
    if page == 0 {
        return NOTHING;
    }
    if exceptions::table().contains(&page) {
        return CONSTANTS;
    }
    let mut rights = DATA;
    for at in segments(image.start) {
        // The linker gives segments pages of their own.
        let range = segment_range(image.start, at);
        if page < range.end && range.start < page + PAGE_BYTES {
            rights = segment_rights(at).unwrap_or(rights);
        }
    }
    rights
}

fn segment_rights(at: u64) -> Option<Rights> {
    let (kind, flags) = (header::<u32>(at), header::<u32>(at + 4));
    match kind {
        SEGMENT_LOAD if flags & WRITABLE_SEGMENT != 0 => Some(DATA),
        SEGMENT_LOAD if flags & EXECUTABLE_SEGMENT != 0 => Some(CODE),
        // It comes after the segments that it is a part of.
        SEGMENT_LOAD | SEGMENT_CONSTANT_AFTER_START => Some(CONSTANTS),
        _ => None,
    }
}

/// Where the program lies.
fn image() -> Range<u64> {
    let start = (&raw const __ehdr_start).addr() as u64;
    let loaded = segments(start).filter(|&at| header::<u32>(at) == SEGMENT_LOAD);
    start..loaded.map(|at| segment_range(start, at).end).max().unwrap_or(start)
}

/// Addresses of the headers of the program's segments.
fn segments(image_start: u64) -> impl Iterator<Item = u64> {
    let first = image_start + header::<u64>(image_start + SEGMENTS_OFFSET);
    let count = u64::from(header::<u16>(image_start + SEGMENT_COUNT));
    (0..count).map(move |segment| first + segment * SEGMENT_BYTES)
}

/// Addresses of the segment whose header is at `at`.
fn segment_range(image_start: u64, at: u64) -> Range<u64> {
    let start = image_start + header::<u64>(at + 0x10);
    start..start + header::<u64>(at + 0x28)
}

fn header<T: Copy>(address: u64) -> T {
    // SAFETY: called for fields of the program's own headers, which the first segment holds and the linker has made; they are
    // plain numbers, and nobody writes them.
    unsafe { ptr::read_unaligned(address as *const T) }
}

/// Addresses of the tables that the table behind `entry` refers to.
fn tables_of(entry: u64) -> impl Iterator<Item = u64> {
    table(entry & ADDRESS).iter().filter(|entry| **entry & PRESENT != 0).map(|entry| *entry & ADDRESS)
}

fn table(address: u64) -> &'static mut Table {
    // SAFETY: `address` is that of a page table in use or just allocated, and all memory is mapped to itself. One processor
    // runs, Hermit changes tables only inside its own calls, and no two of these references are to the same table at a time.
    unsafe { &mut *(address as *mut Table) }
}
