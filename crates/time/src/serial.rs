//! A serial port (16550) that can only receive: nothing here can name the register that bytes are sent through.

/// The registers of a serial port, by their offset.
pub trait Registers {
    /// Reads a register.
    fn read(&self, offset: u8) -> u8;
    /// Writes a register.
    fn write(&mut self, offset: u8, value: u8);
}

/// Line settings: 8 data bits, no parity, 1 stop bit, as NMEA 0183 has it.
const LINE_8N1: u8 = 0b11;
/// In the line settings: offsets 0 and 1 are the divisor.
const LINE_DIVISOR: u8 = 1 << 7;
/// Use both queues, empty them, and do not wait until several bytes are there.
const QUEUE_ENABLE_EMPTY: u8 = 0b111;
/// Line status: a byte is there.
const STATUS_READY: u8 = 1;
/// Line status: bytes were lost, wrong parity, wrong stop bit, or the line is broken.
const STATUS_DAMAGED: u8 = 0b1_1110;
/// The divisor counts these.
const CLOCK_BAUD: u32 = 115_200;

/// Offsets of what is read and written. Offset 0 is the divisor only while [`LINE_DIVISOR`] is set, which is inside
/// [`Port::start`]; otherwise it is read, and never written: that would send.
mod offset {
    pub const RECEIVED: u8 = 0;
    pub const DIVISOR_LOW: u8 = 0;
    pub const DIVISOR_HIGH: u8 = 1;
    pub const INTERRUPTS: u8 = 1;
    pub const QUEUE: u8 = 2;
    pub const LINE: u8 = 3;
    pub const MODEM: u8 = 4;
    pub const STATUS: u8 = 5;
    pub const SCRATCH: u8 = 7;
}

/// A byte was lost or damaged on the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

/// A port that receives.
#[derive(Debug)]
pub struct Port<R>(R);

impl<R: Registers> Port<R> {
    /// Sets the port up for `baud`, without interrupts and with all outputs off; `None` if there is no port.
    pub fn start(mut registers: R, baud: u32) -> Option<Self> {
        for probe in [0x5a, 0xa5] {
            registers.write(offset::SCRATCH, probe);
            if registers.read(offset::SCRATCH) != probe {
                return None;
            }
        }
        let divisor = u16::try_from(CLOCK_BAUD.checked_div(baud)?).ok()?.max(1);
        let [low, high] = divisor.to_le_bytes();
        registers.write(offset::LINE, LINE_DIVISOR);
        registers.write(offset::DIVISOR_LOW, low);
        registers.write(offset::DIVISOR_HIGH, high);
        registers.write(offset::LINE, LINE_8N1);
        registers.write(offset::INTERRUPTS, 0);
        registers.write(offset::MODEM, 0);
        registers.write(offset::QUEUE, QUEUE_ENABLE_EMPTY);
        Some(Self(registers))
    }

    /// The next byte, if one is there.
    ///
    /// # Errors
    /// Something was lost or damaged before it.
    pub fn receive(&mut self) -> Result<Option<u8>, Damaged> {
        let status = self.0.read(offset::STATUS);
        let byte = (status & STATUS_READY != 0).then(|| self.0.read(offset::RECEIVED));
        if status & STATUS_DAMAGED != 0 { Err(Damaged) } else { Ok(byte) }
    }
}
