//! Judges an image without trusting its builder: it reads partition table, file system and kernel with code of its own.
//!
//! [`judge`] is pure and total: whatever the bytes are, it ends with a verdict. Each rule has an id, a file in
//! `rules`, and a line in `docs/image.md`.
#![forbid(unsafe_code)]

mod bytes;
mod elf;
mod fat;
mod gpt;
mod medium;
#[cfg(any(test, feature = "model"))]
pub mod model;
pub mod pcrs;
mod program;
mod report;
mod rules;

use std::collections::BTreeSet;

use noreturn_image_format::layout::KERNEL_PATH;
use noreturn_image_format::{Config, Sha256Digest};

pub use report::{Finding, Outcome, Report};

use medium::Medium;

/// What the person who asks expects of the image.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    /// Digest of the whole image.
    pub image_sha256: Option<Sha256Digest>,
    /// The configuration that the site file means.
    pub config: Option<Config>,
}

/// Judges an image by every rule.
#[must_use]
pub fn judge(image: &[u8], expectations: &Expectations) -> Report {
    let medium = Medium::read(image);
    let of_medium = rules::ALL.iter().map(|rule| Finding {
        id: rule.id,
        title: rule.title,
        outcome: (rule.check)(&medium, expectations),
    });
    let findings = of_medium.chain(rules::judge_kernel(medium.file(KERNEL_PATH))).collect();
    Report { image_bytes: image.len() as u64, image_sha256: medium.sha256, findings }
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
