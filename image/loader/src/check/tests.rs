//! A small medium, and what must be refused of it.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use ed25519_compact::{KeyPair, Seed};
use noreturn_image_format::layout::MANIFEST_PLACE;
use noreturn_image_format::{ConfigError, ManifestError};

use super::*;

const IMAGE_BYTES: usize = 96 << 10;
const LOADER: usize = 56 << 10;
const KERNEL: usize = 66 << 10;
const CONFIG: usize = 80 << 10;

fn owner(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

fn key() -> [u8; 32] {
    *owner(1).pk
}

fn unsigned(fill: u8) -> (Vec<u8>, Manifest) {
    let mut image: Vec<u8> = (0..IMAGE_BYTES).map(|i| (i * 7 / 5) as u8 ^ fill).collect();
    image[MANIFEST_RANGE].fill(0);
    let part = |place: usize, bytes: usize| Part::of(place as u64, &image[place..place + bytes]);
    let (loader, kernel, config) = (part(LOADER, 9_000), part(KERNEL, 12_345), part(CONFIG, 777));
    let medium = manifest::medium_digest(&image).expect("it is long enough");
    let manifest = Manifest { image_bytes: IMAGE_BYTES as u64, loader, kernel, config, medium };
    (image, manifest)
}

fn sign(image: &mut [u8], manifest: &Manifest, owner: &KeyPair) {
    let signature = owner.sk.sign(manifest.emit_unsigned(), None);
    let text = manifest.emit(&signature);
    let block = &mut image[MANIFEST_RANGE];
    block.fill(0);
    block[..text.len()].copy_from_slice(text.as_bytes());
}

fn signed(fill: u8) -> Vec<u8> {
    let (mut image, manifest) = unsigned(fill);
    sign(&mut image, &manifest, &owner(1));
    image
}

#[test]
fn a_medium_as_signed_passes_and_gives_its_parts() {
    let image = signed(0);
    let checked = medium(&image, &key()).expect("it is as signed");
    assert_eq!(checked.kernel, &image[KERNEL..KERNEL + 12_345]);
    assert_eq!(checked.config, &image[CONFIG..CONFIG + 777]);
    assert_eq!(checked.image_sha256, Sha256Digest::of(&image));
    assert!(checked.manifest_text.ends_with(b"\n"));
    assert_eq!(image_bytes(image.first_chunk().unwrap()), Ok(IMAGE_BYTES as u64));
}

/// What a message about a flipped bit of this byte must start with.
fn part_of(byte: usize) -> &'static str {
    match byte {
        49_152..51_200 => "the manifest: ",
        LOADER..66_344 => "the loader: ",
        KERNEL..79_929 => "the kernel: ",
        CONFIG..82_697 => "the configuration: ",
        _ => "the rest of the medium: ",
    }
}

#[test]
fn every_flipped_bit_is_refused_and_the_message_names_its_part() {
    let mut image = signed(0);
    // Every region, its first and last bytes included, and places by a fixed multiplier (Knuth's).
    let ends = [0, 49_151, 49_152, 51_199, 51_200, LOADER, 66_343, 66_344, KERNEL, 79_928, CONFIG, 82_696];
    let spread = (0..300_u32).map(|i| i.wrapping_mul(2_654_435_761) as usize % IMAGE_BYTES);
    let in_manifest = (49_152..51_200).step_by(13);
    let places = ends.into_iter().chain([IMAGE_BYTES - 1]).chain(spread).chain(in_manifest);
    for (i, byte) in places.enumerate() {
        image[byte] ^= 1 << (i % 8);
        let message = medium(&image, &key()).expect_err("a bit is flipped").to_string();
        assert!(message.starts_with(part_of(byte)), "byte {byte}, bit {}: {message}", i % 8);
        image[byte] ^= 1 << (i % 8);
    }
    assert!(medium(&image, &key()).is_ok());
}

#[test]
fn a_cut_or_longer_medium_is_refused() {
    let image = signed(0);
    for length in [0, 512, 49_152, 51_199, 51_200, KERNEL, IMAGE_BYTES - 1] {
        assert!(matches!(medium(&image[..length], &key()), Err(Refusal::Length { .. })), "{length}");
    }
    let longer = [image, vec![0; 2048]].concat();
    assert!(matches!(medium(&longer, &key()), Err(Refusal::Length { .. })));
}

#[test]
fn parts_of_another_signed_medium_are_refused() {
    let (mut image, other) = (signed(0), signed(0xff));
    image[KERNEL..CONFIG].copy_from_slice(&other[KERNEL..CONFIG]);
    assert!(matches!(medium(&image, &key()), Err(Refusal::Digest { part: "the kernel", .. })));
}

#[test]
fn another_owner_is_refused_and_so_is_none() {
    let (mut image, manifest) = unsigned(0);
    sign(&mut image, &manifest, &owner(2));
    assert_eq!(medium(&image, &key()), Err(Refusal::Signature { owner: key() }));
    assert_eq!(medium(&image, &[0; 32]), Err(Refusal::NoOwner));
}

/// Points that are no keys, or keys for which anybody can sign (RFC 8032, section 8.9): a loader that holds one starts nothing.
#[test]
fn keys_for_which_anybody_can_sign_are_refused() {
    let (mut image, manifest) = unsigned(0);
    let neutral = *[1].iter().chain(&[0; 31]).copied().collect::<Vec<u8>>().first_chunk().unwrap();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&neutral);
    let text = manifest.emit(&signature);
    image[MANIFEST_RANGE][..text.len()].copy_from_slice(text.as_bytes());
    for weak in [neutral, [0xff; 32]] {
        assert_eq!(medium(&image, &weak), Err(Refusal::Signature { owner: weak }));
    }
}

#[test]
fn places_outside_the_medium_or_over_each_other_are_refused_even_if_signed() {
    let (mut image, good) = unsigned(0);
    let kernel_at = |place, bytes| Manifest { kernel: Part { place, bytes, ..good.kernel }, ..good };
    let bad = [
        (kernel_at(LOADER as u64, 12_345), 4),
        (kernel_at(KERNEL as u64 + 512, 12_345), 4),
        (kernel_at(IMAGE_BYTES as u64 - 2048, 2049), 4),
        (kernel_at(KERNEL as u64, 0), 4),
        (Manifest { loader: Part { place: MANIFEST_PLACE, ..good.loader }, ..good }, 3),
        (Manifest { image_bytes: 98_305, ..good }, 2),
    ];
    for (manifest, line) in bad {
        sign(&mut image, &manifest, &owner(1));
        let expected = Refusal::Manifest(ManifestError::Line(line));
        assert_eq!(medium(&image, &key()), Err(expected), "{}", manifest.emit_unsigned());
    }
}

#[test]
fn a_configuration_that_cannot_be_decoded_is_refused() {
    assert_eq!(config(b"not a configuration"), Err(Refusal::Config(ConfigError::Magic)));
}
