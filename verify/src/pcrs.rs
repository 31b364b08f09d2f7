//! The values that the TPM's registers have when a box has started from an image: 4, 8 and 9 predicted without a box, 0, 2 and 7 as
//! they were found on it.
//!
//! Sources: `noreturn_image_format::measured` for registers 8 and 9; for register 4 TCG PC Client Platform Firmware Profile
//! 1.05, section 3.3.4.5, and, for a program's digest, Microsoft's "Windows Authenticode Portable Executable Signature
//! Format", 2008.

pub mod found;

use std::fmt;

use noreturn_image_format::Sha256Digest;
use noreturn_image_format::measured::{
    self, KERNEL_PCR, MEDIUM_PCR, SEALING_PCRS, measurements, sealing_policy,
};
use serde_json::{Value, json};

use crate::bytes::{u16_at, u32_at};
use crate::medium::Medium;
use found::Registers;

/// Bytes of the longest text that tells registers: hours of a console.
pub const FOUND_BYTES_MAX: u64 = 16 << 20;

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
    /// The registers as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "image_sha256": self.image_sha256.to_string(),
            "pcr_4": self.loader.to_string(),
            "pcr_8": self.kernel.to_string(),
            "pcr_9": self.medium.to_string(),
        })
    }

    /// The registers of a start on a machine on which these were found; of those only 0, 2 and 7 count.
    ///
    /// # Errors
    /// If one of them was not found, or if 8 and 9 were found to be this image's and 4 was not: such firmware measures more into 4
    /// than is predicted, and would never get a key that is sealed to the prediction.
    pub fn on_machine(&self, found: &Registers) -> Result<Sealing, String> {
        let machine = |pcr| found.get(&pcr).copied().ok_or_else(|| format!("register {pcr} is missing"));
        let is_this_image =
            [(8, self.kernel), (9, self.medium)].iter().all(|(pcr, value)| found.get(pcr) == Some(value));
        if is_this_image && found.get(&4).is_some_and(|loader| *loader != self.loader) {
            return Err("register 4 is not as predicted in a start of this very image: the firmware has tried another medium \
                before this one, or has started another loader"
                .to_owned());
        }
        Ok(Sealing {
            image_sha256: self.image_sha256,
            registers: [machine(0)?, machine(2)?, self.loader, machine(7)?, self.kernel, self.medium],
        })
    }
}

/// What a key is sealed to: all registers of a start from an image on one machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealing {
    image_sha256: Sha256Digest,
    /// The values of [`SEALING_PCRS`].
    registers: [Sha256Digest; SEALING_PCRS.len()],
}

impl Sealing {
    /// The TPM's digest of the policy that only such a start meets.
    #[must_use]
    pub fn policy(&self) -> Sha256Digest {
        sealing_policy(&self.registers)
    }

    /// The registers and the policy as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json =
            json!({ "image_sha256": self.image_sha256.to_string(), "policy": self.policy().to_string() });
        for (pcr, value) in SEALING_PCRS.iter().zip(&self.registers) {
            json[format!("pcr_{pcr}")] = value.to_string().into();
        }
        json
    }
}

/// As the receiver's configuration has them.
impl fmt::Display for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# TPM registers (SHA-256) after a start from image {}", self.image_sha256)?;
        writeln!(f, "# 0, 2 and 7 as found on the machine; 4, 8 and 9 from the image")?;
        let mut numbered = SEALING_PCRS.iter().zip(&self.registers);
        numbered.try_for_each(|(pcr, value)| writeln!(f, "pcr_{pcr} = \"{value}\""))
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
    /// Registers 0, 2 and 7 as found on the machine: as tpm2_pcrread prints them, or a log of the console of a start in which the
    /// TPM gave no key
    #[arg(long, value_name = "FILE")]
    pub found: Option<std::path::PathBuf>,
    /// Writes the policy to seal the diode's key with, 32 bytes, as the programs of tpm2-tools take it
    #[arg(long, value_name = "FILE", requires = "found")]
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

    fn pcrs() -> Pcrs {
        let digest = |byte| Sha256Digest([byte; 32]);
        Pcrs { image_sha256: digest(0xee), loader: digest(4), kernel: digest(8), medium: digest(9) }
    }

    /// Each register's digest is 32 times its number.
    fn found(pcrs: &[u32]) -> Registers {
        pcrs.iter().map(|&pcr| (pcr, Sha256Digest([pcr as u8; 32]))).collect()
    }

    #[test]
    fn the_machine_tells_0_2_and_7_and_the_image_the_rest() {
        let expected = Sealing {
            image_sha256: Sha256Digest([0xee; 32]),
            registers: [0, 2, 4, 7, 8, 9].map(|pcr| Sha256Digest([pcr; 32])),
        };
        let mut of_another_image = found(&[0, 2, 7, 14]);
        of_another_image.extend([4, 8, 9].map(|pcr| (pcr, Sha256Digest([0x55; 32]))));
        for told in [found(&[0, 2, 7]), found(&[0, 2, 4, 7, 8, 9]), of_another_image] {
            assert_eq!(pcrs().on_machine(&told), Ok(expected));
        }
        for missing in [0, 2, 7] {
            let told: Vec<u32> = [0, 2, 7].into_iter().filter(|pcr| *pcr != missing).collect();
            assert_eq!(pcrs().on_machine(&found(&told)), Err(format!("register {missing} is missing")));
        }
    }

    #[test]
    fn a_machine_that_measures_more_into_4_is_told() {
        let mut told = found(&[0, 2, 7, 8, 9]);
        told.insert(4, Sha256Digest([0x44; 32]));
        assert!(pcrs().on_machine(&told).is_err_and(|why| why.starts_with("register 4 is not as predicted")));
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
