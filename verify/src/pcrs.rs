//! The values that the TPM's registers have when a box has started from an image, predicted without a box.
//!
//! Sources: `noreturn_image_format::measured` for registers 8 and 9; for register 4 TCG PC Client Platform Firmware Profile
//! 1.05, section 3.3.4.5, and, for a program's digest, Microsoft's "Windows Authenticode Portable Executable Signature
//! Format", 2008.

use std::fmt;

use noreturn_image_format::Sha256Digest;
use noreturn_image_format::measured::{self, KERNEL_PCR, MEDIUM_PCR, measurements, sealing_policy};
use serde_json::{Value, json};

use crate::bytes::{u16_at, u32_at};
use crate::medium::Medium;

/// The registers that depend on the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pcrs {
    /// Digest of the image.
    pub image_sha256: Sha256Digest,
    /// Register 4, on firmware that starts the medium at once: it measures the attempt, the end of its own part, and the
    /// loader.
    pub loader: Sha256Digest,
    /// Register 8.
    pub kernel: Sha256Digest,
    /// Register 9.
    pub medium: Sha256Digest,
}

/// Predicts the registers.
///
/// # Errors
/// What cannot be read of the image. Whether it is a good one is not asked: see [`crate::judge`].
pub fn predict(image: &[u8]) -> Result<Pcrs, String> {
    let medium = Medium::read(image);
    let manifest = medium.manifest.as_ref().map_err(|_| "the manifest cannot be read")?.text;
    let (kernel, config) = (medium.kernel()?, medium.config()?);
    let loader = program_digest(medium.loader()?).ok_or("the loader is no PE32+ program")?;
    let all = measurements(kernel, config, manifest, &medium.sha256);
    Ok(Pcrs {
        image_sha256: medium.sha256,
        loader: loader_register(loader),
        kernel: measured::register(KERNEL_PCR, &all),
        medium: measured::register(MEDIUM_PCR, &all),
    })
}

fn loader_register(loader: Sha256Digest) -> Sha256Digest {
    let attempt = Sha256Digest::of(b"Calling EFI Application from Boot Option");
    let separator = Sha256Digest::of(&[0; 4]);
    let events = [attempt, separator, loader];
    Sha256Digest(events.iter().fold([0; 32], |value, event| measured::extend(value, event.0)))
}

/// Digest of a program without what a signature changes: checksum, entry of the certificates, and the certificates.
pub(crate) fn program_digest(program: &[u8]) -> Option<Sha256Digest> {
    const MAGIC_PE32_PLUS: u16 = 0x20b;
    const SECTION_BYTES: usize = 40;
    let header = usize::try_from(u32_at(program, 0x3c)?).ok()?;
    let optional = header.checked_add(24)?;
    if program.get(header..header + 4)? != b"PE\0\0" || u16_at(program, optional)? != MAGIC_PE32_PLUS {
        return None;
    }
    let (checksum, certificates) = (optional + 64, optional + 144);
    let headers_end = usize::try_from(u32_at(program, optional + 60)?).ok()?;
    let mut hashed = Vec::with_capacity(program.len());
    hashed.extend_from_slice(program.get(..checksum)?);
    hashed.extend_from_slice(program.get(checksum + 4..certificates)?);
    hashed.extend_from_slice(program.get(certificates + 8..headers_end)?);
    let sections = optional + usize::from(u16_at(program, header + 20)?);
    let mut pieces = (0..usize::from(u16_at(program, header + 6)?))
        .map(|number| {
            let section = sections + number * SECTION_BYTES;
            Some((u32_at(program, section + 20)? as usize, u32_at(program, section + 16)? as usize))
        })
        .collect::<Option<Vec<_>>>()?;
    pieces.sort_unstable();
    let mut end = headers_end;
    for (start, bytes) in pieces.into_iter().filter(|(_, bytes)| *bytes > 0) {
        // No two of them overlap, so what is hashed is never longer than the program.
        let piece_end = start.checked_add(bytes).filter(|_| start >= end)?;
        hashed.extend_from_slice(program.get(start..piece_end)?);
        end = piece_end;
    }
    let certificates_bytes = u32_at(program, certificates + 4)? as usize;
    hashed.extend_from_slice(program.get(end..program.len().checked_sub(certificates_bytes)?)?);
    Some(Sha256Digest::of(&hashed))
}

impl Pcrs {
    /// The policy to which a key is sealed that only a start from this image gets: the TPM's digest of it.
    #[must_use]
    pub fn policy(&self) -> Sha256Digest {
        sealing_policy(&[self.loader, self.kernel, self.medium])
    }

    /// The registers as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "image_sha256": self.image_sha256.to_string(),
            "pcr_4": self.loader.to_string(),
            "pcr_8": self.kernel.to_string(),
            "pcr_9": self.medium.to_string(),
            "policy": self.policy().to_string(),
        })
    }
}

/// As the receiver's configuration has them.
impl fmt::Display for Pcrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# TPM registers (SHA-256) after a start from image {}", self.image_sha256)?;
        writeln!(
            f,
            "# 4 is the loader's, on firmware that starts the medium first; 8 the kernel's; 9 the medium's"
        )?;
        writeln!(f, "pcr_4 = \"{}\"", self.loader)?;
        writeln!(f, "pcr_8 = \"{}\"", self.kernel)?;
        writeln!(f, "pcr_9 = \"{}\"", self.medium)
    }
}

/// What `diode-verify pcrs` is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// The image
    pub image: std::path::PathBuf,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
    /// Writes the policy to seal the diode's key with, 32 bytes, as the programs of tpm2-tools take it
    #[arg(long, value_name = "FILE")]
    pub policy: Option<std::path::PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::model::{
        self, LOADER_HEADER as HEADER, LOADER_OPTIONAL as OPTIONAL, LOADER_SECTION as SECTION,
    };

    /// The model's loader, of which the last 16 bytes are certificates.
    fn loader() -> Vec<u8> {
        let mut loader = model::loader();
        loader[OPTIONAL + 148] = 16;
        loader
    }

    #[test]
    fn exactly_what_a_signature_changes_is_left_out() {
        let right = program_digest(&loader()).expect("it is a program");
        for place in (0..right_bytes()).filter(|place| !is_structure(*place)) {
            let mut changed = loader();
            changed[place] ^= 1;
            let left_out = (OPTIONAL + 64..OPTIONAL + 68).contains(&place)
                || (OPTIONAL + 144..OPTIONAL + 152).contains(&place)
                || place >= right_bytes() - 16;
            assert_eq!(program_digest(&changed) == Some(right), left_out, "byte {place}");
        }
    }

    fn right_bytes() -> usize {
        loader().len()
    }

    /// Whether a byte says where others are.
    fn is_structure(place: usize) -> bool {
        let fields =
            [0x3c, HEADER + 6, HEADER + 20, OPTIONAL + 60, OPTIONAL + 148, SECTION + 16, SECTION + 20];
        fields.iter().any(|field| (*field..field + 4).contains(&place))
    }

    #[test]
    fn no_program_and_nothing_cut_is_measured() {
        let program = loader();
        for bytes in 0..SECTION + 40 {
            assert_eq!(program_digest(&program[..bytes]), None, "{bytes} bytes");
        }
        assert_eq!(program_digest(&program[..600]), None, "a section that is cut");
    }

    /// Every header that differs in one or two bytes ends in a digest or in none.
    #[test]
    fn hostile_headers_are_no_trap() {
        for first in 0..SECTION + 40 {
            for (second, value) in [(first, 0xff), (first + 1, 0xff), (first + 3, 0x7f), (first, 0)] {
                let mut changed = loader();
                (changed[first], changed[second]) = (value, value);
                // Whatever it is, it is of bytes that are there.
                let _ = program_digest(&changed);
            }
        }
    }
}
