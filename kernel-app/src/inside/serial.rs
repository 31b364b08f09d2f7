//! The serial port that a satellite receiver is on.

use noreturn_image_format::config::time::SerialPort;
use noreturn_time::serial::Registers;
use x86_64::instructions::port::Port;

/// The eight registers of one port.
pub struct ComPort(pub SerialPort);

impl ComPort {
    fn port(&self, offset: u8) -> Port<u8> {
        Port::new(self.0.base() + u16::from(offset & 7))
    }
}

impl Registers for ComPort {
    fn read(&self, offset: u8) -> u8 {
        // SAFETY: the port is one of COM2 to COM4, by the type; nobody else uses them: Hermit has the console on COM1 only.
        // Reading takes bytes from the port's queue, which is for us, and touches no memory.
        unsafe { self.port(offset).read() }
    }

    fn write(&mut self, offset: u8, value: u8) {
        // SAFETY: as for reading; the interrupts that could be switched on here are left off by the driver.
        unsafe { self.port(offset).write(value) }
    }
}
