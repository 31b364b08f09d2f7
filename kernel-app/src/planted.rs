//! Misbehaviour on purpose, for tests that show how the box stops. Compiled only with the feature `planted`, which no
//! image for a plant has: a kernel of its own, `noreturn-kernel-planted`. What it does is the diode's name.

use alloc::vec::Vec;
use core::arch::asm;
use core::hint::black_box;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use noreturn_wire::LastStop;
use x86_64::instructions::interrupts;

use crate::fatal::say;

/// Time after which it happens: beacons have left by then.
const HAPPENS_US: u64 = 2_000_000;
/// An address that is never mapped.
const UNMAPPED: u64 = 0x2000_0000_0000;

type Fault = fn();

/// Place of what will happen in [`FAULTS`]; beyond it for nothing.
static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Chooses what `name` says, but only in the first boot: the second tells what became of it.
pub fn choose(name: &str, last_stop: LastStop) {
    if last_stop == LastStop::Unknown {
        let chosen = FAULTS.iter().position(|(fault, _)| *fault == name);
        CHOSEN.store(chosen.unwrap_or(usize::MAX), Ordering::Relaxed);
    }
}

/// Does it when it is time.
pub fn act(uptime_us: u64) {
    if uptime_us >= HAPPENS_US
        && let Some((name, fault)) = FAULTS.get(CHOSEN.load(Ordering::Relaxed))
    {
        say!("{name}");
        fault();
    }
}

const FAULTS: [(&str, Fault); 7] = [
    ("planted panic", || panic!("planted")),
    ("planted heap exhaustion", exhaust_heap),
    ("planted invalid opcode", || {
        // SAFETY: it raises an exception, which does not return.
        unsafe { asm!("ud2", options(noreturn)) }
    }),
    ("planted page fault", || write(UNMAPPED)),
    ("planted stack overflow", || {
        black_box(recurse(black_box(1)));
    }),
    ("planted stall", || {
        loop {
            core::hint::spin_loop();
        }
    }),
    ("planted stall without interrupts", || {
        interrupts::disable();
        loop {
            core::hint::spin_loop();
        }
    }),
];

fn write(address: u64) {
    // SAFETY: none; this is the fault.
    unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut::<u8>(address as usize), 1) };
}

fn exhaust_heap() {
    let mut all = Vec::new();
    loop {
        all.push(Vec::<u8>::with_capacity(1 << 20));
    }
}

#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    let deeper = if black_box(depth) == 0 { 0 } else { recurse(depth + 1) };
    deeper + here[(depth % 64) as usize]
}
