//! How the box stops: a message that a person can act on, a trace for the next boot, and a reset into it.
//! Nothing here allocates, takes a lock or needs an interrupt, so that it works wherever it is called.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use noreturn_wire::{LastStop, Trace};
use x86_64::instructions::interrupts;
use x86_64::instructions::port::Port;

use crate::clock;
use crate::trace;

/// Seconds for the message to reach whoever reads the console.
const MESSAGE_S: u64 = 3;

static STOPS: AtomicBool = AtomicBool::new(false);

/// Says why, and resets the machine into a new boot.
pub fn stop(cause: LastStop, reason: fmt::Arguments<'_>) -> ! {
    interrupts::disable();
    // Whoever fails while it stops has said why already.
    if STOPS.swap(true, Ordering::Relaxed) {
        reset();
    }
    trace::leave(Trace::Stopped(cause));
    let mut words = LastWords;
    // The port takes everything.
    let _ = writeln!(words, "\nnoreturn: STOP: {reason}");
    let _ = writeln!(words, "noreturn: nothing more is sent; reset in {MESSAGE_S} s");
    let start_us = clock::counter_us();
    while clock::counter_us().saturating_sub(start_us) < MESSAGE_S * 1_000_000 {
        core::hint::spin_loop();
    }
    reset()
}

fn reset() -> ! {
    loop {
        // SAFETY: port 0xCF9 is the reset control register of every PC chipset (Intel ICH, section
        // "Reset Control"); 6 is a full reset. Nothing is to be preserved: all state dies here by design.
        unsafe { Port::<u8>::new(0xcf9).write(6) };
    }
}

/// A check in the program that failed, in Hermit or here.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut beginning = Beginning::default();
    // It takes everything.
    let _ = write!(beginning, "{}", info.message());
    let cause =
        if beginning.is("memory allocation of ") { LastStop::OutOfMemory } else { LastStop::Panicked };
    stop(cause, format_args!("{info}"))
}

/// Hermit calls this where it would end a task: nothing here ever ends one, so something is wrong.
#[unsafe(no_mangle)]
extern "C" fn noreturn_task_ended() -> ! {
    stop(
        LastStop::Panicked,
        format_args!("a task ended, or the processor raised an exception during the start"),
    )
}

/// The first bytes of a text.
#[derive(Default)]
struct Beginning {
    bytes: [u8; 32],
    length: usize,
}

impl Beginning {
    fn is(&self, text: &str) -> bool {
        self.bytes.get(..self.length).is_some_and(|bytes| bytes.starts_with(text.as_bytes()))
    }
}

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (place, byte) in self.bytes.iter_mut().skip(self.length).zip(text.bytes()) {
            *place = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// The console's serial port, without Hermit's lock around it.
struct LastWords;

const SERIAL_DATA: u16 = 0x3f8;
const SERIAL_STATUS: u16 = 0x3f8 + 5;
const SERIAL_TRANSMIT_EMPTY: u8 = 1 << 5;
/// Polls before a byte is given up; one takes 87 µs at 115200 baud, and a poll about 1 µs.
const POLLS_MAX: u32 = 10_000;

impl Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(write_serial);
        Ok(())
    }
}

fn write_serial(byte: u8) {
    // SAFETY: the port is the console's, which Hermit has set up; interrupts are off and the box stops, so nobody else
    // writes to it. Port I/O touches no memory.
    unsafe {
        let ready = |_| Port::<u8>::new(SERIAL_STATUS).read() & SERIAL_TRANSMIT_EMPTY != 0;
        if (0..POLLS_MAX).any(ready) {
            Port::new(SERIAL_DATA).write(byte);
        }
    }
}
