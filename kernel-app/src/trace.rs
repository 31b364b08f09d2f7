//! The trace in memory: what the boot before left, and what this one leaves. Written by whoever stops the box.

use core::arch::asm;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use noreturn_wire::Trace;
use noreturn_wire::stop::TRACE_BYTES;

/// Where it is; 0 as long as nobody has said.
static ADDRESS: AtomicU64 = AtomicU64::new(0);

type Place = *mut [u8; TRACE_BYTES];

/// Takes what the boot before left, and leaves that this one runs.
pub fn take(address: Option<u64>) -> Option<Trace> {
    let address = address?;
    // SAFETY: the loader has taken this page from the firmware and left it out of the memory that the kernel allocates
    // from; all memory is mapped to itself. Any bytes are a valid array.
    let before = unsafe { ptr::read_volatile(address as Place) };
    ADDRESS.store(address, Ordering::Relaxed);
    leave(Trace::Running);
    Trace::decode(&before)
}

/// Leaves `trace` for the next boot, if there is a place for it.
pub fn leave(trace: Trace) {
    let address = ADDRESS.load(Ordering::Relaxed);
    if address == 0 {
        return;
    }
    // SAFETY: the page is ours, see `take`, and nobody holds a reference to it. The cache line is flushed because a
    // reset may throw away what only the cache holds; the line is ours, too.
    unsafe {
        ptr::write_volatile(address as Place, trace.encode());
        asm!("clflush [{}]", "mfence", in(reg) address, options(nostack, preserves_flags));
    }
}
