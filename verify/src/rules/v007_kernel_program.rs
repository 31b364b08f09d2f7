//! V007: the kernel as a program.

use super::Rule;
use crate::elf::Loaded;

/// The kernel is an ELF program that loads within itself; no memory is both written and executed, and the loader changes no code.
pub(super) const RULE: Rule = Rule {
    id: "V007",
    title: "the kernel is a sound program",
    check: |medium, _| medium.kernel().and_then(Loaded::read).map(|loaded| loaded.to_string()).into(),
};
