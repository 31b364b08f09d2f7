//! The manifest: its golden text, the one way to write it, and every way to get it wrong.

use noreturn_image_format::layout::{BLOCK_BYTES, CONFIG_BYTES_MAX, IMAGE_BYTES_MAX, KERNEL_BYTES_MAX};
use noreturn_image_format::{Entry, Manifest, ManifestError, Sha256Digest};
use proptest::prelude::*;

/// Digests checked with sha256sum.
const GOLDEN: &str = "noreturn-manifest 1
image-bytes 35668480
kernel 6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
config 3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
manifest bad89a324ad48436925176fbc0a810e18cd0c1ff3fce4f07428cc99581417332
";

fn golden() -> Manifest {
    Manifest { image_bytes: 35_668_480, kernel: Entry::of(b"hello\n"), config: Entry::of(b"abc") }
}

#[test]
fn the_golden_text_is_written_and_read() {
    assert_eq!(golden().emit(), GOLDEN);
    assert_eq!(Manifest::parse(GOLDEN.as_bytes()), Ok(golden()));
}

#[test]
fn every_flipped_bit_is_refused() {
    for bit in 0..GOLDEN.len() * 8 {
        let mut damaged = GOLDEN.as_bytes().to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Manifest::parse(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_is_refused() {
    for length in 0..GOLDEN.len() {
        assert!(Manifest::parse(&GOLDEN.as_bytes()[..length]).is_err(), "{length}");
    }
}

/// A change, with a last line that matches it, and the error that it must give.
#[track_caller]
fn assert_refused(old: &str, new: &str, error: ManifestError) {
    let (body, _) = GOLDEN.rsplit_once("manifest ").expect("it has a last line");
    assert!(body.contains(old), "{old} is not there");
    let body = body.replace(old, new);
    let text = format!("{body}manifest {}\n", Sha256Digest::of(body.as_bytes()));
    assert_eq!(Manifest::parse(text.as_bytes()), Err(error));
}

#[test]
fn there_is_one_way_to_write_it() {
    assert_refused("noreturn-manifest 1", "noreturn-manifest 2", ManifestError::Line(1));
    assert_refused("image-bytes 35668480", "image-bytes 35668481", ManifestError::Line(2));
    assert_refused("image-bytes 35668480", "image-bytes 035668480", ManifestError::Line(2));
    assert_refused("image-bytes 35668480", "image-bytes +35668480", ManifestError::Line(2));
    assert_refused("image-bytes 35668480", "image-bytes 0", ManifestError::Line(2));
    assert_refused(
        "image-bytes 35668480",
        &format!("image-bytes {}", IMAGE_BYTES_MAX + 512),
        ManifestError::Line(2),
    );
    assert_refused("image-bytes 35668480", "image-bytes 99999999999999999999999", ManifestError::Line(2));
    assert_refused("image-bytes 35668480\n", "image-bytes 35668480\r\n", ManifestError::Line(2));
    assert_refused("kernel 6", "kernel  6", ManifestError::Line(3));
    assert_refused("kernel 6", &format!("kernel {}", KERNEL_BYTES_MAX + 1), ManifestError::Line(3));
    assert_refused("5891b5b5", "5891B5B5", ManifestError::Line(3));
    assert_refused("5891b5b5", "5891b5b", ManifestError::Line(3));
    assert_refused("config 3", &format!("config {}", CONFIG_BYTES_MAX + 1), ManifestError::Line(4));
    assert_refused("config 3", "konfig 3", ManifestError::Line(4));
}

#[test]
fn the_last_line_must_match_and_be_the_last() {
    let other = GOLDEN.replace("image-bytes 35668480", "image-bytes 35668992");
    assert!(matches!(Manifest::parse(other.as_bytes()), Err(ManifestError::Digest { .. })));
    assert_eq!(Manifest::parse(format!("{GOLDEN}\n").as_bytes()), Err(ManifestError::Trailing));
    assert_eq!(Manifest::parse(GOLDEN.trim_end().as_bytes()), Err(ManifestError::Line(5)));
    assert_eq!(Manifest::parse(b"\xff"), Err(ManifestError::NotText));
    assert_eq!(Manifest::parse(b""), Err(ManifestError::Line(1)));
}

#[test]
fn messages_name_the_line_and_what_it_must_be() {
    assert_eq!(
        ManifestError::Line(3).to_string(),
        "line 3 is not \"kernel\", a length up to 16777216, and a SHA-256"
    );
}

prop_compose! {
    fn entry(bytes_max: u64)(bytes in 1..=bytes_max, digest in any::<[u8; 32]>()) -> Entry {
        Entry { bytes, sha256: Sha256Digest(digest) }
    }
}

prop_compose! {
    fn manifest()(
        blocks in 1..=IMAGE_BYTES_MAX / BLOCK_BYTES as u64,
        kernel in entry(KERNEL_BYTES_MAX),
        config in entry(CONFIG_BYTES_MAX),
    ) -> Manifest {
        Manifest { image_bytes: blocks * BLOCK_BYTES as u64, kernel, config }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(manifest in manifest()) {
        prop_assert_eq!(Manifest::parse(manifest.emit().as_bytes()), Ok(manifest));
    }

    #[test]
    fn noise_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Manifest::parse(&bytes).is_err());
    }
}
