//! V015: which programs the bill of materials is of.

use noreturn_image_format::Sha256Digest;

use super::{Rule, with_bill};
use crate::bill::Bill;
use crate::medium::Medium;

/// The bill names the digests of the kernel and of the loader on this very medium.
pub(super) const RULE: Rule = Rule {
    id: "V015",
    title: "the bill of materials is of the programs on this image",
    check: |medium, expectations| with_bill(medium, expectations, check),
};

fn check(medium: &Medium<'_>, bill: &Bill) -> Result<String, String> {
    compare(bill, "kernel", Sha256Digest::of(medium.kernel()?))?;
    compare(bill, "loader", Sha256Digest::of(&medium.loader_as_built()?))?;
    match bill.programs.len() {
        2 => Ok("kernel, and loader before it had owner and signature".to_owned()),
        count => Err(format!("it is of {count} programs, and the image has two")),
    }
}

fn compare(bill: &Bill, name: &str, found: Sha256Digest) -> Result<(), String> {
    let billed = bill.program(name)?;
    if billed == found {
        return Ok(());
    }
    Err(format!("it is of a {name} with the SHA-256 {billed}, the image holds one with {found}"))
}
