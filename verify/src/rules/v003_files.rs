//! V003: the files.

use std::collections::BTreeSet;

use noreturn_image_format::layout::{CONFIG_PATH, KERNEL_PATH, LOADER_PATH, MANIFEST_PATH};

use super::Rule;
use crate::medium::Medium;

const PATHS: [&str; 4] = [LOADER_PATH, KERNEL_PATH, CONFIG_PATH, MANIFEST_PATH];

/// The file system is sound; the four files and their folders are there, and nothing else is.
pub(super) const RULE: Rule = Rule {
    id: "V003",
    title: "the four files are there and nothing else",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let volume = medium.volume.as_ref().map_err(Clone::clone)?;
    let found: BTreeSet<&str> = volume.files.keys().chain(&volume.folders).map(String::as_str).collect();
    let expected: BTreeSet<&str> = PATHS.into_iter().flat_map(with_folders).collect();
    let missing: Vec<_> = expected.difference(&found).copied().collect();
    let extra: Vec<_> = found.difference(&expected).copied().collect();
    match (missing.as_slice(), extra.as_slice()) {
        ([], []) => Ok(PATHS.join(", ")),
        ([], extra) => Err(format!("there is more: {}", extra.join(", "))),
        (missing, _) => Err(format!("missing: {}", missing.join(", "))),
    }
}

/// A path, and that of every folder on the way, which ends with "/".
fn with_folders(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.match_indices('/').map(move |(slash, _)| &path[..=slash]).chain([path])
}
