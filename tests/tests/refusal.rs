//! A changed medium: the loader does not start the kernel, and says what is wrong.
//!
//! Boots of their own: each medium is changed in another place, and none of them starts a kernel that could do more.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use noreturn_image_format::layout::{MANIFEST_PLACE, MANIFEST_RANGE};
use noreturn_image_format::{Manifest, Sha256Digest};
use noreturn_tests::machine::Machine;
use noreturn_tests::repository;
use noreturn_tests::site::{Image, Site, device};
use noreturn_tests::wire::{Faults, Wire};
use tempfile::TempDir;

/// Nobody receives there.
const RECEIVER_PORT: u16 = 9;

fn image(folder: &Path) -> Result<Image> {
    let point =
        "[[modbus.point]]\nname = \"level\"\nfunction = 3\naddress = 0\ntype = \"u16\"\nperiod_ms = 1000\n";
    Site { receiver_port: RECEIVER_PORT, modbus: device("plc", 9, 1, "") + point }.build(folder)
}

/// Where the parts lie.
fn manifest(image: &[u8]) -> Result<Manifest> {
    let bytes = image.get(MANIFEST_RANGE).context("the image ends before its manifest")?;
    Manifest::parse(bytes).map(|parsed| parsed.manifest).map_err(|error| anyhow!("{error}"))
}

/// Boots an image that `change` changed; all that the box says until it gives up.
fn boot_changed(change: impl FnOnce(&mut [u8], &Manifest)) -> Result<String> {
    let folder = TempDir::new()?;
    let image = image(folder.path())?;
    let mut bytes = fs::read(&image.path)?;
    let manifest = manifest(&bytes)?;
    change(&mut bytes, &manifest);
    fs::write(&image.path, bytes)?;
    let wire = Wire::lay(RECEIVER_PORT, Faults::default())?;
    let mut running = Machine::new(&image.path, folder.path(), wire.frames_to(None)?).start()?;
    running.wait_for_serial("NOT STARTED")?;
    let said = running.wait_for_serial("next try in")?;
    assert!(!said.contains("starting the kernel"), "{said}");
    wire.check_silent()?;
    Ok(said)
}

#[test]
fn in_the_kernel() -> Result<()> {
    let said = boot_changed(|image, manifest| image[manifest.kernel.range()][100_000] ^= 0x10)?;
    let expected = Sha256Digest::of(&fs::read(repository::kernel()?)?).to_string();
    assert!(said.contains("the kernel: has the wrong SHA-256"), "{said}");
    assert!(said.contains(&format!("expected {expected}")), "expected {expected}: {said}");
    Ok(())
}

#[test]
fn in_the_configuration() -> Result<()> {
    let said = boot_changed(|image, manifest| image[manifest.config.range()][40] ^= 0x10)?;
    assert!(said.contains("the configuration: has the wrong SHA-256"), "{said}");
    Ok(())
}

#[test]
fn in_the_manifest() -> Result<()> {
    let said = boot_changed(|image, _| image[MANIFEST_PLACE as usize + 60] ^= 0x10)?;
    assert!(said.contains("the manifest: "), "{said}");
    Ok(())
}

#[test]
fn where_nothing_is() -> Result<()> {
    let said = boot_changed(|image, manifest| image[manifest.config.range().end + 5000] ^= 0x10)?;
    assert!(said.contains("the rest of the medium: has the wrong SHA-256"), "{said}");
    Ok(())
}

/// Everything is right, but somebody else signed it.
#[test]
fn in_who_signed() -> Result<()> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join("owner.key"), format!("noreturn-owner-secret {}\n", "77".repeat(32)))?;
    let strange = fs::read(image(folder.path())?.path)?;
    let said = boot_changed(|image, manifest| {
        let loader = image[manifest.loader.range()].to_vec();
        image.copy_from_slice(&strange);
        image[manifest.loader.range()].copy_from_slice(&loader);
    })?;
    assert!(said.contains("the manifest: was changed, or not signed by the owner of this loader"), "{said}");
    Ok(())
}
