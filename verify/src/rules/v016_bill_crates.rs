//! V016: which crates the bill of materials names.

use std::collections::BTreeSet;

use super::{Rule, with_bill};
use crate::bill::Bill;
use crate::crates_of;
use crate::medium::Medium;

/// Every crate that left a function in the kernel is billed.
///
/// The symbols say it for the kernel; the loader has none, and V015 holds it to the bill by its digest alone.
pub(super) const RULE: Rule = Rule {
    id: "V016",
    title: "the bill of materials names every crate with code in the kernel",
    check: |medium, expectations| with_bill(medium, expectations, check),
};

/// What the compiler itself makes, such as the way to the allocator.
const COMPILER: &str = "__rustc";
/// Hermit's package is called otherwise than its crate.
const PACKAGES: [(&str, &str); 1] = [("hermit", "hermit_kernel")];

fn check(medium: &Medium<'_>, bill: &Bill) -> Result<String, String> {
    let in_kernel =
        bill.crates.iter().filter(|billed| billed.programs.iter().any(|program| program == "kernel"));
    let billed: BTreeSet<_> = in_kernel.map(|billed| billed.name.replace('-', "_")).collect();
    let found = crates_of(medium.kernel()?)?;
    let found: Vec<_> = found.iter().filter(|name| *name != COMPILER).map(|name| package(name)).collect();
    if let Some(missing) = found.iter().find(|name| !billed.contains(**name)) {
        return Err(format!("{missing} has code in the kernel, and is not billed for it"));
    }
    Ok(format!("{} crates with code, {} billed", found.len(), billed.len()))
}

fn package(name: &str) -> &str {
    PACKAGES.iter().find(|(of_crate, _)| *of_crate == name).map_or(name, |(_, of_package)| of_package)
}
