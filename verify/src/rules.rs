//! The rules. Each is a file; an id is never given to another rule.

mod outside;
mod v001_partition_table;
mod v002_one_partition;
mod v003_files;
mod v004_manifest;
mod v005_kernel_digest;
mod v006_config;
mod v007_kernel_program;
mod v008_image_digest;
mod v009_site;
mod v010_nothing_hidden;
mod v020_origins;
mod v021_outside_reach;
mod v022_receive_registers;
mod v023_ports;
mod v024_vectors;

use noreturn_image_format::Entry;

use crate::Expectations;
use crate::medium::Medium;
use crate::program::Program;
use crate::report::{Finding, Outcome};

/// One rule.
pub(crate) struct Rule {
    pub id: &'static str,
    /// What it demands.
    pub title: &'static str,
    pub check: fn(&Medium<'_>, &Expectations) -> Outcome,
}

/// Every rule in the order of the ids.
pub(crate) const ALL: &[Rule] = &[
    v001_partition_table::RULE,
    v002_one_partition::RULE,
    v003_files::RULE,
    v004_manifest::RULE,
    v005_kernel_digest::RULE,
    v006_config::RULE,
    v007_kernel_program::RULE,
    v008_image_digest::RULE,
    v009_site::RULE,
    v010_nothing_hidden::RULE,
];

pub(crate) use outside::reach as reach_of_outside;

/// A rule about the kernel's machine code alone.
pub(crate) struct KernelRule {
    pub id: &'static str,
    /// What it demands.
    pub title: &'static str,
    pub check: fn(&Program<'_>) -> Result<String, String>,
}

/// Every rule about the kernel's machine code in the order of the ids.
const KERNEL: &[KernelRule] = &[
    v020_origins::RULE,
    v021_outside_reach::RULE,
    v022_receive_registers::RULE,
    v023_ports::RULE,
    v024_vectors::RULE,
];

/// Judges a kernel by the rules about its machine code.
pub(crate) fn judge_kernel(kernel: Result<&[u8], String>) -> Vec<Finding> {
    let program = kernel.and_then(Program::read);
    let judged = KERNEL.iter().map(|rule| {
        let outcome = program.as_ref().map_err(Clone::clone).and_then(rule.check);
        Finding { id: rule.id, title: rule.title, outcome: outcome.into() }
    });
    judged.collect()
}

/// Compares a file with its entry in the manifest.
fn compare(contents: &[u8], expected: &Entry) -> Result<String, String> {
    let found = Entry::of(contents);
    if found.bytes != expected.bytes {
        return Err(format!("it has {} bytes, the manifest says {}", found.bytes, expected.bytes));
    }
    if found.sha256 != expected.sha256 {
        return Err(format!("its SHA-256 is {}, the manifest says {}", found.sha256, expected.sha256));
    }
    Ok(format!("{} bytes, SHA-256 {}", found.bytes, found.sha256))
}
