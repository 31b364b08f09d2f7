//! V004: the manifest.

use noreturn_image_format::manifest::medium_digest;

use super::Rule;
use crate::medium::Medium;

/// The manifest is well formed, and names the length and the digest of this image.
pub(super) const RULE: Rule = Rule {
    id: "V004",
    title: "the manifest is whole and is of this image",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let manifest = medium.manifest.as_ref().map_err(Clone::clone)?.manifest;
    let found = medium.image.len() as u64;
    if manifest.image_bytes != found {
        return Err(format!("the image has {found} bytes, the manifest says {}", manifest.image_bytes));
    }
    let digest = medium_digest(medium.image).ok_or("the image ends before its manifest does")?;
    if digest != manifest.medium {
        return Err(format!("without it the image has the SHA-256 {digest}, it says {}", manifest.medium));
    }
    Ok(format!("{found} bytes"))
}
