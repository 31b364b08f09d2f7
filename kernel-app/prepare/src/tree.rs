//! A source tree in memory, and its exact copy in a folder.

use std::collections::BTreeMap;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Path inside the crate (with `/`) to contents.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// What [`synchronize`] had to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Files that were missing or different.
    pub written: usize,
    /// Files and folders that do not belong there.
    pub removed: usize,
}

/// Makes `folder` hold exactly `tree`. What is right already is not touched, so that cargo sees no change.
///
/// # Errors
/// What the file system refused, and where.
pub fn synchronize(tree: &Tree, folder: &Path) -> Result<Changes> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let removed = remove_strangers(tree, folder, "")?;
    let mut written = 0;
    for (name, contents) in tree {
        written += usize::from(write_if_different(&folder.join(name), contents)?);
    }
    Ok(Changes { written, removed })
}

fn write_if_different(path: &Path, contents: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|found| found == contents) {
        return Ok(false);
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Removes what `tree` does not name below `folder`, which lies at `prefix` inside the tree.
fn remove_strangers(tree: &Tree, folder: &Path, prefix: &str) -> Result<usize> {
    let mut removed = 0;
    for (path, kind) in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let inside = format!("{prefix}{name}");
        if kind.is_dir() && holds_folder(tree, &inside) {
            removed += remove_strangers(tree, &path, &format!("{inside}/"))?;
        } else if !(kind.is_file() && tree.contains_key(&inside)) {
            remove(&path, kind)?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn holds_folder(tree: &Tree, folder: &str) -> bool {
    let prefix = format!("{folder}/");
    tree.range(prefix.clone()..).next().is_some_and(|(name, _)| name.starts_with(&prefix))
}

/// The entries of `folder` and what each is; a symbolic link is neither file nor folder, wherever it leads.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, FileType)>> {
    let list = || -> io::Result<Vec<(PathBuf, FileType)>> {
        fs::read_dir(folder)?.map(|entry| entry.and_then(|e| Ok((e.path(), e.file_type()?)))).collect()
    };
    list().with_context(|| format!("cannot list {}", folder.display()))
}

fn remove(path: &Path, kind: FileType) -> Result<()> {
    let done = if kind.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    done.with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Tree {
        Tree::from([
            ("Cargo.toml".to_owned(), b"[package]".to_vec()),
            ("src/lib.rs".to_owned(), b"//! x".to_vec()),
        ])
    }

    #[test]
    fn writes_everything_once_and_then_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("deep/output");
        assert_eq!(synchronize(&example(), &output).unwrap(), Changes { written: 2, removed: 0 });
        assert_eq!(fs::read(output.join("src/lib.rs")).unwrap(), b"//! x");
        assert_eq!(synchronize(&example(), &output).unwrap(), Changes::default());
    }

    #[test]
    fn puts_back_what_was_changed_and_removes_what_was_added() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path();
        synchronize(&example(), output).unwrap();
        fs::write(output.join("src/lib.rs"), "tampered").unwrap();
        fs::write(output.join("src/extra.rs"), "added").unwrap();
        fs::create_dir_all(output.join("other/deep")).unwrap();
        assert_eq!(synchronize(&example(), output).unwrap(), Changes { written: 1, removed: 2 });
        assert_eq!(fs::read(output.join("src/lib.rs")).unwrap(), b"//! x");
        assert!(!output.join("src/extra.rs").exists() && !output.join("other").exists());
    }

    #[test]
    fn a_link_is_replaced_by_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, output) = (folder.path().join("elsewhere"), folder.path().join("output"));
        synchronize(&example(), &output).unwrap();
        fs::rename(output.join("Cargo.toml"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, output.join("Cargo.toml")).unwrap();
        assert_eq!(synchronize(&example(), &output).unwrap(), Changes { written: 1, removed: 1 });
        assert!(output.join("Cargo.toml").symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn a_folder_where_a_file_belongs_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("Cargo.toml/x")).unwrap();
        assert_eq!(synchronize(&example(), folder.path()).unwrap(), Changes { written: 2, removed: 1 });
        assert_eq!(fs::read(folder.path().join("Cargo.toml")).unwrap(), b"[package]");
    }
}
