//! The edit engine: exact replacements in named files, each of which must match exactly as often as it says.

use thiserror::Error;

use crate::tree::Tree;

/// One replacement in one file.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    /// Path inside the crate, with `/`.
    pub file: &'static str,
    /// The exact text to replace.
    pub old: &'static str,
    /// What takes its place.
    pub new: &'static str,
    /// How many times `old` must occur.
    pub count: usize,
    /// Why the edit is needed.
    pub reason: &'static str,
}

/// Why the edits do not fit the source that they were given.
#[derive(PartialEq, Eq, Debug, Error)]
pub enum EditError {
    /// The crate has no such file.
    #[error("{file}: not in the crate; expected it for the edit \"{reason}\"")]
    MissingFile {
        /// Path inside the crate.
        file: &'static str,
        /// The edit's reason.
        reason: &'static str,
    },
    /// The file is not UTF-8.
    #[error("{file}: not UTF-8 text; expected text for the edit \"{reason}\"")]
    NotText {
        /// Path inside the crate.
        file: &'static str,
        /// The edit's reason.
        reason: &'static str,
    },
    /// The text to replace occurs another number of times.
    #[error(
        "{file}: expected {expected} time(s), found {found} time(s), the text {old:?}, for the edit \"{reason}\""
    )]
    Count {
        /// Path inside the crate.
        file: &'static str,
        /// The text to replace.
        old: &'static str,
        /// How often it must occur.
        expected: usize,
        /// How often it occurs.
        found: usize,
        /// The edit's reason.
        reason: &'static str,
    },
}

/// Applies `edits` in order.
///
/// # Errors
/// The first edit that does not match; the tree is then half edited and must be thrown away.
pub fn apply(tree: &mut Tree, edits: &[Edit]) -> Result<(), EditError> {
    edits.iter().try_for_each(|edit| apply_one(tree, edit))
}

fn apply_one(tree: &mut Tree, edit: &Edit) -> Result<(), EditError> {
    let Edit { file, old, new, count, reason } = *edit;
    let contents = tree.get_mut(file).ok_or(EditError::MissingFile { file, reason })?;
    let text = str::from_utf8(contents).map_err(|_| EditError::NotText { file, reason })?;
    let found = text.matches(old).count();
    if found != count {
        return Err(EditError::Count { file, old, expected: count, found, reason });
    }
    *contents = text.replace(old, new).into_bytes();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDIT: Edit =
        Edit { file: "src/a.rs", old: "#[naked]", new: "#[unsafe(naked)]", count: 2, reason: "naked" };

    fn tree(contents: &[u8]) -> Tree {
        Tree::from([
            ("src/a.rs".to_owned(), contents.to_vec()),
            ("src/b.rs".to_owned(), b"#[naked]".to_vec()),
        ])
    }

    #[test]
    fn replaces_every_match_in_the_named_file_only() {
        let mut tree = tree(b"#[naked] fn f() {} #[naked] fn g() {}");
        apply(&mut tree, &[EDIT]).unwrap();
        assert_eq!(tree["src/a.rs"], b"#[unsafe(naked)] fn f() {} #[unsafe(naked)] fn g() {}");
        assert_eq!(tree["src/b.rs"], b"#[naked]");
    }

    #[test]
    fn later_edits_see_earlier_ones() {
        let second = Edit { old: "unsafe(naked)", new: "x", ..EDIT };
        let mut tree = tree(b"#[naked]#[naked]");
        apply(&mut tree, &[EDIT, second]).unwrap();
        assert_eq!(tree["src/a.rs"], b"#[x]#[x]");
    }

    #[test]
    fn refuses_a_missing_file() {
        let edit = Edit { file: "src/c.rs", ..EDIT };
        let error = apply(&mut tree(b""), &[edit]).unwrap_err();
        assert_eq!(error, EditError::MissingFile { file: "src/c.rs", reason: "naked" });
    }

    #[test]
    fn refuses_a_file_that_is_not_text() {
        let error = apply(&mut tree(b"\xff#[naked]#[naked]"), &[EDIT]).unwrap_err();
        assert_eq!(error, EditError::NotText { file: "src/a.rs", reason: "naked" });
    }

    #[test]
    fn refuses_too_few_and_too_many_matches() {
        for (contents, found) in [("", 0), ("#[naked]", 1), ("#[naked]#[naked]#[naked]", 3)] {
            let error = apply(&mut tree(contents.as_bytes()), &[EDIT]).unwrap_err();
            assert_eq!(
                error,
                EditError::Count { file: "src/a.rs", old: "#[naked]", expected: 2, found, reason: "naked" }
            );
        }
    }

    #[test]
    fn refuses_to_edit_twice() {
        let mut tree = tree(b"#[naked]#[naked]");
        apply(&mut tree, &[EDIT]).unwrap();
        assert!(apply(&mut tree, &[EDIT]).is_err());
    }

    #[test]
    fn the_message_names_file_expectation_and_reason() {
        let message = apply(&mut tree(b"#[naked]"), &[EDIT]).unwrap_err().to_string();
        assert_eq!(
            message,
            "src/a.rs: expected 2 time(s), found 1 time(s), the text \"#[naked]\", for the edit \"naked\""
        );
    }
}
