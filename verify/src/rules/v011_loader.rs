//! V011: the loader.

use super::{Rule, compare};
use crate::medium::Medium;

/// What the firmware finds in the file system is what the manifest names, at the place that it names.
pub(super) const RULE: Rule = Rule {
    id: "V011",
    title: "the loader is the one in the manifest",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let (file, part) = (medium.loader()?, &medium.manifest()?.loader);
    let detail = compare(file, part)?;
    if medium.part(part)? != file {
        return Err(format!("the file system has it elsewhere than at byte {}", part.place));
    }
    Ok(detail)
}
