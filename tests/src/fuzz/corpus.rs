//! The committed corpus, `tests/fuzz/corpus/TARGET`: seeds, and what fuzzing added.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::seeds;
use crate::repository;

/// Files of generated seeds start with this.
const SEED_PREFIX: &str = "seed-";

/// Folder of a target's corpus.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    repository::root().join("tests/fuzz/corpus").join(target)
}

/// Every input of a target, by file name.
///
/// # Errors
/// If the folder or a file cannot be read.
pub fn read(target: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = folder(target);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut inputs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        inputs.push((name, fs::read(&path).with_context(|| format!("reading {}", path.display()))?));
    }
    inputs.sort();
    Ok(inputs)
}

/// The seeds of a target as they are committed: file name and contents, in order.
#[must_use]
pub fn seed_files(target: &str) -> Vec<(String, Vec<u8>)> {
    let seeds = seeds::of(target).into_iter();
    let mut files: Vec<_> = seeds.map(|(name, input)| (format!("{SEED_PREFIX}{name}"), input)).collect();
    files.sort();
    files
}

/// Whether a file holds a generated seed.
#[must_use]
pub fn is_seed(file_name: &str) -> bool {
    file_name.starts_with(SEED_PREFIX)
}

/// Replaces the seeds of a target by new ones, and leaves what fuzzing added.
///
/// # Errors
/// If the folder cannot be written.
pub fn write_seeds(target: &str) -> Result<()> {
    let folder = folder(target);
    fs::create_dir_all(&folder)?;
    for (name, _) in read(target)?.into_iter().filter(|(name, _)| is_seed(name)) {
        fs::remove_file(folder.join(name))?;
    }
    seed_files(target).into_iter().try_for_each(|(name, input)| write(&folder.join(name), &input))
}

fn write(path: &Path, contents: &[u8]) -> Result<()> {
    fs::write(path, contents).with_context(|| format!("writing {}", path.display()))
}
