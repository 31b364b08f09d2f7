//! Encodes blocks of 10 + 4 shards of 1 KiB, one shard at a time, and checks one of them by recovering lost shards.
//!
//! usage: soft-float fastest|portable BLOCKS
//! Runs on Linux without any library; its only system call is the last.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};
use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};

use noreturn_fec::{Coefficients, Decoder, Encoder, Geometry, Kernel, Shards};

const MEMORY_BYTES: usize = 1 << 20;
const USAGE: i32 = 64;
const WRONG: i32 = 1;

/// Memory that is handed out once.
struct Arena {
    memory: UnsafeCell<[u8; MEMORY_BYTES]>,
    used: AtomicUsize,
}

// SAFETY: every byte of the memory is handed out once, by an atomic counter.
unsafe impl Sync for Arena {}

// SAFETY: what is handed out lies in the memory, behind all that was handed out before, aligned as asked for.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let room = layout.size() + layout.align();
        let start = self.used.fetch_add(room, Ordering::Relaxed);
        if start + room > MEMORY_BYTES {
            return core::ptr::null_mut();
        }
        let base = self.memory.get().cast::<u8>();
        // SAFETY: `room` bytes from `start` on are in the memory, and aligning takes fewer than the alignment.
        unsafe {
            let place = base.add(start);
            place.add(place.align_offset(layout.align()))
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ARENA: Arena = Arena { memory: UnsafeCell::new([0; MEMORY_BYTES]), used: AtomicUsize::new(0) };

/// Linux enters here with the arguments on the stack (System V ABI, AMD64 supplement, 3.4.1).
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "sysv64" fn _start() -> ! {
    naked_asm!("mov rdi, [rsp]", "lea rsi, [rsp + 8]", "and rsp, -16", "call {start}", start = sym start)
}

extern "sysv64" fn start(count: usize, arguments: *const *const c_char) -> ! {
    let argument = |index: usize| {
        // SAFETY: Linux passes `count` pointers to strings that end in zero and live as long as the program.
        (index < count)
            .then(|| unsafe { CStr::from_ptr(*arguments.add(index)) })
            .and_then(|word| word.to_str().ok())
    };
    exit(match (argument(1), argument(2).and_then(|word| word.parse().ok())) {
        (Some("fastest"), Some(blocks)) => run(Kernel::best(), blocks),
        (Some("portable"), Some(blocks)) => run(Kernel::PORTABLE, blocks),
        _ => USAGE,
    })
}

fn run(kernel: Kernel, blocks: u64) -> i32 {
    let Ok(geometry) = Geometry::new(10, 4) else { return WRONG };
    let coefficients = Coefficients::new(geometry);
    let shards: Vec<Vec<u8>> = (0..10_usize)
        .map(|n| (0..1024_usize).map(|at| (((n + 3) * (at + 7)) >> 2) as u8).collect())
        .collect();
    let mut encoder = Encoder::with_kernel(coefficients.clone(), 1024, kernel);
    for _ in 0..blocks {
        encoder.clear();
        if !shards.iter().all(|shard| encoder.add(black_box(shard))) {
            return WRONG;
        }
    }
    let parity: Vec<(u8, &[u8])> = (0..4).filter_map(|row| Some((row, encoder.parity(row)?))).collect();
    let data: Vec<Option<&[u8]>> = (0..10).map(|n| (n % 3 != 0).then_some(&shards[n][..])).collect();
    let mut decoder = Decoder::with_kernel(coefficients, kernel);
    let Ok(mut recovered) = decoder.recover(&Shards { data: &data, parity: &parity }) else { return WRONG };
    if recovered.all(|(n, shard)| shard == shards[usize::from(n)]) { 0 } else { WRONG }
}

fn exit(status: i32) -> ! {
    // SAFETY: exit_group (231) takes the status and does not return.
    unsafe { asm!("syscall", in("rax") 231, in("edi") status, options(noreturn, nostack)) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}
