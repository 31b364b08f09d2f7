//! Keeps images below a floor from being started again, where the machine has a TPM 2.0 to remember the floor in.
//!
//! The floor is a number of four bytes in the TPM's non-volatile memory, one for each owner and diode. It is written by
//! the loader alone, goes up only, and is locked against writing until the next reset before anything is started.
//!
//! Source: TPM 2.0 Library Specification 1.59, part 3: sections 31.3 (`NV_DefineSpace`), 31.7 (`NV_Write`), 31.11
//! (`NV_WriteLock`), 31.13 (`NV_Read`); part 2: sections 6.6 (response codes), 13.4 (attributes).

use noreturn_image_format::config::TPM_HANDLES;
use noreturn_image_format::config::release::Release;
use noreturn_image_format::handover::FloorMemory;
use sha2::{Digest, Sha256};

use crate::Refusal;
use crate::tpm::{self, Authorization, NO_ANSWER, NOT_DEFINED, NOT_WRITTEN, Tpm};

const DEFINE_SPACE: u32 = 0x12a;
const WRITE: u32 = 0x137;
const WRITE_LOCK: u32 = 0x138;

const OWNER: u32 = 0x4000_0001;
/// The bits in which the handles that are an owner's to give differ.
const HANDLES_MASK: u32 = *TPM_HANDLES.end() - *TPM_HANDLES.start();
const FLOOR_BYTES: u16 = 4;

/// `TPMA_NV`: who knows the empty password may write until the lock, and read; guessing is not counted.
const ATTRIBUTES: u32 = AUTH_WRITE | WRITE_STCLEAR | AUTH_READ | NO_DA;
const AUTH_WRITE: u32 = 1 << 2;
const WRITE_STCLEAR: u32 = 1 << 14;
const AUTH_READ: u32 = 1 << 18;
const NO_DA: u32 = 1 << 25;

/// The handle of the floor of a diode and its owner, so that no two of them share one by more than chance.
#[must_use]
pub fn handle(owner: &[u8; 32], diode: u32) -> u32 {
    let digest =
        Sha256::new().chain_update(b"noreturn floor").chain_update(owner).chain_update(diode.to_be_bytes());
    let digest = digest.finalize();
    let first = digest.iter().take(4).fold(0, |number, &byte| number << 8 | u32::from(byte));
    *TPM_HANDLES.start() | first & HANDLES_MASK
}

/// Holds an image to the floor behind `handle`, raises that floor to the image's own, and locks it.
///
/// A TPM that refuses is no reason to refuse the image: a machine without one is not refused either, and the beacon tells.
///
/// # Errors
/// [`Refusal::Downgrade`].
pub fn keep(tpm: &mut impl Tpm, handle: u32, release: Release) -> Result<FloorMemory, Refusal> {
    let (found, is_defined) = match read(tpm, handle) {
        Ok(floor) => (floor, true),
        Err(NOT_WRITTEN) => (0, true),
        Err(NOT_DEFINED) => (0, false),
        Err(code) => return Ok(FloorMemory::Failed(code)),
    };
    if release.version < found {
        return Err(Refusal::Downgrade { version: release.version, floor: found, handle });
    }
    if !is_defined && release.floor == 0 {
        return Ok(FloorMemory::Kept(0));
    }
    Ok(raise(tpm, handle, is_defined, found, release.floor)
        .map_or_else(FloorMemory::Failed, FloorMemory::Kept))
}

fn raise(tpm: &mut impl Tpm, handle: u32, is_defined: bool, found: u32, floor: u32) -> Result<u32, u32> {
    if !is_defined {
        define(tpm, handle)?;
    }
    if floor > found {
        write(tpm, handle, floor)?;
        // What was written is what counts, so it is read again.
        if read(tpm, handle)? != floor {
            return Err(NO_ANSWER);
        }
    }
    lock(tpm, handle)?;
    Ok(found.max(floor))
}

fn read(tpm: &mut impl Tpm, handle: u32) -> Result<u32, u32> {
    tpm::read(tpm, handle, Authorization::Password).map(u32::from_be_bytes)
}

fn define(tpm: &mut impl Tpm, handle: u32) -> Result<(), u32> {
    const NO_PASSWORD: [u8; 2] = [0, 0];
    const PUBLIC_BYTES: [u8; 2] = [0, 14];
    const NAME_SHA256: [u8; 2] = [0, 0x0b];
    const NO_POLICY: [u8; 2] = [0, 0];
    let (handle, attributes, bytes) =
        (handle.to_be_bytes(), ATTRIBUTES.to_be_bytes(), FLOOR_BYTES.to_be_bytes());
    let parts: [&[u8]; 7] =
        [&NO_PASSWORD, &PUBLIC_BYTES, &handle, &NAME_SHA256, &attributes, &NO_POLICY, &bytes];
    submit(tpm, DEFINE_SPACE, &[OWNER], &parts.concat())
}

fn write(tpm: &mut impl Tpm, handle: u32, floor: u32) -> Result<(), u32> {
    let parts: [&[u8]; 3] = [&FLOOR_BYTES.to_be_bytes(), &floor.to_be_bytes(), &[0, 0]];
    submit(tpm, WRITE, &[handle, handle], &parts.concat())
}

fn lock(tpm: &mut impl Tpm, handle: u32) -> Result<(), u32> {
    submit(tpm, WRITE_LOCK, &[handle, handle], &[])
}

/// One command with the empty password that answers with nothing.
fn submit(tpm: &mut impl Tpm, code: u32, handles: &[u32], parameters: &[u8]) -> Result<(), u32> {
    tpm::submit(tpm, code, handles, Authorization::Password, parameters).map(drop)
}

#[cfg(test)]
mod tests;
