//! V005: the kernel's digest.

use noreturn_image_format::layout::KERNEL_PATH;

use super::{Rule, compare};
use crate::medium::Medium;

/// The kernel is the file that the manifest names.
pub(super) const RULE: Rule = Rule {
    id: "V005",
    title: "the kernel is the one in the manifest",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let manifest = medium.manifest.as_ref().map_err(|_| "the manifest cannot be read")?;
    compare(medium.file(KERNEL_PATH)?, &manifest.kernel)
}
