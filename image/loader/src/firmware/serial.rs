//! The serial port COM1, driven directly: 115200 8N1, transmit only.

use core::arch::asm;
use core::fmt;

/// I/O address of COM1.
pub const COM1: u16 = 0x3f8;

// Registers of the 16550, relative to its address.
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const LINE_CONTROL: u16 = 3;
const LINE_STATUS: u16 = 5;

const DIVISOR_LATCH: u8 = 1 << 7;
const EIGHT_BITS: u8 = 0b11;
const TRANSMIT_EMPTY: u8 = 1 << 5;
/// Polls before a byte is given up. A byte takes 87 µs at 115200 baud, and a poll about 1 µs.
const POLLS_MAX: u32 = 10_000;

/// The serial port. A machine without one swallows what is written.
pub struct Serial(());

impl Serial {
    /// Sets the port to 115200 8N1, without interrupts.
    pub fn open() -> Self {
        write_port(INTERRUPT_ENABLE, 0);
        write_port(LINE_CONTROL, DIVISOR_LATCH | EIGHT_BITS);
        // Divisor 1: low byte, then high byte, where data and interrupts otherwise are.
        write_port(DATA, 1);
        write_port(INTERRUPT_ENABLE, 0);
        write_port(LINE_CONTROL, EIGHT_BITS);
        Self(())
    }

    fn write_byte(&mut self, byte: u8) {
        let ready = (0..POLLS_MAX).any(|_| read_port(LINE_STATUS) & TRANSMIT_EMPTY != 0);
        if ready {
            write_port(DATA, byte);
        }
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.write_byte(b'\r');
            }
            self.write_byte(byte);
        }
        Ok(())
    }
}

fn write_port(register: u16, value: u8) {
    // SAFETY: only the eight registers of COM1 are reached; the port is opened when the firmware
    // does not use it, or when the firmware is gone. Port I/O touches no memory of ours.
    unsafe {
        asm!("out dx, al", in("dx") COM1 + register, in("al") value, options(nomem, nostack, preserves_flags));
    }
}

fn read_port(register: u16) -> u8 {
    let value;
    // SAFETY: as in `write_port`; only the line status is read, which has no effect on transmission.
    unsafe {
        asm!("in al, dx", in("dx") COM1 + register, out("al") value, options(nomem, nostack, preserves_flags));
    }
    value
}
