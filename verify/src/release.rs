//! Judges a folder such as `dist/`: whether it holds what the owner signed, and whether what is said about it is said about it.
//!
//! [`judge`] is pure and total: whatever the files hold, it ends with a verdict.

mod checks;
mod folder;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use crate::report::Outcome;
use crate::report::visible::Visible;

/// The list of digests.
pub const LIST: &str = "SHA256SUMS";
/// The owner's signature of the list.
pub const SIGNATURE: &str = "SHA256SUMS.sig";
/// What it was built from, with what.
pub const PROVENANCE: &str = "provenance.json";
/// What kernel and loader are linked with.
pub const BILL: &str = "sbom.cdx.json";
/// The image.
pub const IMAGE: &str = "diode.img";

pub use folder::Arguments;

/// The files of a folder, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What was found of a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release(Vec<(&'static str, Outcome)>);

/// Judges the files by the owner's public key.
#[must_use]
pub fn judge(files: &Files, owner: &[u8; 32]) -> Release {
    Release(vec![
        ("the files are those of SHA256SUMS", checks::digests(files).into()),
        ("the owner has signed SHA256SUMS", checks::signature(files, owner).into()),
        ("the provenance is of these files", checks::provenance(files).into()),
        ("the image is this owner's", checks::image(files, owner).into()),
        ("the bill is of this image's kernel and loader", checks::bill(files).into()),
    ])
}

impl Release {
    /// Whether everything holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.0.iter().all(|(_, outcome)| matches!(outcome, Outcome::Pass(_)))
    }

    fn verdict(&self) -> &'static str {
        if self.passed() { "pass" } else { "fail" }
    }

    /// The findings as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let check = |(title, outcome): &(&str, Outcome)| json!({ "title": title, "outcome": outcome.name(), "detail": outcome.detail() });
        json!({ "verdict": self.verdict(), "checks": self.0.iter().map(check).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, outcome) in &self.0 {
            writeln!(f, "{:4} {title}: {}", outcome.name(), Visible(outcome.detail()))?;
        }
        writeln!(f, "verdict {}", self.verdict())
    }
}
