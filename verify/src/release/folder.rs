//! Reads the folder that is to be judged.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::Files;

/// No release has so many files.
const FILES_MAX: usize = 64;
/// No release has so many bytes.
const BYTES_MAX: u64 = 1 << 30;

/// What `diode-verify dist` is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder
    pub folder: PathBuf,
    /// The owner's public key, a file that `diode-image new-owner` wrote
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    /// Reads every file of the folder.
    ///
    /// # Errors
    /// What cannot be read, or is more than a release holds.
    pub fn read(&self) -> anyhow::Result<Files> {
        let told = || format!("{}: cannot be read", self.folder.display());
        let mut files = Files::new();
        let mut bytes_left = BYTES_MAX;
        for entry in fs::read_dir(&self.folder).with_context(told)? {
            let entry = entry.with_context(told)?;
            let contents = read(&entry.path(), bytes_left)?;
            bytes_left -= contents.len() as u64;
            files.insert(entry.file_name().to_string_lossy().into_owned(), contents);
            ensure!(files.len() <= FILES_MAX, "{}: holds more than {FILES_MAX} files", self.folder.display());
        }
        Ok(files)
    }
}

fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let told = || format!("{}: cannot be read", path.display());
    // A pipe would be waited for.
    ensure!(fs::metadata(path).with_context(told)?.is_file(), "{}: is no file", path.display());
    let mut contents = Vec::new();
    let file = File::open(path).with_context(told)?;
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut contents).with_context(told)?;
    ensure!(
        contents.len() as u64 <= bytes_max,
        "{}: a release has less than {BYTES_MAX} bytes",
        path.display()
    );
    Ok(contents)
}
