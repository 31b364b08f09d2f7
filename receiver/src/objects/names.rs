//! Names that cannot reach out of their place, whoever made them up.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;

use crate::disk::regular::{Links, Opening};

const LOCK: &str = ".lock";
/// Bytes of a safe name at most; file systems allow 255, and something may be appended.
const NAME_BYTES_MAX: usize = 200;

/// A name for the file system: letters and digits of any script, and a few signs; everything else becomes `_`, a
/// leading sign too, so that nothing is hidden, a path, or an option. Never empty, at most 200 bytes.
pub(super) fn safe_name(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .enumerate()
        .map(|(at, c)| if is_safe(c) && (at > 0 || c.is_alphanumeric()) { c } else { '_' })
        .collect();
    safe.truncate(safe.floor_char_boundary(NAME_BYTES_MAX));
    if safe.is_empty() { "_".to_owned() } else { safe }
}

fn is_safe(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ',' | '+' | '=' | '@' | '(' | ')')
}

/// Renames without ever replacing anything; whether the new name was free.
///
/// # Errors
/// It cannot be renamed for another reason.
pub(super) fn rename_to_free(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes what was renamed in `folder` last.
pub(super) fn synchronise_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a directory that no other receiver writes to as long as the file lives.
///
/// # Errors
/// It cannot be made, or another uses it. `table` is the configuration's table that names it.
pub(super) fn lock_directory(table: &str, directory: &Path) -> anyhow::Result<File> {
    let name = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("{table}.directory: cannot make \"{name}\""))?;
    let lock = Opening { mode: 0o666, links: Links::Refused }.append_to(&directory.join(LOCK));
    let lock = lock.with_context(|| format!("{table}.directory: cannot open \"{name}/{LOCK}\""))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("{table}.directory: \"{name}\" is in use by another receiver: stop it, or give each its own");
    }
    Ok(lock)
}

/// The folder of a diode, made if need be.
pub(super) fn diode_folder(directory: &Path, diode: &str) -> io::Result<PathBuf> {
    let folder = directory.join(safe_name(diode));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
