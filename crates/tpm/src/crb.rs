//! The command response buffer: a command is laid into memory of the TPM's, which then lays the response there.
//!
//! Source: TCG PC Client Platform TPM Profile 1.05, sections 6.4 (CRB) and 6.5.3 (registers).

use noreturn_nic::Registers;
use noreturn_wire::TpmFault;

use crate::response::HEADER_BYTES;
use crate::transport::{REGISTERS_ADDRESS, REGISTERS_BYTES, announced};

const LOCALITY_STATE: usize = 0x00;
const LOCALITY_CONTROL: usize = 0x08;
const REQUEST: usize = 0x40;
const START: usize = 0x4c;
const COMMAND_BYTES: usize = 0x58;
const COMMAND_LOW: usize = 0x5c;
const COMMAND_HIGH: usize = 0x60;
const RESPONSE_BYTES: usize = 0x64;
const RESPONSE_LOW: usize = 0x68;
const RESPONSE_HIGH: usize = 0x6c;
/// Where the buffer may start at the earliest.
const BUFFER: usize = 0x80;

const STATE_VALID: u32 = 1 << 7;
const STATE_ASSIGNED: u32 = 1 << 1;
const STATE_NOTHING: u32 = u32::MAX;
const CONTROL_REQUEST: u32 = 1;
const REQUEST_READY: u32 = 1;
const REQUEST_IDLE: u32 = 1 << 1;
const START_START: u32 = 1;

/// A TPM behind a buffer.
#[derive(Debug)]
pub struct Crb<R> {
    registers: R,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Claim,
    /// It is told to get ready for a command; whether it was told yet.
    Ready(bool),
    Work,
}

impl<R: Registers> Crb<R> {
    pub(crate) fn new(registers: R) -> Self {
        Self { registers, step: Step::Claim }
    }

    pub(crate) fn step(&mut self, command: &[u8], response: &mut [u8]) -> Result<Option<usize>, TpmFault> {
        self.step = match self.step {
            Step::Claim => self.claim()?,
            Step::Ready(false) => {
                self.registers.write32(REQUEST, REQUEST_READY);
                Step::Ready(true)
            }
            Step::Ready(true) if self.registers.read32(REQUEST) & REQUEST_READY != 0 => Step::Ready(true),
            Step::Ready(true) => {
                self.send(command)?;
                Step::Work
            }
            Step::Work if self.registers.read32(START) & START_START != 0 => Step::Work,
            Step::Work => {
                let length = self.receive(response)?;
                self.abandon();
                return Ok(Some(length));
            }
        };
        Ok(None)
    }

    pub(crate) fn abandon(&mut self) {
        self.registers.write32(REQUEST, REQUEST_IDLE);
        self.step = Step::Claim;
    }

    fn claim(&mut self) -> Result<Step, TpmFault> {
        let state = self.registers.read32(LOCALITY_STATE);
        if state == STATE_NOTHING {
            return Err(TpmFault::Absent);
        }
        let ours = STATE_VALID | STATE_ASSIGNED;
        if state & ours == ours {
            return Ok(Step::Ready(false));
        }
        self.registers.write32(LOCALITY_CONTROL, CONTROL_REQUEST);
        Ok(Step::Claim)
    }

    fn send(&mut self, command: &[u8]) -> Result<(), TpmFault> {
        let place = self.buffer(COMMAND_LOW, COMMAND_HIGH, COMMAND_BYTES, command.len())?;
        for (offset, byte) in command.iter().enumerate() {
            self.registers.write8(place + offset, *byte);
        }
        self.registers.write32(START, START_START);
        Ok(())
    }

    fn receive(&self, response: &mut [u8]) -> Result<usize, TpmFault> {
        let place = |bytes| self.buffer(RESPONSE_LOW, RESPONSE_HIGH, RESPONSE_BYTES, bytes);
        let copy = |place: usize, target: &mut [u8]| {
            for (offset, byte) in target.iter_mut().enumerate() {
                *byte = self.registers.read8(place + offset);
            }
        };
        let (header, room) = (place(HEADER_BYTES)?, response.len());
        copy(header, response.get_mut(..HEADER_BYTES).ok_or(TpmFault::Malformed)?);
        let length = announced(response, room)?;
        copy(place(length)?, &mut response[..length]);
        Ok(length)
    }

    /// Where the buffer for `bytes` lies. A TPM that has it anywhere but behind its registers is not driven: its word for an
    /// address would be the only reason to write there.
    fn buffer(&self, low: usize, high: usize, size: usize, bytes: usize) -> Result<usize, TpmFault> {
        const METHOD: u32 = 7;
        let address = u64::from(self.registers.read32(low)) | u64::from(self.registers.read32(high)) << 32;
        let place = address.checked_sub(REGISTERS_ADDRESS).and_then(|offset| usize::try_from(offset).ok());
        let room = self.registers.read32(size) as usize;
        place
            .filter(|place| *place >= BUFFER && *place <= REGISTERS_BYTES && bytes <= REGISTERS_BYTES - place)
            .filter(|_| bytes <= room)
            .ok_or(TpmFault::Interface(METHOD))
    }
}
