//! What a quote states (`TPMS_ATTEST`), read by whoever checks it.
//!
//! Source: TPM 2.0 Library Specification 1.59, part 2, section 10.12.8.

use noreturn_wire::BootId;

use crate::bytes::Reader;
use crate::command::{NAME_SHA256, SELECTION};

/// "\xffTCG": what no data from outside can start with that a restricted key would sign.
const GENERATED: [u8; 4] = *b"\xffTCG";
const QUOTE: [u8; 2] = [0x80, 0x18];

/// What a TPM states with its signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    /// Qualified name of the key that signs, a SHA-256.
    pub signer: [u8; 32],
    /// The boot that asked.
    pub boot: BootId,
    /// Number of the quote in that boot.
    pub number: u64,
    /// Milliseconds that the TPM has ever run, as it counts them.
    pub clock_ms: u64,
    /// Resets of the TPM in its life.
    pub resets: u32,
    /// Resumes since the last reset.
    pub restarts: u32,
    /// Whether the clock is sure not to have gone back since it was last saved.
    pub clock_safe: bool,
    /// Version of the TPM's firmware.
    pub firmware: u64,
    /// SHA-256 over the values of the registers, in the order of their numbers.
    pub registers_sha256: [u8; 32],
}

impl Statement {
    /// Reads a quote over [`noreturn_wire::attestation::QUOTED_PCRS`]; `None` if the bytes are anything else.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        reader.expect(&GENERATED)?;
        reader.expect(&QUOTE)?;
        let mut name = Reader(reader.sized()?);
        name.expect(&NAME_SHA256)?;
        let signer = name.array()?;
        name.end()?;
        let mut qualifying = Reader(reader.sized()?);
        let (boot, number) = (BootId(qualifying.array()?), qualifying.number64()?);
        qualifying.end()?;
        let (clock_ms, resets, restarts) = (reader.number64()?, reader.number32()?, reader.number32()?);
        let clock_safe = match reader.array()? {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        let firmware = reader.number64()?;
        reader.expect(&SELECTION)?;
        let registers_sha256 = reader.sized32()?;
        reader.end()?;
        Some(Self {
            signer,
            boot,
            number,
            clock_ms,
            resets,
            restarts,
            clock_safe,
            firmware,
            registers_sha256,
        })
    }
}
