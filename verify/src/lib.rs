//! Judges an image with code that its builder does not share: it reads partition table, file system and kernel by itself. What it says of
//! machine code goes by the builder's names, unless it is given an independent rebuild and a proof: [`Report::kind`].
//!
//! [`judge`] is pure and total: whatever the bytes are, it ends with a verdict. Each rule has an id, a file in
//! `rules`, and a line in `docs/image.md`.
#![forbid(unsafe_code)]

mod authenticode;
mod bill;
mod bytes;
pub mod controls;
mod elf;
mod fat;
mod gpt;
mod iso;
mod medium;
#[cfg(any(test, feature = "model"))]
pub mod model;
pub mod pcrs;
mod program;
mod proof;
pub mod release;
mod report;
pub mod reproduce;
mod rules;

use std::collections::BTreeSet;

use iced_x86::Mnemonic;
use noreturn_image_format::stick::Behind;
use noreturn_image_format::{Config, Sha256Digest};
use noreturn_site::Summary;

pub use authenticode::Certificate;
pub use bill::{BILL_BYTES_MAX, Bill};
pub use proof::{PROOF_BYTES_MAX, Proof};
pub use report::{Asked, Finding, Outcome, Report};

use medium::Medium;

/// What the person who asks expects of the image.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    /// Digest of the whole image.
    pub image_sha256: Option<Sha256Digest>,
    /// The owner's public key.
    pub owner: Option<[u8; 32]>,
    /// The configuration that the site file means.
    pub config: Option<Config>,
    /// The certificate that firmware knows the loader's signature by.
    pub secure_boot: Option<Certificate>,
    /// The bill of materials that came with it.
    pub bill: Option<Bill>,
    /// An image that somebody else built from the same sources.
    pub rebuilt: Option<Vec<u8>>,
    /// What was proved of its kernel.
    pub proof: Option<Proof>,
}

/// Judges an image by every rule.
#[must_use]
pub fn judge(image: &[u8], expectations: &Expectations) -> Report {
    let medium = Medium::read(image);
    let mut findings = rules::judge_medium(&medium, expectations);
    findings.extend(rules::judge_kernel(medium.kernel()));
    let asked = Asked {
        image_sha256: expectations.image_sha256,
        owner: expectations.owner,
        site: expectations.config.is_some(),
        secure_boot: expectations.secure_boot.as_ref().map(Certificate::sha256),
        bill: expectations.bill.is_some(),
        rebuilt: expectations.rebuilt.as_deref().map(Sha256Digest::of),
        proof: expectations.proof.is_some(),
    };
    Report {
        image_bytes: image.len() as u64,
        image_sha256: medium.sha256,
        behind: Behind::default(),
        asked,
        configuration: configuration(&medium),
        findings,
    }
}

/// What the configuration on a medium means, without its key.
fn configuration(medium: &Medium<'_>) -> Result<String, String> {
    let config = Config::decode(medium.config()?).map_err(|error| error.to_string())?;
    Ok(Summary(&config).to_string())
}

/// The ways on which code that begins in the function `start` comes to an instruction that can switch interrupts on (STI, POPF, IRET), each as
/// the names of its functions.
///
/// # Errors
/// The file is no program with symbols, or has no such function.
pub fn ways_to_interrupts(kernel: &[u8], start: &str) -> Result<Vec<String>, String> {
    program::Program::read(kernel)?.ways(start, |instruction| {
        matches!(instruction.mnemonic(), Mnemonic::Sti | Mnemonic::Popfq | Mnemonic::Iretq)
    })
}

/// Judges a kernel, an ELF file, by the rules about its machine code: V020 and those after it.
#[must_use]
pub fn judge_kernel(kernel: &[u8]) -> Vec<Finding> {
    rules::judge_kernel(Ok(kernel))
}

/// How much machine code there is, and how much of it the outside half can come to (V021).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodeShare {
    /// Bytes of all functions.
    pub all_bytes: u64,
    /// Bytes of those that the outside half can come to.
    pub outside_bytes: u64,
    /// Functions.
    pub all_functions: usize,
    /// Functions that the outside half can come to.
    pub outside_functions: usize,
}

/// Measures a kernel, an ELF file.
///
/// # Errors
/// It cannot be read, or its outside half cannot be found, in words for people.
pub fn code_share(kernel: &[u8]) -> Result<CodeShare, String> {
    let program = program::Program::read(kernel)?;
    let reached = rules::reach_of_outside(&program)?;
    Ok(CodeShare {
        all_bytes: program.functions().iter().map(program::Function::bytes).sum(),
        outside_bytes: reached.functions().map(program::Function::bytes).sum(),
        all_functions: program.functions().len(),
        outside_functions: reached.functions().count(),
    })
}

/// The crates that the names of a kernel's functions tell of, as Rust writes them in paths.
///
/// # Errors
/// The kernel cannot be read, in words for people.
pub fn crates_of(kernel: &[u8]) -> Result<BTreeSet<String>, String> {
    let program = program::Program::read(kernel)?;
    let paths = program.functions().iter().flat_map(|function| program::paths(&function.name));
    Ok(paths.filter_map(|path| path.split("::").next()).map(str::to_owned).collect())
}
