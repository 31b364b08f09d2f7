//! The diode's key, if the machine's TPM 2.0 keeps it: it gives it out only after a start from the very image that the key
//! was sealed for, on the very machine.
//!
//! Source: TPM 2.0 Library Specification 1.59, part 3: sections 11.1 (`StartAuthSession`), 22.4 (`PCR_Read`), 23.7
//! (`PolicyPCR`), 31.13 (`NV_Read`).

use alloc::vec::Vec;

use noreturn_image_format::Sha256Digest;
use noreturn_image_format::measured::{SEALING_PCRS, selection};

use crate::Refusal;
use crate::tpm::{Authorization, NO_ANSWER, Tpm, read, submit};

const START_AUTH_SESSION: u32 = 0x176;
const PCR_READ: u32 = 0x17e;
const POLICY_PCR: u32 = 0x17f;
const NO_HANDLE: u32 = 0x4000_0007;

/// Neither salt nor key: nothing in this session is secret, and what it gives out crosses the TPM's bus in clear. A nonce of
/// the least length, a policy session, no symmetric algorithm, SHA-256.
const SESSION: [u8; 25] = {
    let mut session = [0; 25];
    session[1] = 16; // length of the nonce; of the salt 0
    session[20] = 1;
    session[22] = 0x10;
    session[24] = 0x0b;
    session
};

/// Takes the key from behind `handle`. The registers must have their values of this start already.
///
/// # Errors
/// [`Refusal::Key`]: without its key the box could say nothing that a receiver believes.
pub fn unseal(tpm: &mut impl Tpm, handle: u32) -> Result<[u8; 32], Refusal> {
    // A key file with zeros is refused, too.
    let key = take(tpm, handle).and_then(|key| if key == [0; 32] { Err(NO_ANSWER) } else { Ok(key) });
    key.map_err(|code| Refusal::Key { handle, code: Some(code), registers: registers(tpm) })
}

fn take(tpm: &mut impl Tpm, handle: u32) -> Result<[u8; 32], u32> {
    let response = submit(tpm, START_AUTH_SESSION, &[NO_HANDLE, NO_HANDLE], Authorization::None, &SESSION)?;
    let session = response.body().first_chunk().copied().map_or(0, u32::from_be_bytes);
    // No digest is given: the TPM takes the registers as they are, and the policy of the index is what decides.
    let selection = [&[0, 0][..], &selection(&SEALING_PCRS)].concat();
    submit(tpm, POLICY_PCR, &[session], Authorization::None, &selection)?;
    read(tpm, handle, Authorization::Policy(session))
}

/// The values of [`SEALING_PCRS`], for who seals the key: register 7 of a start of this loader shows nowhere else. None
/// unless the TPM tells them all.
fn registers(tpm: &mut impl Tpm) -> Vec<Sha256Digest> {
    SEALING_PCRS.iter().map(|&pcr| register(tpm, pcr)).collect::<Result<_, _>>().unwrap_or_default()
}

/// One at a time: a TPM may answer with fewer registers than it is asked for.
fn register(tpm: &mut impl Tpm, pcr: u8) -> Result<Sha256Digest, u32> {
    const UPDATES_BYTES: usize = 4;
    let selection = selection(&[pcr]);
    let response = submit(tpm, PCR_READ, &[], Authorization::None, &selection)?;
    // A counter of updates, what was read, how many, the length of the first.
    let before_bytes = UPDATES_BYTES + selection.len() + 6;
    let (before, value) = response.body().split_at_checked(before_bytes).ok_or(NO_ANSWER)?;
    let expected = [&selection[..], &[0, 0, 0, 1, 0, 32]].concat();
    let value = value.first_chunk().filter(|_| before[UPDATES_BYTES..] == expected);
    value.copied().map(Sha256Digest).ok_or(NO_ANSWER)
}

#[cfg(test)]
mod tests;
