//! Processor exceptions stop the box. Hermit would end the task that raised one, and idle for ever.
//!
//! Its table is copied, and in the copy every exception but one leads here. Stacks stay Hermit's: each exception has one
//! that is known to be good (Intel SDM volume 3, section 6.14.5).

use core::arch::{asm, global_asm};
use core::ops::Range;
use core::ptr;

use noreturn_wire::LastStop;
use x86_64::instructions::tables::sidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::DescriptorTablePointer;

use crate::fatal::Fatal;
use crate::stop::stop;

const ENTRIES: usize = 256;
const EXCEPTIONS: usize = 32;
/// "Device not available": the first vector instruction after a switch of tasks, which Hermit answers.
const DEVICE_NOT_AVAILABLE: usize = 7;
const PAGE_FAULT: u64 = 14;
/// Exceptions that push an error code (Intel SDM volume 3, table 6-1).
const WITH_ERROR_CODE: [u64; 10] = [8, 10, 11, 12, 13, 14, 17, 21, 29, 30];
/// Bytes from one stub to the next.
const STUB_BYTES: u64 = 16;

// Each stub pushes its number. Nothing is saved: nobody returns.
global_asm!(
    ".balign 16",
    ".type noreturn_exception_stubs, @function",
    "noreturn_exception_stubs:",
    ".set vector, 0",
    ".rept {exceptions}",
    ".balign {stub_bytes}",
    "pushq $vector",
    "jmp 2f",
    ".set vector, vector + 1",
    ".endr",
    "2:",
    "movq %rsp, %rdi",
    "andq $-16, %rsp",
    "cld",
    "call {raised}",
    // With a size it is a function to whoever reads the symbols.
    ".size noreturn_exception_stubs, . - noreturn_exception_stubs",
    exceptions = const EXCEPTIONS,
    stub_bytes = const STUB_BYTES,
    raised = sym raised,
    options(att_syntax)
);

unsafe extern "C" {
    static noreturn_exception_stubs: u8;
}

/// An entry of the table (Intel SDM volume 3, section 6.14.1).
#[derive(Clone, Copy)]
#[repr(C)]
struct Entry {
    address_low: u16,
    /// Segment, stack, kind: kept as Hermit has them.
    rest: [u16; 2],
    address_middle: u16,
    address_high: u32,
    reserved: u32,
}

#[repr(C, align(4096))]
struct Table([Entry; ENTRIES]);

const EMPTY: Entry = Entry { address_low: 0, rest: [0; 2], address_middle: 0, address_high: 0, reserved: 0 };
static mut TABLE: Table = Table([EMPTY; ENTRIES]);

impl Entry {
    const fn lead_to(&mut self, address: u64) {
        self.address_low = address as u16;
        self.address_middle = (address >> 16) as u16;
        self.address_high = (address >> 32) as u32;
    }
}

/// Addresses of the table, which fills whole pages.
pub fn table() -> Range<u64> {
    let start = (&raw const TABLE).addr() as u64;
    start..start + size_of::<Table>() as u64
}

/// Makes every exception stop the box.
pub fn install() -> Result<(), Fatal> {
    let stubs = (&raw const noreturn_exception_stubs).addr() as u64;
    // SAFETY: one processor runs, and this is the only use of the table. Hermit's is as long as ours (its limit says so, or
    // nothing is changed), is mapped, and its entries have the same layout, which the processor prescribes. The new one is
    // never changed again, and its handlers do not return.
    unsafe {
        let hermits = sidt();
        if usize::from(hermits.limit) + 1 != size_of::<Table>() {
            return Err(Fatal::Exceptions);
        }
        let place = &raw mut TABLE;
        let table = &mut *place;
        *table = ptr::read(hermits.base.as_ptr());
        for (vector, entry) in table.0.iter_mut().enumerate().take(EXCEPTIONS) {
            if vector != DEVICE_NOT_AVAILABLE {
                entry.lead_to(stubs + vector as u64 * STUB_BYTES);
            }
        }
        let pointer =
            DescriptorTablePointer { base: x86_64::VirtAddr::from_ptr(table), limit: hermits.limit };
        asm!("lidt [{}]", in(reg) &raw const pointer, options(readonly, nostack, preserves_flags));
    }
    Ok(())
}

/// `stack` points to the number of the exception; above it lie the error code, if there is one, and the address.
extern "C" fn raised(stack: *const u64) -> ! {
    // SAFETY: the stub has pushed the number onto what the processor pushed, which is at least these three.
    let [vector, first, second] = unsafe { ptr::read(stack.cast()) };
    let (code, address) = if WITH_ERROR_CODE.contains(&vector) { (first, second) } else { (0, first) };
    let cause = LastStop::Exception { vector: vector as u8 };
    if vector == PAGE_FAULT {
        let wanted = Cr2::read_raw();
        stop(
            cause,
            format_args!("exception {vector} (code {code:#x}) at {address:#x}, for address {wanted:#x}"),
        )
    }
    stop(cause, format_args!("exception {vector} (code {code:#x}) at {address:#x}"))
}
