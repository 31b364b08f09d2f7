//! The FIFO interface: commands and responses go byte by byte through one register, as many at a time as the TPM allows.
//!
//! Source: TCG PC Client Platform TPM Profile 1.05, sections 6.3 (FIFO) and 6.5.2 (registers).

use noreturn_nic::Registers;
use noreturn_wire::TpmFault;

use crate::response::HEADER_BYTES;
use crate::transport::{STEP_BYTES, announced};

const ACCESS: usize = 0x00;
const STS: usize = 0x18;
const FIFO: usize = 0x24;

const ACCESS_VALID: u8 = 1 << 7;
const ACCESS_ACTIVE: u8 = 1 << 5;
const ACCESS_REQUEST: u8 = 1 << 1;
/// What a bus reads where nothing answers.
const ACCESS_NOTHING: u8 = 0xff;

const STS_VALID: u32 = 1 << 7;
const STS_READY: u8 = 1 << 6;
const STS_GO: u8 = 1 << 5;
const STS_AVAILABLE: u32 = 1 << 4;
const STS_EXPECT: u32 = 1 << 3;

/// A TPM behind its FIFO.
#[derive(Debug)]
pub struct Tis<R> {
    registers: R,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The locality is not ours yet.
    Claim,
    /// The TPM is to get ready for a command.
    Ready,
    /// So many bytes of the command are in.
    Send(usize),
    /// The TPM works.
    Work,
    /// So many bytes of the response are out.
    Receive(usize),
}

impl<R: Registers> Tis<R> {
    pub(crate) fn new(registers: R) -> Self {
        Self { registers, step: Step::Claim }
    }

    pub(crate) fn step(&mut self, command: &[u8], response: &mut [u8]) -> Result<Option<usize>, TpmFault> {
        self.step = match self.step {
            Step::Claim => self.claim()?,
            Step::Ready => self.get_ready(),
            Step::Send(sent) => self.send(command, sent)?,
            Step::Work => {
                let done = STS_VALID | STS_AVAILABLE;
                if self.status() & done == done { Step::Receive(0) } else { Step::Work }
            }
            Step::Receive(received) => {
                let (received, length) = self.receive(response, received)?;
                if Some(received) == length {
                    self.abandon();
                    return Ok(length);
                }
                Step::Receive(received)
            }
        };
        Ok(None)
    }

    /// The TPM goes idle; a response that nobody wants is forgotten.
    pub(crate) fn abandon(&mut self) {
        self.registers.write8(STS, STS_READY);
        self.step = Step::Claim;
    }

    fn claim(&mut self) -> Result<Step, TpmFault> {
        let access = self.registers.read8(ACCESS);
        if access == ACCESS_NOTHING {
            return Err(TpmFault::Absent);
        }
        let ours = ACCESS_VALID | ACCESS_ACTIVE;
        if access & ours == ours {
            return Ok(Step::Ready);
        }
        self.registers.write8(ACCESS, ACCESS_REQUEST);
        Ok(Step::Claim)
    }

    fn get_ready(&mut self) -> Step {
        if self.status() & u32::from(STS_READY) != 0 {
            return Step::Send(0);
        }
        self.registers.write8(STS, STS_READY);
        Step::Ready
    }

    fn send(&mut self, command: &[u8], sent: usize) -> Result<Step, TpmFault> {
        let status = self.status();
        let rest = command.get(sent..).unwrap_or_default();
        if rest.is_empty() {
            return match (status & STS_VALID != 0, status & STS_EXPECT != 0) {
                (false, _) => Ok(Step::Send(sent)),
                // It wants more than the command announces.
                (true, true) => Err(TpmFault::Malformed),
                (true, false) => {
                    self.registers.write8(STS, STS_GO);
                    Ok(Step::Work)
                }
            };
        }
        let piece = &rest[..rest.len().min(burst(status))];
        piece.iter().for_each(|byte| self.registers.write8(FIFO, *byte));
        Ok(Step::Send(sent + piece.len()))
    }

    /// Reads a piece; how much has been read, and how much there is, if that is known.
    fn receive(&self, response: &mut [u8], received: usize) -> Result<(usize, Option<usize>), TpmFault> {
        let wanted =
            if received < HEADER_BYTES { HEADER_BYTES } else { announced(response, response.len())? };
        let status = self.status();
        let burst = if status & STS_AVAILABLE == 0 { 0 } else { burst(status) };
        let end = wanted.min(received + burst);
        for byte in response.get_mut(received..end).unwrap_or_default() {
            *byte = self.registers.read8(FIFO);
        }
        let length = if end < HEADER_BYTES { None } else { Some(announced(response, response.len())?) };
        Ok((end, length))
    }

    fn status(&self) -> u32 {
        self.registers.read32(STS)
    }
}

/// Bytes that go through the FIFO now.
fn burst(status: u32) -> usize {
    ((status >> 8) as usize & 0xffff).min(STEP_BYTES)
}
