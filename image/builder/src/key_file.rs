//! New key files.

use std::path::Path;

use anyhow::Context;
use noreturn_image_format::Sha256Digest;

use crate::output::{self, Readers};

/// Writes 32 random bytes of the operating system as 64 hexadecimal digits to a new file that only its owner can read.
///
/// # Errors
/// The operating system gives no random bytes, or the file exists already, or cannot be written.
pub fn create(path: &Path) -> anyhow::Result<()> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the operating system gives no random bytes")?;
    output::create(path, &format!("{}\n", Sha256Digest(key)), Readers::Owner)
}
