//! V003: the file.

use std::collections::BTreeSet;

use noreturn_image_format::layout::LOADER_PATH;

use super::Rule;
use crate::medium::Medium;

/// The EFI system partition's file system is sound; the loader and its folders are there, and nothing else is.
pub(super) const RULE: Rule = Rule {
    id: "V003",
    title: "the EFI system partition holds the loader and nothing else",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let volume = medium.volume.as_ref().map_err(Clone::clone)?;
    let found: BTreeSet<&str> = volume.files.keys().chain(&volume.folders).map(String::as_str).collect();
    let expected: BTreeSet<&str> = with_folders(LOADER_PATH).collect();
    let missing: Vec<_> = expected.difference(&found).copied().collect();
    let extra: Vec<_> = found.difference(&expected).copied().collect();
    match (missing.as_slice(), extra.as_slice()) {
        ([], []) => Ok(LOADER_PATH.to_owned()),
        ([], extra) => Err(format!("there is more: {}", extra.join(", "))),
        (missing, _) => Err(format!("missing: {}", missing.join(", "))),
    }
}

/// A path, and that of every folder on the way, which ends with "/".
fn with_folders(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.match_indices('/').map(move |(slash, _)| &path[..=slash]).chain([path])
}
