//! Where things are in the repository, and what `./scripts/build` made.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// Root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// A file that `./scripts/build` makes.
///
/// # Errors
/// If it is not there, with the command that makes it.
pub fn built(path: &str) -> Result<PathBuf> {
    let path = root().join(path);
    ensure!(path.exists(), "{} does not exist; run ./scripts/build", path.display());
    Ok(path)
}

/// A program of a workspace under `tests`, which `./scripts/bench` builds.
///
/// # Errors
/// If it is not there, with the command that makes it.
pub fn bench_program(path: &str) -> Result<PathBuf> {
    let path = root().join("tests").join(path);
    ensure!(path.exists(), "{} does not exist; ./scripts/bench builds it", path.display());
    Ok(path)
}

/// The kernel that misbehaves as its site's name says.
///
/// # Errors
/// As [`built`].
pub fn planted_kernel() -> Result<PathBuf> {
    built("kernel-app/target/x86_64-unknown-none/release/noreturn-kernel-planted")
}

/// The kernel.
///
/// # Errors
/// As [`built`].
pub fn kernel() -> Result<PathBuf> {
    built("kernel-app/target/x86_64-unknown-none/release/noreturn-kernel")
}

/// The loader.
///
/// # Errors
/// As [`built`].
pub fn loader() -> Result<PathBuf> {
    built("image/loader/target/x86_64-unknown-uefi/release/loader.efi")
}
