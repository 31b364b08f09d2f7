//! V007: the kernel as a program.

use noreturn_image_format::layout::KERNEL_PATH;

use super::Rule;
use crate::elf;

/// The kernel is an ELF program that loads within itself; no memory is both written and executed.
pub(super) const RULE: Rule = Rule {
    id: "V007",
    title: "the kernel is a sound program",
    check: |medium, _| medium.file(KERNEL_PATH).and_then(elf::check).into(),
};
