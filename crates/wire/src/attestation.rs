//! What a TPM says of the boot: platform configuration registers, and a quote over them, signed by the TPM's own key.

use core::fmt;

use heapless::Vec;
use serde::{Deserialize, Serialize};

/// The registers that are quoted, in the order of their numbers: all code that ran before the kernel and the kernel's own.
///
/// 0 is the firmware, 2 its option ROMs, 4 the loader, 7 the policy of Secure Boot (TCG PC Client Platform Firmware
/// Profile 1.05, section 3.3.4); 8 and 9 belong to whoever starts the operating system, here the loader.
pub const QUOTED_PCRS: [u8; 6] = [0, 2, 4, 7, 8, 9];
/// Bytes of the longest statement: one over [`QUOTED_PCRS`] in one bank, signed by a key with a SHA-256 name, takes 137.
pub const STATEMENT_BYTES_MAX: usize = 160;

/// What the box knows of its own boot by its TPM.
#[expect(clippy::large_enum_variant, reason = "no allocation here, and there is one of it")]
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Attestation {
    /// Nothing: the machine has no TPM 2.0 that its firmware tells of.
    #[default]
    None,
    /// There is a TPM, and it has not been asked, or has not answered yet.
    Pending,
    /// The TPM did not do what it was asked; it is asked again.
    Failed(TpmFault),
    /// The latest quote.
    Quoted(Quote),
}

impl Attestation {
    /// Name in lower case, as everything that tells it writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Failed(_) => "failed",
            Self::Quoted(_) => "quoted",
        }
    }
}

/// Why there is no quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TpmFault {
    /// It is behind an interface that the box does not know: the start method of the ACPI table.
    Interface(u32),
    /// Nothing answers where the firmware says that it is.
    Absent,
    /// It did not finish a command in time.
    Timeout,
    /// What it answered is no answer to what it was asked.
    Malformed,
    /// It refused: its response code (TPM 2.0 Library, part 2, section 6.6).
    Refused(u32),
}

impl fmt::Display for TpmFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(method) => write!(f, "unknown interface, start method {method}"),
            Self::Absent => f.write_str("nothing answers at its address"),
            Self::Timeout => f.write_str("it did not answer in time"),
            Self::Malformed => f.write_str("its answer makes no sense"),
            Self::Refused(code) => write!(f, "it refused with response code {code:#x}"),
        }
    }
}

/// What a TPM signs, as it gave it.
pub type Statement = Vec<u8, STATEMENT_BYTES_MAX>;

/// A quote, with everything that it takes to check it but the key's fingerprint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quote {
    /// The public key on P-256, as the TPM gave it.
    pub key: Point,
    /// The values of [`QUOTED_PCRS`] in the bank of SHA-256.
    pub pcrs: [[u8; 32]; QUOTED_PCRS.len()],
    /// What was signed: a `TPMS_ATTEST`.
    pub statement: Statement,
    /// ECDSA with SHA-256 over it: r and s.
    pub signature: Point,
}

/// Two numbers of 256 bits, big-endian: a point's coordinates, or a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Point(
    /// x, or r.
    pub [u8; 32],
    /// y, or s.
    pub [u8; 32],
);

/// Bytes of the qualifying data: boot id, then the quote's number in that boot, from 0, big-endian.
pub const QUALIFYING_BYTES: usize = 24;

/// The qualifying data of a boot's quote.
#[must_use]
pub fn qualifying_data(boot: crate::BootId, number: u64) -> [u8; QUALIFYING_BYTES] {
    let mut data = [0; QUALIFYING_BYTES];
    data[..16].copy_from_slice(&boot.0);
    data[16..].copy_from_slice(&number.to_be_bytes());
    data
}
