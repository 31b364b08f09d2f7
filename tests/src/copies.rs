//! Copies of the sources, for builds elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::repository;

/// Runs a command, and returns what it printed.
///
/// # Errors
/// If it fails, with what it said.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{error}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Copies the sources, and nothing that was built, to a new repository in `target`.
///
/// # Errors
/// If they cannot be copied.
pub fn copy_sources(target: &Path) -> Result<()> {
    let root = repository::root();
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let files = run(Command::new("git").args(list).current_dir(&root))?;
    for file in files.split('\0').filter(|file| !file.is_empty() && root.join(file).exists()) {
        let to = target.join(file);
        fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        fs::copy(root.join(file), &to).with_context(|| format!("copying {file}"))?;
    }
    add_to_repository(target)
}

/// Makes git know every file in `folder`.
///
/// # Errors
/// If git fails.
pub fn add_to_repository(folder: &Path) -> Result<()> {
    run(Command::new("git").args(["init", "--quiet"]).current_dir(folder))?;
    run(Command::new("git").args(["add", "--all"]).current_dir(folder))?;
    Ok(())
}
