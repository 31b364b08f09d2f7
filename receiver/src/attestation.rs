//! The check of a boot's attestation: is the quote signed by the enrolled TPM, of this boot, fresh, and over the registers
//! that were expected? No socket, no clock.

#[cfg(test)]
mod tests;

use std::fmt;

use noreturn_tpm::{Statement, public_area, qualified_name};
use noreturn_wire::attestation::{Point, QUOTED_PCRS};
use noreturn_wire::{Attestation, Beacon, BootId, Quote, TpmFault};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// How long a quote counts as fresh: boxes make one a minute.
pub const QUOTE_AGE_US_MAX: u64 = 180_000_000;
/// How long a boot may take to its first quote, from its first beacon on.
pub const FIRST_QUOTE_US_MAX: u64 = 120_000_000;

/// What the configuration expects of a diode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// SHA-256 of the key's public area.
    pub key: [u8; 32],
    /// Values of [`QUOTED_PCRS`]; `None` is not compared.
    pub registers: [Option<[u8; 32]>; QUOTED_PCRS.len()],
}

/// How the attestation of a boot compares with what was expected.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Check {
    /// Nothing has been told yet.
    #[default]
    Unknown,
    /// The configuration expects nothing.
    Unchecked,
    /// As expected.
    Match,
    /// Not as expected.
    Mismatch(Fault),
}

impl Check {
    /// The word used in every output.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Unchecked => "unchecked",
            Self::Match => "match",
            Self::Mismatch(_) => "mismatch",
        }
    }

    /// What is wrong, if something is.
    #[must_use]
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Mismatch(fault) => Some(fault),
            _ => None,
        }
    }
}

/// What is wrong with an attestation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The box says that it has no TPM.
    Missing,
    /// The box says that its TPM does not do what it is asked.
    Failed(TpmFault),
    /// There is none yet, and there should be, or there is no newer one.
    Late,
    /// Another key than the enrolled one.
    Key,
    /// The signature, or what it is over, is not what that key could have made.
    Forged,
    /// It was made for another boot.
    OtherBoot,
    /// It is older than one that was seen, or the TPM had been reset less often than it has been.
    Old,
    /// These registers have other values than expected.
    Registers(Vec<u8>),
}

impl Fault {
    /// The word used in every output.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Failed(_) => "failed",
            Self::Late => "late",
            Self::Key => "key",
            Self::Forged => "forged",
            Self::OtherBoot => "other-boot",
            Self::Old => "old",
            Self::Registers(_) => "registers",
        }
    }

    /// Whether a later quote of the same boot can put it right: what is only absent may come, what was false stays so.
    const fn may_pass(&self) -> bool {
        matches!(self, Self::Missing | Self::Failed(_) | Self::Late)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it says that it has no TPM"),
            Self::Failed(fault) => write!(f, "its TPM attests nothing: {fault}"),
            Self::Late => f.write_str("no new quote has come in time"),
            Self::Key => f.write_str("the quote is signed by another key than the enrolled one"),
            Self::Forged => f.write_str("the quote is not one that the key has made"),
            Self::OtherBoot => f.write_str("the quote was made for another boot"),
            Self::Old => f.write_str("the quote is older than what was seen before"),
            Self::Registers(registers) => {
                write!(f, "registers {registers:?} have other values than expected")
            }
        }
    }
}

/// What is told of an attestation when something about it is new.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What came out.
    pub check: Check,
    /// Fingerprint of the key that came with the quote.
    pub key: Option<[u8; 32]>,
    /// Values of [`QUOTED_PCRS`] that came with the quote.
    pub registers: Option<[[u8; 32]; QUOTED_PCRS.len()]>,
}

/// What is remembered of a diode's TPM over its boots.
#[derive(Clone, Copy, Default, Debug)]
pub struct Memory {
    /// Resets at the newest quote that was accepted, and its boot.
    newest: Option<(u32, BootId)>,
}

impl Memory {
    /// Every boot comes with a reset of the TPM, which counts them; no boot comes with two.
    fn accepts(&self, resets: u32, boot: BootId) -> bool {
        self.newest.is_none_or(|(newest, of)| if boot == of { resets == newest } else { resets > newest })
    }
}

/// The check of one boot.
#[derive(Debug)]
pub struct Checker {
    boot: BootId,
    /// The latest quote, and what it states, once it was accepted.
    newest: Option<(Quote, Option<Statement>)>,
    /// Time on the box at the newest beacon.
    uptime_us: u64,
    /// Until when the next quote should have come.
    due_us: Option<u64>,
    finding: Finding,
}

impl Checker {
    /// The check of a boot of which nothing is known.
    #[must_use]
    pub fn new(boot: BootId) -> Self {
        Self { boot, newest: None, uptime_us: 0, due_us: None, finding: Finding::default() }
    }

    /// What came out last.
    #[must_use]
    pub const fn finding(&self) -> &Finding {
        &self.finding
    }

    /// Takes what a beacon says; the finding, if it is new. A beacon that was overtaken by a later one is ignored.
    pub fn take(
        &mut self,
        expected: Option<&Expected>,
        beacon: &Beacon,
        now_us: u64,
        memory: &mut Memory,
    ) -> Option<Finding> {
        if beacon.uptime_us < self.uptime_us {
            return None;
        }
        self.uptime_us = beacon.uptime_us;
        let due_us = *self.due_us.get_or_insert(now_us.saturating_add(FIRST_QUOTE_US_MAX));
        let mut finding = Finding { check: Check::Unchecked, ..self.finding.clone() };
        match (&beacon.attestation, expected) {
            (Attestation::Quoted(quote), _) => {
                if self.newest.as_ref().is_some_and(|(newest, _)| newest == quote) {
                    return self.handle_timeout(expected, now_us);
                }
                finding.key = Some(fingerprint(&quote.key));
                finding.registers = Some(quote.pcrs);
                if let Some(expected) = expected {
                    let judged = self.judge(expected, quote, memory);
                    finding.check = judged.as_ref().err().cloned().map_or(Check::Match, Check::Mismatch);
                    self.newest = Some((quote.clone(), judged.ok().or(self.statement())));
                }
                self.due_us = Some(now_us.saturating_add(QUOTE_AGE_US_MAX));
            }
            (_, None) => {}
            (Attestation::None, _) => finding.check = Check::Mismatch(Fault::Missing),
            (Attestation::Failed(fault), _) => finding.check = Check::Mismatch(Fault::Failed(*fault)),
            (Attestation::Pending, _) if now_us < due_us => finding.check = Check::Unknown,
            (Attestation::Pending, _) => finding.check = Check::Mismatch(Fault::Late),
        }
        self.tell(finding)
    }

    /// Lets time pass; the finding, if it is new because no newer quote has come.
    pub fn handle_timeout(&mut self, expected: Option<&Expected>, now_us: u64) -> Option<Finding> {
        let late = expected.is_some() && self.due_us.is_some_and(|due_us| now_us >= due_us);
        let waits = matches!(self.finding.check, Check::Match | Check::Unknown);
        if !late || !waits {
            return None;
        }
        self.tell(Finding { check: Check::Mismatch(Fault::Late), ..self.finding.clone() })
    }

    fn tell(&mut self, finding: Finding) -> Option<Finding> {
        let is_stuck = self.finding.check.fault().is_some_and(|fault| !fault.may_pass());
        if is_stuck || finding == self.finding {
            return None;
        }
        self.finding = finding;
        // Nobody asked, and there is nothing to enrol.
        let is_nothing = self.finding.check == Check::Unchecked && self.finding.key.is_none();
        (!is_nothing).then(|| self.finding.clone())
    }

    fn statement(&self) -> Option<Statement> {
        self.newest.as_ref().and_then(|(_, statement)| *statement)
    }

    fn judge(&self, expected: &Expected, quote: &Quote, memory: &mut Memory) -> Result<Statement, Fault> {
        if fingerprint(&quote.key) != expected.key {
            return Err(Fault::Key);
        }
        let statement = authentic(quote).ok_or(Fault::Forged)?;
        if statement.boot != self.boot {
            return Err(Fault::OtherBoot);
        }
        let is_newer = self
            .statement()
            .is_none_or(|before| statement.number > before.number && statement.clock_ms >= before.clock_ms);
        if !is_newer || !memory.accepts(statement.resets, self.boot) {
            return Err(Fault::Old);
        }
        memory.newest = Some((statement.resets, self.boot));
        let registers = QUOTED_PCRS.iter().zip(&expected.registers).zip(&quote.pcrs);
        let wrong: Vec<u8> = registers
            .filter(|((_, expected), found)| expected.is_some_and(|expected| expected != **found))
            .map(|((number, _), _)| *number)
            .collect();
        if wrong.is_empty() { Ok(statement) } else { Err(Fault::Registers(wrong)) }
    }
}

/// What the quote states, if its key has signed it and its registers are the ones that it is over.
fn authentic(quote: &Quote) -> Option<Statement> {
    let point = [&[4][..], &quote.key.0, &quote.key.1].concat();
    let signature = [quote.signature.0, quote.signature.1].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(&quote.statement, &signature).ok()?;
    let statement = Statement::parse(&quote.statement)?;
    let registers: [u8; 32] = Sha256::digest(quote.pcrs.as_flattened()).into();
    let signer: [u8; 32] = Sha256::digest(qualified_name(&fingerprint(&quote.key))).into();
    (statement.registers_sha256 == registers && statement.signer == signer).then_some(statement)
}

/// SHA-256 of the key's public area: the TPM's own name for it.
#[must_use]
pub fn fingerprint(key: &Point) -> [u8; 32] {
    Sha256::digest(public_area(key)).into()
}
