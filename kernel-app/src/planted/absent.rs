//! Code that no kernel must hold, so that the verifier's rules have something to find. None of it ever runs: it stands behind a
//! condition that is never true and that the compiler cannot see through.

use core::arch::{asm, global_asm};
use core::hint::black_box;

use noreturn_nic::{InsideCard, MmioRegion, PciAddress, Registers};
use x86_64::instructions::port::Port;

use crate::machine::Machine;

/// What an outside half must not do; called by it.
#[inline(never)]
pub fn outside() {
    if black_box(false) {
        listen();
        read_keyboard();
        use_vectors();
        write_msr();
        // SAFETY: it never runs.
        unsafe { noreturn_nameless() };
        nvme::start();
    }
}

/// Drives the outside card in both directions.
#[inline(never)]
fn listen() {
    let mut machine = Machine::new();
    let card = PciAddress { bus: 0, device: 3, function: 0 };
    black_box(InsideCard::start(&mut machine, card, None)).ok();
    if let Some(mut registers) = noreturn_nic::Platform::map_registers(&mut machine, 0xfeb0_0000, 0x2_0000) {
        arm_receiver::<MmioRegion>(&mut registers);
    }
}

/// Gives a card a ring for what it receives.
#[inline(never)]
fn arm_receiver<R: Registers>(registers: &mut R) {
    registers.write32(0x2800, black_box(0x10_0000));
    registers.write32(0x2818, black_box(8));
}

#[inline(never)]
fn read_keyboard() {
    // SAFETY: it never runs.
    black_box(unsafe { Port::<u8>::new(0x60).read() });
}

#[inline(never)]
fn use_vectors() {
    // SAFETY: it never runs.
    unsafe { asm!("pxor xmm0, xmm0") }
}

/// Writes a register of the processor.
#[inline(never)]
fn write_msr() {
    // SAFETY: it never runs.
    unsafe { asm!("wrmsr", in("ecx") 0, in("eax") 0, in("edx") 0) }
}

// Code that is no function, since no symbol says where it ends.
global_asm!(".balign 16", "noreturn_nameless:", "xor %eax, %eax", "ret", ".balign 16", options(att_syntax));

unsafe extern "C" {
    fn noreturn_nameless();
}

/// The beginning of a driver for disks: the controller's doorbells, and a command that reads.
mod nvme {
    use core::hint::black_box;

    #[inline(never)]
    pub(super) fn start() {
        let mut submission = [0_u32; 16];
        submission[0] = black_box(0x02);
        let doorbell = core::ptr::with_exposed_provenance_mut::<u32>(black_box(0xfeb1_1000));
        // SAFETY: it never runs.
        unsafe { doorbell.write_volatile(black_box(submission)[0]) };
    }
}
