//! The same sources in another folder give the same loader, kernel and image, byte for byte.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use noreturn_image_format::Sha256Digest;
use noreturn_tests::repository;
use tempfile::TempDir;

/// Builds kernel and loader in the folder that it is started in, as `./scripts/build` does.
const BUILD: &str = "\
set -euo pipefail
source scripts/lib/toolchain.sh
find_image_toolchain
\"$1\" kernel-app/prepare/source target/hermit-kernel
build_kernel
build_loader
printf '%s\\n%s\\n' \"$kernel_file\" \"$loader_file\"";

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{error}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Copies the sources, and nothing that was built, to `target`.
fn copy_sources(target: &Path) -> Result<()> {
    let root = repository::root();
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let files = run(Command::new("git").args(list).current_dir(&root))?;
    for file in files.split('\0').filter(|file| !file.is_empty() && root.join(file).exists()) {
        let to = target.join(file);
        fs::create_dir_all(to.parent().context("a file has a folder")?)?;
        fs::copy(root.join(file), &to).with_context(|| format!("copying {file}"))?;
    }
    Ok(())
}

fn build_image(folder: &Path, loader: &Path, kernel: &Path) -> Result<Vec<u8>> {
    let root = repository::root();
    let image = folder.join("diode.img");
    let mut builder = Command::new(repository::built("dist/diode-image")?);
    builder.arg("build").arg("--site").arg(root.join("sites/example/site.toml"));
    builder.arg("--loader").arg(loader).arg("--kernel").arg(kernel).arg("--output").arg(&image);
    run(&mut builder)?;
    Ok(fs::read(image)?)
}

#[test]
fn another_folder_gives_the_same_bytes() -> Result<()> {
    let folder = TempDir::with_prefix("noreturn elsewhere ")?;
    let sources = folder.path().join("a folder of another length");
    copy_sources(&sources)?;
    let prepare = repository::built("target/release/prepare-kernel")?;
    let built = run(Command::new("bash").args(["-c", BUILD, "build"]).arg(prepare).current_dir(&sources))?;
    let (kernel, loader) = built.trim_end().split_once('\n').context("two paths")?;
    assert!(kernel.starts_with(&*sources.to_string_lossy()), "{kernel} was not built elsewhere");

    for (here, there) in [(repository::kernel()?, kernel), (repository::loader()?, loader)] {
        let (here, there) = (fs::read(here)?, fs::read(there)?);
        assert_eq!(
            Sha256Digest::of(&here),
            Sha256Digest::of(&there),
            "{} and {} bytes",
            here.len(),
            there.len()
        );
    }
    let elsewhere = build_image(folder.path(), Path::new(loader), Path::new(kernel))?;
    let here = fs::read(repository::built("dist/diode.img")?)?;
    assert_eq!(Sha256Digest::of(&here), Sha256Digest::of(&elsewhere), "dist/diode.img is of another build");
    Ok(())
}
