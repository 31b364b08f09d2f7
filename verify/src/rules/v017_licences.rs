//! V017: the licences of what is in the image.

use spdx::{Expression, LicenseReq};

use super::{Rule, with_bill};
use crate::bill::{Bill, BilledCrate};
use crate::medium::Medium;

/// Every crate can be used under licences that ask for no more than to be named, or to hand on changes to its own files.
pub(super) const RULE: Rule = Rule {
    id: "V017",
    title: "every crate in the bill of materials has a licence that the image may be sold under",
    check: |medium, expectations| with_bill(medium, expectations, check),
};

/// SPDX identifiers. MPL-2.0 asks for the sources of its own files, which are public and unchanged.
const ALLOWED: [&str; 9] =
    ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense", "Zlib"];

fn check(_: &Medium<'_>, bill: &Bill) -> Result<String, String> {
    let objections: Vec<_> = bill.crates.iter().filter_map(objection).collect();
    match objections.first() {
        None if bill.crates.is_empty() => Err("it names no crate".to_owned()),
        None => Ok(format!("{} crates", bill.crates.len())),
        Some(first) => Err(format!("{first} ({} such crates)", objections.len())),
    }
}

fn objection(BilledCrate { name, version, licence, .. }: &BilledCrate) -> Option<String> {
    let Ok(expression) = Expression::parse(licence) else {
        return Some(format!("{name} {version}: {licence:?} is no SPDX expression"));
    };
    (!expression.evaluate(is_allowed)).then(|| format!("{name} {version}: {licence} is not on the list"))
}

fn is_allowed(required: &LicenseReq) -> bool {
    let id = required.license.id();
    required.addition.is_none() && id.is_some_and(|id| ALLOWED.contains(&id.name))
}
