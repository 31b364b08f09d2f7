//! One flipped byte on the medium: the loader does not start the kernel, and says what is wrong.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use noreturn_tests::machine::{Machine, OutsideWire};
use noreturn_tests::repository;
use noreturn_tests::site::{Image, Site, device};
use tempfile::TempDir;

fn image(folder: &Path) -> Result<Image> {
    let point =
        "[[modbus.point]]\nname = \"level\"\nfunction = 3\naddress = 0\ntype = \"u16\"\nperiod_ms = 1000\n";
    Site { receiver_port: 9, modbus: device("plc", 9, 1, "") + point }.build(folder)
}

fn find(haystack: &[u8], needle: &[u8]) -> Result<usize> {
    haystack.windows(needle.len()).position(|window| window == needle).context("not on the medium")
}

/// Boots with the byte at `offset` from `marker` flipped; all that the box says until it gives up.
fn boot_with_flipped_byte(marker: &[u8], offset: usize) -> Result<String> {
    let folder = TempDir::new()?;
    let image = image(folder.path())?;
    let mut bytes = fs::read(&image.path)?;
    let at = find(&bytes, marker)? + offset;
    bytes[at] ^= 0x10;
    fs::write(&image.path, bytes)?;
    let mut running = Machine::new(&image.path, folder.path(), OutsideWire::User).start()?;
    running.wait_for_serial("NOT STARTED")?;
    let said = running.wait_for_serial("next try in")?;
    assert!(!said.contains("starting the kernel"), "{said}");
    Ok(said)
}

#[test]
fn in_the_kernel() -> Result<()> {
    let kernel = fs::read(repository::kernel()?)?;
    let said = boot_with_flipped_byte(&kernel[..4096], 100_000)?;
    let expected = sha256_of(&kernel);
    assert!(said.contains("NORETURN/KERNEL.ELF") && said.contains(&expected), "expected {expected}: {said}");
    Ok(())
}

#[test]
fn in_the_configuration() -> Result<()> {
    let said = boot_with_flipped_byte(b"NRCF\x03\x07\x0awaterworks", 40)?;
    assert!(said.contains("NORETURN/CONFIG.BIN") && said.contains("expected"), "{said}");
    Ok(())
}

#[test]
fn in_the_manifest() -> Result<()> {
    let said = boot_with_flipped_byte(b"noreturn-manifest 1\nimage-bytes", 60)?;
    assert!(said.contains("NORETURN/MANIFEST.TXT"), "{said}");
    Ok(())
}

fn sha256_of(bytes: &[u8]) -> String {
    noreturn_image_format::Sha256Digest::of(bytes).to_string()
}
