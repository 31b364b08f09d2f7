//! One exchange: a command goes in, a response comes out, in steps none of which waits.

use noreturn_nic::Registers;
use noreturn_wire::TpmFault;

use crate::crb::Crb;
use crate::table::Interface;
use crate::tis::Tis;

/// Where a PC has its TPM's registers (TCG PC Client Platform TPM Profile 1.05, section 6.2): locality 0, the operating
/// system's.
pub const REGISTERS_ADDRESS: u64 = 0xfed4_0000;
/// Bytes of the registers of one locality.
pub const REGISTERS_BYTES: usize = 4096;

/// Bytes that go through a FIFO in one step at most: it may be behind a slow bus, at about 1 µs a byte.
pub(crate) const STEP_BYTES: usize = 64;

/// A way to a TPM.
#[derive(Debug)]
pub enum Transport<R> {
    /// Byte by byte.
    Tis(Tis<R>),
    /// Through a buffer.
    Crb(Crb<R>),
}

impl<R: Registers> Transport<R> {
    /// The way that the firmware tells of, through the registers at [`REGISTERS_ADDRESS`].
    ///
    /// # Errors
    /// [`TpmFault::Interface`].
    pub fn new(interface: Interface, registers: R) -> Result<Self, TpmFault> {
        match interface {
            Interface::Tis => Ok(Self::Tis(Tis::new(registers))),
            Interface::Crb => Ok(Self::Crb(Crb::new(registers))),
            Interface::Other(method) => Err(TpmFault::Interface(method)),
        }
    }

    /// Takes a step of the exchange that sends `command` and fills `response`; its length, once it is whole. Afterwards the
    /// next call begins the next exchange.
    ///
    /// # Errors
    /// [`TpmFault::Absent`] or [`TpmFault::Malformed`]; the next call begins anew.
    pub(crate) fn step(&mut self, command: &[u8], response: &mut [u8]) -> Result<Option<usize>, TpmFault> {
        let stepped = match self {
            Self::Tis(tis) => tis.step(command, response),
            Self::Crb(crb) => crb.step(command, response),
        };
        stepped.inspect_err(|_| self.abandon())
    }

    /// Gives up the exchange under way.
    pub(crate) fn abandon(&mut self) {
        match self {
            Self::Tis(tis) => tis.abandon(),
            Self::Crb(crb) => crb.abandon(),
        }
    }
}

/// The length that a response's header announces, if there is room for it.
pub(crate) fn announced(header: &[u8], room: usize) -> Result<usize, TpmFault> {
    let length = header.get(2..6).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(TpmFault::Malformed)?;
    if (crate::response::HEADER_BYTES..=room).contains(&length) {
        Ok(length)
    } else {
        Err(TpmFault::Malformed)
    }
}
