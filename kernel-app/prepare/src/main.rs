//! `prepare-kernel`: makes the folder that the kernel application is built against.
//!
//! It takes hermit-kernel exactly as cargo fetched it, checks the archive against the SHA-256 in
//! `kernel-app/prepare/source/Cargo.lock`, applies the edits in [`edits`], and writes the result to a folder.
//! Nothing is left to chance: an edit that does not match exactly is an error, and a folder that differs in any
//! byte is put right.
#![forbid(unsafe_code)]

mod archive;
mod edit;
mod edits;
mod tree;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use archive::Crate;
use tree::Tree;

const KERNEL: Crate = Crate { name: "hermit-kernel", version: "0.11.0" };
const USAGE: &str = "usage: prepare-kernel SOURCE OUTPUT
SOURCE  folder with the Cargo.toml and Cargo.lock that name hermit-kernel
OUTPUT  folder that receives the edited source; everything else in it is removed";

fn main() -> Result<()> {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let [source, output] = arguments.as_slice() else { bail!("{USAGE}") };
    let (source, output) = (Path::new(source), Path::new(output));
    refuse_foreign_folder(output)?;

    let mut tree = unpacked_kernel(source)?;
    edit::apply(&mut tree, &edits::EDITS).context("the edits do not fit hermit-kernel")?;
    let changes = tree::synchronize(&tree, output)?;
    eprintln!(
        "hermit-kernel {}: {} edits, {} files, {} written, {} removed, in {}",
        KERNEL.version,
        edits::EDITS.len(),
        tree.len(),
        changes.written,
        changes.removed,
        output.display()
    );
    Ok(())
}

/// A slip in the command line must not empty somebody's folder.
fn refuse_foreign_folder(output: &Path) -> Result<()> {
    let Ok(mut entries) = fs::read_dir(output) else { return Ok(()) };
    let manifest = fs::read_to_string(output.join("Cargo.toml")).unwrap_or_default();
    let ours = manifest.contains("name = \"hermit-kernel\"") || entries.next().is_none();
    ensure!(ours, "{} is neither empty nor a hermit-kernel: name another output", output.display());
    Ok(())
}

fn unpacked_kernel(source: &Path) -> Result<Tree> {
    let lock_path = source.join("Cargo.lock");
    let lock =
        fs::read_to_string(&lock_path).with_context(|| format!("cannot read {}", lock_path.display()))?;
    let checksum = KERNEL.checksum(&lock).with_context(|| lock_path.display().to_string())?;
    let archive = fetched_archive(source)?;
    let bytes = fs::read(&archive).with_context(|| format!("cannot read {}", archive.display()))?;
    KERNEL.unpack(&bytes, &checksum).with_context(|| {
        format!(
            "{} is not the archive that {} names; delete it to fetch it again",
            archive.display(),
            lock_path.display()
        )
    })
}

/// The archive among what cargo fetched; cargo is asked to fetch it only if it is missing.
fn fetched_archive(source: &Path) -> Result<PathBuf> {
    let home = cargo_home()?;
    if KERNEL.fetched(&home).is_empty() {
        fetch(source)?;
    }
    KERNEL.fetched(&home).pop().with_context(|| {
        format!(
            "cargo fetched hermit-kernel, but no archive is in {}/registry/cache (vendored sources?)",
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
    ensure!(status.success(), "cargo could not fetch hermit-kernel (see above); it needs the registry once");
    Ok(())
}

fn cargo_home() -> Result<PathBuf> {
    let below_home = || env::home_dir().map(|home| home.join(".cargo"));
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(below_home)
        .context("neither CARGO_HOME nor HOME is set")
}
