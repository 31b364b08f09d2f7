//! The diode's key, if the machine's TPM 2.0 keeps it: it gives it out only after a start from the very image that the key
//! was sealed for, on the very machine.
//!
//! Source: TPM 2.0 Library Specification 1.59, part 3: sections 11.1 (`StartAuthSession`), 23.7 (`PolicyPCR`), 31.13
//! (`NV_Read`).

use noreturn_image_format::measured::SEALING_SELECTION;

use crate::Refusal;
use crate::tpm::{Authorization, NO_ANSWER, Tpm, read, submit};

const START_AUTH_SESSION: u32 = 0x176;
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
    let key = take(tpm, handle).map_err(|code| Refusal::Key { handle, code: Some(code) })?;
    // A key file with zeros is refused, too.
    if key == [0; 32] { Err(Refusal::Key { handle, code: Some(NO_ANSWER) }) } else { Ok(key) }
}

fn take(tpm: &mut impl Tpm, handle: u32) -> Result<[u8; 32], u32> {
    let response = submit(tpm, START_AUTH_SESSION, &[NO_HANDLE, NO_HANDLE], Authorization::None, &SESSION)?;
    let session = response.body().first_chunk().copied().map_or(0, u32::from_be_bytes);
    // No digest is given: the TPM takes the registers as they are, and the policy of the index is what decides.
    let selection = [&[0, 0][..], &SEALING_SELECTION].concat();
    submit(tpm, POLICY_PCR, &[session], Authorization::None, &selection)?;
    read(tpm, handle, Authorization::Policy(session))
}

#[cfg(test)]
mod tests;
