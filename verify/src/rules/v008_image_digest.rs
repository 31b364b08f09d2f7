//! V008: the digest of the whole image.

use super::Rule;
use crate::Expectations;
use crate::medium::Medium;
use crate::report::Outcome;

/// The image has the digest that the person who asks expects.
pub(super) const RULE: Rule = Rule { id: "V008", title: "the image has the expected SHA-256", check };

fn check(medium: &Medium<'_>, expectations: &Expectations) -> Outcome {
    let found = medium.sha256;
    match expectations.image_sha256 {
        None => Outcome::Skipped("no --sha256 was given".to_owned()),
        Some(expected) if expected == found => Outcome::Pass(found.to_string()),
        Some(expected) => Outcome::Fail(format!("expected {expected}, found {found}")),
    }
}
