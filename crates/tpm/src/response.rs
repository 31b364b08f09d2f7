//! What the TPM answers. It is a device, so nothing that it says is believed before it is checked to be an answer.

use noreturn_wire::TpmFault;
use noreturn_wire::attestation::{Point, QUOTED_PCRS};

use crate::bytes::Reader;
use crate::command::{KEY_TEMPLATE, SELECTION};

/// Bytes of every response's header: tag, length, response code.
pub const HEADER_BYTES: usize = 10;
/// Room for the longest response that is read: that to `CreatePrimary` takes less than 500 bytes.
pub const RESPONSE_BYTES_MAX: usize = 1024;

const TAG_SESSIONS: u16 = 0x8002;
const ECDSA_SHA256: [u8; 4] = [0, 0x18, 0, 0x0b];

/// A key that the TPM holds until the next reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// By which it is named in commands.
    pub handle: u32,
    /// Its public point.
    pub point: Point,
}

/// What follows a header that says that all went well.
fn succeeded(response: &[u8]) -> Result<(u16, Reader<'_>), TpmFault> {
    let mut reader = Reader(response);
    let header = (|| Some((reader.number16()?, reader.number32()?, reader.number32()?)))();
    let (tag, length, code) = header.ok_or(TpmFault::Malformed)?;
    if length as usize != response.len() {
        return Err(TpmFault::Malformed);
    }
    if code == 0 { Ok((tag, reader)) } else { Err(TpmFault::Refused(code)) }
}

/// The parameters of a response with a session, and what comes before them.
fn parameters<'a, const HANDLE_BYTES: usize>(
    response: &'a [u8],
) -> Result<([u8; HANDLE_BYTES], Reader<'a>), TpmFault> {
    let (tag, mut reader) = succeeded(response)?;
    let mut read = || {
        let handle = reader.array()?;
        let bytes = reader.number32()?;
        let parameters = reader.take(usize::try_from(bytes).ok()?)?;
        (tag == TAG_SESSIONS).then_some((handle, Reader(parameters)))
    };
    read().ok_or(TpmFault::Malformed)
}

/// The answer to [`crate::command::Command::create_key`].
///
/// # Errors
/// [`TpmFault::Refused`], or [`TpmFault::Malformed`], also if it is another key than the one that was asked for.
pub fn key(response: &[u8]) -> Result<Key, TpmFault> {
    let (handle, mut reader) = parameters(response)?;
    let mut read = || {
        let mut public = Reader(reader.sized()?);
        public.expect(&KEY_TEMPLATE)?;
        let point = Point(public.sized32()?, public.sized32()?);
        public.end()?;
        Some(Key { handle: u32::from_be_bytes(handle), point })
    };
    read().ok_or(TpmFault::Malformed)
}

/// The answer to [`crate::command::Command::read_registers`].
///
/// # Errors
/// [`TpmFault::Refused`], or [`TpmFault::Malformed`], also if there are other registers in it: a TPM without a bank of SHA-256
/// answers with none.
pub fn registers(response: &[u8]) -> Result<[[u8; 32]; QUOTED_PCRS.len()], TpmFault> {
    let (_, mut reader) = succeeded(response)?;
    let mut read = || {
        let _updates = reader.number32()?;
        reader.expect(&SELECTION)?;
        reader.expect(&(QUOTED_PCRS.len() as u32).to_be_bytes())?;
        let mut registers = [[0; 32]; QUOTED_PCRS.len()];
        for register in &mut registers {
            *register = reader.sized32()?;
        }
        reader.end()?;
        Some(registers)
    };
    read().ok_or(TpmFault::Malformed)
}

/// The answer to [`crate::command::Command::quote`]: the statement, and its signature.
///
/// # Errors
/// [`TpmFault::Refused`] or [`TpmFault::Malformed`].
pub fn quote(response: &[u8]) -> Result<(&[u8], Point), TpmFault> {
    let ([], mut reader) = parameters(response)?;
    let mut read = || {
        let statement = reader.sized()?;
        reader.expect(&ECDSA_SHA256)?;
        let signature = Point(padded(reader.sized()?)?, padded(reader.sized()?)?);
        reader.end()?;
        Some((statement, signature))
    };
    read().ok_or(TpmFault::Malformed)
}

/// Whether a command that answers with nothing was done.
///
/// # Errors
/// [`TpmFault::Refused`] or [`TpmFault::Malformed`].
pub fn done(response: &[u8]) -> Result<(), TpmFault> {
    let (_, reader) = succeeded(response)?;
    reader.end().ok_or(TpmFault::Malformed)
}

/// A number of up to 32 bytes: some TPMs leave out leading zeros of a signature.
fn padded(number: &[u8]) -> Option<[u8; 32]> {
    let mut all = [0; 32];
    let start = all.len().checked_sub(number.len())?;
    all[start..].copy_from_slice(number);
    Some(all)
}
