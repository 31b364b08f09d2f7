//! `prepare-crates`: makes the folders `target/NAME` with the edited crates that everything is built with.
//!
//! It takes each crate exactly as cargo fetched it, checks the archive against the SHA-256 in `source/Cargo.lock`, applies
//! the edits in [`edits`], and writes the result. Nothing is left to chance: an edit that does not match exactly is an
//! error, and a folder that differs in any byte is put right.
#![forbid(unsafe_code)]

mod archive;
mod edit;
mod edits;
mod tree;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use archive::Crate;
use edits::{CRATES, Edited};
use tree::Tree;

fn main() -> Result<()> {
    // Set by `cargo run`: where this package lies now, not where it was compiled.
    let package = env::var_os("CARGO_MANIFEST_DIR").context("start it with cargo run")?;
    let package = Path::new(&package);
    CRATES
        .iter()
        .try_for_each(|edited| prepare(edited, &package.join("source"), &package.join("../../target")))
}

/// Writes the edited crate into the folder of its name in `target`.
fn prepare(edited: &Edited, source: &Path, target: &Path) -> Result<()> {
    let Crate { name, version } = edited.original;
    let mut tree = unpacked(edited.original, source)?;
    edit::apply(&mut tree, edited.edits).with_context(|| format!("the edits do not fit {name} {version}"))?;
    let output = target.join(name);
    let changes = tree::synchronize(&tree, &output)?;
    eprintln!(
        "{name} {version}: {} edits, {} files, {} written, {} removed, in target/{name}",
        edited.edits.len(),
        tree.len(),
        changes.written,
        changes.removed,
    );
    Ok(())
}

fn unpacked(original: Crate, source: &Path) -> Result<Tree> {
    let lock_path = source.join("Cargo.lock");
    let lock =
        fs::read_to_string(&lock_path).with_context(|| format!("cannot read {}", lock_path.display()))?;
    let checksum = original.checksum(&lock).with_context(|| lock_path.display().to_string())?;
    let archive = fetched_archive(original, source)?;
    let bytes = fs::read(&archive).with_context(|| format!("cannot read {}", archive.display()))?;
    original.unpack(&bytes, &checksum).with_context(|| {
        format!(
            "{} is not the archive that {} names; delete it to fetch it again",
            archive.display(),
            lock_path.display()
        )
    })
}

/// The archive among what cargo fetched; cargo is asked to fetch it only if it is missing.
fn fetched_archive(original: Crate, source: &Path) -> Result<PathBuf> {
    let home = cargo_home()?;
    if original.fetched(&home).is_empty() {
        fetch(source)?;
    }
    original.fetched(&home).pop().with_context(|| {
        format!(
            "cargo fetched {}, but no archive is in {}/registry/cache (vendored sources?)",
            original.name,
            home.display()
        )
    })
}

fn fetch(source: &Path) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args(["fetch", "--quiet", "--locked", "--target", "x86_64-unknown-none", "--manifest-path"])
        .arg(source.join("Cargo.toml"))
        .status()
        .with_context(|| format!("cannot run {}", cargo.display()))?;
    ensure!(status.success(), "cargo could not fetch the crates (see above); it needs the registry once");
    Ok(())
}

fn cargo_home() -> Result<PathBuf> {
    let below_home = || env::home_dir().map(|home| home.join(".cargo"));
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(below_home)
        .context("neither CARGO_HOME nor HOME is set")
}
