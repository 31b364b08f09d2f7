//! New key files.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

/// Writes 32 random bytes of the operating system as 64 hexadecimal digits to a new file that only its owner can read.
///
/// # Errors
/// The operating system gives no random bytes, or the file exists already, or cannot be written.
pub fn create(path: &Path) -> anyhow::Result<()> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the operating system gives no random bytes")?;
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(|| {
            format!("{}: no new key file, and nothing is ever overwritten", path.display())
        })?;
    writeln!(file, "{digits}")?;
    Ok(file.sync_all()?)
}
