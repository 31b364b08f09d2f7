//! Misbehaviour on purpose, for tests that show how the box stops. Compiled only with the feature `planted`, which no
//! image for a plant has: a kernel of its own, `noreturn-kernel-planted`. What it does is the diode's name.

pub mod absent;
pub mod load;

use alloc::vec::Vec;
use core::alloc::Layout;
use core::arch::asm;
use core::hint::black_box;
use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hermit::mm::{VirtAddr, virtual_to_physical};
use noreturn_wire::LastStop;
use x86_64::instructions::interrupts;
use x86_64::instructions::port::Port;

use crate::clock;
use crate::fatal::say;

/// Time after which it happens: beacons have left by then.
const HAPPENS_US: u64 = 2_000_000;
/// An address that is never mapped.
const UNMAPPED: u64 = 0x2000_0000_0000;

type Fault = fn();

/// Place of what will happen in [`FAULTS`]; beyond it for nothing.
static CHOSEN: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Where the ring's reader sees it.
static RING: AtomicUsize = AtomicUsize::new(0);

/// Learns where the ring's reader sees it.
pub fn know_ring(read: &'static [AtomicU64]) {
    RING.store(ptr::from_ref(&read[0]).expose_provenance(), Ordering::Relaxed);
}

/// Where the registers are mapped that are only read.
static READ_ONLY_REGISTERS: AtomicUsize = AtomicUsize::new(0);

/// Learns where registers are mapped that are only read: of the outside card, for the inside.
pub fn know_read_only_registers(address: u64) {
    READ_ONLY_REGISTERS.store(address as usize, Ordering::Relaxed);
}

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
        && let Some((name, fault)) = FAULTS.get(CHOSEN.swap(usize::MAX, Ordering::Relaxed))
    {
        say!("{name}");
        fault();
    }
}

const FAULTS: [(&str, Fault); 16] = [
    ("planted panic", || panic!("planted")),
    ("planted heap exhaustion", exhaust_heap),
    ("planted invalid opcode", || {
        // SAFETY: it raises an exception, which does not return.
        unsafe { asm!("ud2", options(noreturn)) }
    }),
    ("planted page fault", || write(UNMAPPED)),
    ("planted use of address 0", || write(0)),
    ("planted change of code", || write(write as *const () as u64)),
    ("planted write by the reader", || write(RING.load(Ordering::Relaxed) as u64)),
    ("planted write to the outside card", || write(READ_ONLY_REGISTERS.load(Ordering::Relaxed) as u64)),
    ("planted transmit hang", hang_transmitter),
    ("planted execution of data", execute_data),
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
    ("planted receive", receive),
    ("planted load of smallest frames", || load::start(load::Load::Smallest)),
    ("planted load of largest frames", || load::start(load::Load::Largest)),
];

fn write(address: u64) {
    // SAFETY: none; this is the fault.
    unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut::<u8>(address as usize), 1) };
}

fn execute_data() {
    // A return, on the heap.
    let code = alloc::vec![0xc3_u8];
    // SAFETY: none; this is the fault.
    unsafe { core::mem::transmute::<*const u8, extern "C" fn()>(code.as_ptr())() };
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

/// Registers of an 82574 (its datasheet, section 10.2).
const RECEIVE_CONTROL: u64 = 0x0100;
const TRANSMIT_CONTROL: u64 = 0x0400;
const RECEIVE_RING: u64 = 0x2800;
const FRAMES_RECEIVED: u64 = 0x40d0;
/// How long to wait for a frame that the card counts: it counts none that it cannot put anywhere.
const RECEIVES_US: u64 = 2_000_000;
/// Receive everything, whoever it is for.
const RECEIVE_ALL: u32 = 1 << 1 | 1 << 3 | 1 << 4 | 1 << 15;
/// What memory holds that nobody was given.
const UNTOUCHED: u8 = 0xa5;

/// Switches the receiver of the 82574 at 00:03.0 on, behind its driver's back, with a ring and a buffer that no card was
/// given. Says afterwards what has become of the memory.
fn receive() {
    const PAGES_BYTES: usize = 8192;
    let layout = Layout::from_size_align(PAGES_BYTES, PAGES_BYTES).expect("a power of two");
    // SAFETY: the layout is not of size zero.
    let memory = unsafe { alloc::alloc::alloc(layout) };
    let physical = virtual_to_physical(VirtAddr::new(memory as u64)).expect("mapped").as_u64();
    let buffer = physical + PAGES_BYTES as u64 / 2;
    // SAFETY: the memory is ours. The card's registers are mapped like all addresses. What the card does to the memory is the
    // fault, unless the fence keeps it from that.
    unsafe {
        memory.write_bytes(UNTOUCHED, PAGES_BYTES);
        for descriptor in 0..8 {
            memory.add(descriptor * 16).cast::<u64>().write_volatile(buffer);
            memory.add(descriptor * 16 + 8).cast::<u64>().write_volatile(0);
        }
        let before = core::slice::from_raw_parts(memory, PAGES_BYTES).to_vec();
        let registers = card_registers();
        let register = |offset: u64| ptr::with_exposed_provenance_mut::<u32>((registers + offset) as usize);
        for (place, value) in
            [physical as u32, (physical >> 32) as u32, 128, 0, 0, 0, 7].into_iter().enumerate()
        {
            register(RECEIVE_RING + 4 * place as u64).write_volatile(value);
        }
        register(RECEIVE_CONTROL).write_volatile(RECEIVE_ALL);
        let start_us = clock::counter_us();
        let is_waiting = || clock::counter_us() < start_us + RECEIVES_US;
        while is_waiting() && register(FRAMES_RECEIVED).read_volatile() == 0 {
            // A look at a register or a clock, and a pause, cost QEMU as much as thousands of other instructions.
            let _ = (0..100_000_u32).map(black_box).max();
        }
        let changed = (0..PAGES_BYTES).any(|place| memory.add(place).read_volatile() != before[place]);
        say!("memory {}", if changed { "changed" } else { "unchanged" });
    }
}

/// Switches the transmitter of the 82574 at 00:03.0 off, behind its driver's back: it keeps its link and finishes no frame.
fn hang_transmitter() {
    let register = ptr::with_exposed_provenance_mut::<u32>((card_registers() + TRANSMIT_CONTROL) as usize);
    // SAFETY: none; this is the fault. The card's registers are mapped like all addresses.
    unsafe { register.write_volatile(0) };
}

/// Where the registers of the card at 00:03.0 are: its first base address register.
fn card_registers() -> u64 {
    // SAFETY: reading the configuration space changes nothing, and its other users select anew before each access.
    unsafe {
        Port::<u32>::new(0xcf8).write(1 << 31 | 3 << 11 | 0x10);
        u64::from(Port::<u32>::new(0xcfc).read() & !0xf)
    }
}
