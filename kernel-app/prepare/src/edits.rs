//! The crates that are edited, and the edits as data: all that separates what is built from what was published.

mod hermit;
mod smoltcp;

use crate::archive::Crate;
use crate::edit::Edit;

/// A crate and what is changed in it.
#[derive(Clone, Copy, Debug)]
pub struct Edited {
    /// The crate as it was published.
    pub original: Crate,
    /// In the order of application.
    pub edits: &'static [Edit],
}

/// Every edited crate. `source/Cargo.toml` names the same versions, and `scripts/lib/rustc-wrapper` the same crates.
pub const CRATES: [Edited; 2] = [
    Edited { original: Crate { name: "hermit-kernel", version: "0.11.0" }, edits: hermit::EDITS },
    Edited { original: Crate { name: "smoltcp", version: "0.14.0" }, edits: smoltcp::EDITS },
];

#[cfg(test)]
mod tests {
    use super::CRATES;

    #[test]
    fn every_edit_changes_something_and_says_why() {
        for edit in CRATES.iter().flat_map(|edited| edited.edits) {
            assert_ne!(edit.old, edit.new, "{}", edit.file);
            assert!(!edit.old.is_empty() && !edit.reason.is_empty() && edit.count > 0, "{}", edit.file);
        }
    }

    #[test]
    fn the_list_that_is_locked_names_exactly_these_versions() {
        let manifest: toml::Table = include_str!("../source/Cargo.toml").parse().unwrap();
        let listed = manifest["dependencies"].as_table().unwrap();
        assert_eq!(listed.len(), CRATES.len());
        for edited in CRATES {
            let version = listed[edited.original.name]["version"].as_str().unwrap();
            assert_eq!(version, format!("={}", edited.original.version));
            let checksum = edited.original.checksum(include_str!("../source/Cargo.lock")).unwrap();
            assert_eq!(checksum.len(), 64);
        }
    }

    /// Warnings about somebody else's code are silenced for these crates.
    #[test]
    fn the_wrapper_of_the_compiler_names_every_crate() {
        let wrapper = include_str!("../../../scripts/lib/rustc-wrapper");
        let names = CRATES.map(|edited| edited.original.name).join("|");
        assert!(wrapper.contains(&format!("    {names}) ")), "{names}");
    }
}
