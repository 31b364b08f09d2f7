//! V007: the kernel as a program.

use super::Rule;
use crate::elf;

/// The kernel is an ELF program that loads within itself; no memory is both written and executed.
pub(super) const RULE: Rule = Rule {
    id: "V007",
    title: "the kernel is a sound program",
    check: |medium, _| medium.kernel().and_then(elf::check).into(),
};
