//! V005: the kernel's digest.

use super::{Rule, compare};
use crate::medium::Medium;

/// The kernel is what the manifest names.
pub(super) const RULE: Rule = Rule {
    id: "V005",
    title: "the kernel is the one in the manifest",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    compare(medium.kernel()?, &medium.manifest()?.kernel)
}
