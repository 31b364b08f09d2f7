//! Files that are whole or not there.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readers {
    /// Only its owner: the file holds a secret.
    Owner,
    /// Whoever the process's umask allows.
    All,
}

impl Readers {
    const fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::All => 0o666,
        }
    }
}

/// Writes `text` to a new file.
///
/// # Errors
/// The file exists already, which is then left as it is, or cannot be written.
pub fn create(path: &Path, text: &str, readers: Readers) -> anyhow::Result<()> {
    let told = || format!("{}: cannot be made, and nothing is ever overwritten", path.display());
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(readers.mode()).open(path).with_context(told)?;
    file.write_all(text.as_bytes()).with_context(told)?;
    file.sync_all().with_context(told)
}

/// Writes `contents` to a temporary file beside `path`, then gives it its name.
///
/// # Errors
/// The folder or the file cannot be written; then `path` is as it was before.
pub fn write(path: &Path, contents: &[u8], readers: Readers) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let told = || format!("{}: cannot be written", path.display());
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(readers.mode()))
        .tempfile_in(folder)
        .with_context(told)?;
    file.write_all(contents).with_context(told)?;
    file.as_file().sync_all().with_context(told)?;
    file.persist(path).with_context(told)?;
    Ok(())
}
