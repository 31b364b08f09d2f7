//! Measures what is about to be started into the machine's TPM 2.0.
//!
//! Source: TCG EFI Protocol Specification 1.0, section 6 (`EFI_TCG2_PROTOCOL`). The firmware itself measures the loader, into
//! register 4.

use alloc::vec::Vec;
use core::fmt;

use noreturn_image_format::config::release::Release;
use noreturn_image_format::handover::FloorMemory;
use noreturn_image_format::measured::Measurement;
use noreturn_loader::Refusal;
use noreturn_loader::tpm::{RESPONSE_BYTES_MAX, Tpm};
use noreturn_loader::{floor, resets, sealed};
use uefi::boot::{self, ScopedProtocol};
use uefi::proto::tcg::v2::{HashLogExtendEventFlags, PcrEventInputs, Tcg};
use uefi::proto::tcg::{EventType, HashAlgorithm, PcrIndex};

use super::status_of;

/// What came of it, for the console.
pub enum Measured {
    /// There is no TPM 2.0.
    NoTpm,
    /// So many measurements are in the TPM and in the firmware's log.
    Taken(usize),
}

/// Extends the TPM's registers, if there is a TPM.
///
/// # Errors
/// [`Refusal::Tpm`] or [`Refusal::TpmWithoutSha256`]: a box whose TPM would tell of another start than this is not started.
pub fn measure(measurements: &[Measurement<'_>]) -> Result<Measured, Refusal> {
    let Some(mut tpm) = open()? else { return Ok(Measured::NoTpm) };
    let banks = tpm.get_active_pcr_banks().map_err(|error| Refusal::Tpm(status_of(error.status())))?;
    if !banks.contains(HashAlgorithm::SHA256) {
        return Err(Refusal::TpmWithoutSha256);
    }
    for measurement in measurements {
        extend(&mut tpm, measurement).map_err(|error| Refusal::Tpm(status_of(error.status())))?;
    }
    Ok(Measured::Taken(measurements.len()))
}

/// Holds the image to the floor that the TPM remembers, if there is a TPM.
///
/// # Errors
/// [`Refusal::Downgrade`], or [`Refusal::Tpm`] if the firmware does not let the loader near the TPM.
pub fn keep_floor(handle: u32, release: Release) -> Result<FloorMemory, Refusal> {
    match open()? {
        None => Ok(FloorMemory::None),
        Some(tpm) => floor::keep(&mut Commands(tpm), handle, release),
    }
}

/// Takes the diode's key from the TPM, after everything was measured.
///
/// # Errors
/// [`Refusal::Key`], or [`Refusal::Tpm`] if the firmware does not let the loader near the TPM.
pub fn unseal(handle: u32) -> Result<[u8; 32], Refusal> {
    let tpm = open()?.ok_or(Refusal::Key { handle, code: None, registers: Vec::new() })?;
    sealed::unseal(&mut Commands(tpm), handle)
}

/// How often the TPM was reset, if there is one and it tells.
///
/// # Errors
/// [`Refusal::Tpm`] if the firmware does not let the loader near the TPM.
pub fn reset_count() -> Result<Option<u32>, Refusal> {
    Ok(open()?.and_then(|tpm| resets::count(&mut Commands(tpm))))
}

struct Commands(ScopedProtocol<Tcg>);

impl Tpm for Commands {
    fn submit(&mut self, command: &[u8], response: &mut [u8; RESPONSE_BYTES_MAX]) {
        if self.0.submit_command(command, response).is_err() {
            *response = [0; RESPONSE_BYTES_MAX];
        }
    }
}

fn open() -> Result<Option<ScopedProtocol<Tcg>>, Refusal> {
    let Ok(handle) = boot::get_handle_for_protocol::<Tcg>() else { return Ok(None) };
    let refuse = |error: uefi::Error| Refusal::Tpm(status_of(error.status()));
    let mut tpm = boot::open_protocol_exclusive::<Tcg>(handle).map_err(refuse)?;
    let is_present = tpm.get_capability().map_err(refuse)?.tpm_present();
    Ok(is_present.then_some(tpm))
}

/// One event of the type that loaders use for text (`EV_IPL`), so that every reader of logs shows what it was.
fn extend(tpm: &mut Tcg, measurement: &Measurement<'_>) -> uefi::Result {
    let &Measurement { pcr, description, data } = measurement;
    let event = PcrEventInputs::new_in_box(PcrIndex(pcr.into()), EventType::IPL, description.as_bytes())?;
    tpm.hash_log_extend_event(HashLogExtendEventFlags::empty(), data, &event)
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTpm => f.write_str("no TPM 2.0: nothing is attested"),
            Self::Taken(count) => write!(f, "{count} measurements into the TPM, registers 8 and 9"),
        }
    }
}
