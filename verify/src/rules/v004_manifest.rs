//! V004: the manifest.

use super::Rule;
use crate::medium::Medium;

/// The manifest is well formed, matches its own digest, and names the length of this image.
pub(super) const RULE: Rule = Rule {
    id: "V004",
    title: "the manifest is whole and is of an image of this length",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let manifest = medium.manifest.as_ref().map_err(Clone::clone)?;
    let found = medium.image.len() as u64;
    if manifest.image_bytes != found {
        return Err(format!("the image has {found} bytes, the manifest says {}", manifest.image_bytes));
    }
    Ok(format!("{found} bytes"))
}
