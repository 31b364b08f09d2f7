//! The same image boots from every kind of medium, leaves those that take writes as they were, and on a larger one nothing
//! behind it is looked at; and no flipped bit of it, wherever, gets past the loader.
//!
//! Boots of their own: a medium is read only at the start, and each is another.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use noreturn_image_format::layout::{DATA_PLACE, ESP_PLACE, ISO_PLACE, MANIFEST_BYTES, MANIFEST_PLACE};
use noreturn_image_format::{Manifest, Sha256Digest, owner};
use noreturn_loader::Refusal;
use noreturn_loader::check::{self, HEAD_BYTES};
use noreturn_tests::machine::{Machine, Medium};
use noreturn_tests::process::wait_for;
use noreturn_tests::site::{Image, Site, idle_device};
use noreturn_tests::wire::{Faults, Wire};
use tempfile::TempDir;

/// Nobody receives there.
const RECEIVER_PORT: u16 = 9;

fn image(folder: &Path) -> Result<Image> {
    Site { receiver_port: RECEIVER_PORT, modbus: idle_device() }.build(folder)
}

/// Boots until the kernel sends; the medium must be the image that was built, and be it afterwards.
fn boots_from(medium: Medium, behind: &[u8]) -> Result<()> {
    let folder = TempDir::new()?;
    let image = image(folder.path())?;
    let bytes = [&fs::read(&image.path)?, behind].concat();
    fs::write(&image.path, &bytes)?;
    let wire = Wire::lay(RECEIVER_PORT, Faults::default())?;
    let machine = Machine { medium, ..Machine::new(&image.path, folder.path(), wire.frames_to(None)?) };
    let mut running = machine.start()?;
    let said = running.wait_for_serial("starting the kernel after")?;
    assert!(said.contains(&format!("image  {}", image.sha256)), "{said}");
    let said = running.wait_for_serial("transmit only")?;
    assert!(!said.contains("NOT STARTED"), "{said}");
    wait_for("the first frame", || Ok((wire.frames() > 0).then_some(())))?;
    drop(running);
    wire.check()?;
    assert!(fs::read(&image.path)? == bytes, "something wrote to the medium");
    Ok(())
}

#[test]
fn a_stick_that_refuses_writes() -> Result<()> {
    boots_from(Medium::ReadOnlyStick, &[])
}

#[test]
fn a_stick_that_takes_writes_stays_as_it_was() -> Result<()> {
    boots_from(Medium::WritableStick, &[])
}

#[test]
fn a_larger_stick_with_something_behind_the_image() -> Result<()> {
    boots_from(Medium::WritableStick, &[0xa5; 3 << 20])
}

#[test]
fn a_disk() -> Result<()> {
    boots_from(Medium::Disk, &[])
}

#[test]
fn a_cd() -> Result<()> {
    boots_from(Medium::Cd, &[])
}

#[test]
fn a_cd_in_a_usb_drive() -> Result<()> {
    boots_from(Medium::UsbCd, &[])
}

/// Every region of the medium, first and last byte.
fn regions(manifest: &Manifest, end: usize) -> Vec<(&'static str, usize, usize)> {
    let (loader, kernel, config) =
        (manifest.loader.range(), manifest.kernel.range(), manifest.config.range());
    let (esp, manifest) = (ESP_PLACE as usize, MANIFEST_PLACE as usize);
    vec![
        ("protective MBR", 0, 511),
        ("GPT", 512, 34 * 512 - 1),
        ("gap before the CD", 34 * 512, ISO_PLACE as usize - 1),
        ("CD", ISO_PLACE as usize, manifest - 1),
        ("manifest", manifest, manifest + MANIFEST_BYTES as usize - 1),
        ("gap before the system partition", HEAD_BYTES, esp - 1),
        ("boot sector", esp, esp + 511),
        ("FATs", esp + 512, esp + 3 * 512 - 1),
        ("folders", esp + 3 * 512, loader.start - 1),
        ("loader", loader.start, loader.end - 1),
        ("free clusters", loader.end, DATA_PLACE as usize - 1),
        ("kernel", kernel.start, kernel.end - 1),
        ("gap behind the kernel", kernel.end, config.start - 1),
        ("configuration", config.start, config.end - 1),
        ("free space", config.end, end - 33 * 512 - 1),
        ("backup GPT", end - 33 * 512, end - 1),
    ]
}

/// Whether the loader's judge names the part that this region belongs to.
fn blames(refusal: &Refusal, region: &str) -> bool {
    let of_the_manifest = matches!(refusal, Refusal::Manifest(_) | Refusal::Signature { .. });
    match (region, refusal) {
        ("manifest", _) => of_the_manifest,
        ("loader" | "kernel" | "configuration", Refusal::Digest { part, .. }) => {
            *part == format!("the {region}")
        }
        (_, Refusal::Digest { part, .. }) => *part == "the rest of the medium",
        _ => false,
    }
}

/// 24 bits of each region: the loader's judge, which the loader calls with the same bytes, refuses each by name of the part. The
/// loader in the medium is the one that was started, so its own bytes are judged like all others.
#[test]
fn no_flipped_bit_of_any_region_is_accepted() -> Result<()> {
    let folder = TempDir::new()?;
    let mut bytes = fs::read(image(folder.path())?.path)?;
    let head = bytes.first_chunk().context("the image is longer")?;
    assert_eq!(check::image_bytes(head), Ok(bytes.len() as u64));
    let parsed =
        Manifest::parse(&head[MANIFEST_PLACE as usize..]).map_err(|error| anyhow::anyhow!("{error}"))?;
    let manifest = parsed.manifest;
    let key = owner::read(&bytes[manifest.loader.range()]).context("the loader has a key")?;
    assert_eq!(check::medium(&bytes, &key).map(|checked| checked.image_sha256), Ok(Sha256Digest::of(&bytes)));
    for (name, first, last) in regions(&manifest, bytes.len()) {
        for step in 0..24_usize {
            // Both ends, and places between by a fixed multiplier (Knuth's).
            let place = match step {
                0 => first,
                1 => last,
                _ => first + step.wrapping_mul(2_654_435_761) % (last - first + 1),
            };
            bytes[place] ^= 1 << (step % 8);
            let refusal = check::medium(&bytes, &key).err();
            assert!(
                refusal.as_ref().is_some_and(|refusal| blames(refusal, name)),
                "{name}: bit {} of byte {place}: {refusal:?}",
                step % 8
            );
            bytes[place] ^= 1 << (step % 8);
        }
    }
    Ok(())
}
