//! The manifest: its golden text, the one way to write it, and every way to get it wrong.

use noreturn_image_format::layout::{
    ALIGNMENT, CONFIG_BYTES_MAX, IMAGE_BYTES_MAX, KERNEL_BYTES_MAX, LOADER_BYTES_MAX, MANIFEST_BYTES,
    MANIFEST_PLACE,
};
use noreturn_image_format::manifest::medium_digest;
use noreturn_image_format::{Manifest, ManifestError, Part, Sha256Digest};
use proptest::prelude::*;

/// Digests checked with sha256sum.
const GOLDEN: &str = "noreturn-manifest 2
image-bytes 2097152
loader 71680 6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
kernel 589824 3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
config 591872 6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
medium ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
signature 01010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101
";
const SIGNATURE: [u8; 64] = [1; 64];

fn golden() -> Manifest {
    Manifest {
        image_bytes: 2_097_152,
        loader: Part::of(71_680, b"hello\n"),
        kernel: Part::of(589_824, b"abc"),
        config: Part::of(591_872, b"hello\n"),
        medium: Sha256Digest::of(b"abc"),
    }
}

#[test]
fn the_golden_text_is_written_and_read() {
    assert_eq!(golden().emit(&SIGNATURE), GOLDEN);
    let parsed = Manifest::parse(GOLDEN.as_bytes()).unwrap();
    assert_eq!((parsed.manifest, parsed.signature), (golden(), SIGNATURE));
    assert_eq!(parsed.signed, golden().emit_unsigned().as_bytes());
    let with_zeros = [GOLDEN.as_bytes(), &[0; 100]].concat();
    assert_eq!(Manifest::parse(&with_zeros).map(|parsed| parsed.manifest), Ok(golden()));
}

/// Every bit counts: what is read from other bytes is refused or is something else.
#[test]
fn no_flipped_bit_is_read_as_the_same() {
    for bit in 0..GOLDEN.len() * 8 {
        let mut damaged = GOLDEN.as_bytes().to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let read = Manifest::parse(&damaged).map(|parsed| (parsed.manifest, parsed.signature));
        assert_ne!(read, Ok((golden(), SIGNATURE)), "bit {bit}");
    }
}

#[test]
fn every_cut_is_refused() {
    for length in 0..GOLDEN.len() {
        assert!(Manifest::parse(&GOLDEN.as_bytes()[..length]).is_err(), "{length}");
    }
}

#[track_caller]
fn assert_refused(old: &str, new: &str, line: u8) {
    assert!(GOLDEN.contains(old), "{old} is not there");
    let text = GOLDEN.replacen(old, new, 1);
    let found = Manifest::parse(text.as_bytes()).map(|parsed| parsed.manifest);
    assert_eq!(found, Err(ManifestError::Line(line)), "{text}");
}

#[test]
fn there_is_one_way_to_write_it() {
    assert_refused("manifest 2", "manifest 1", 1);
    for bytes in ["2097153", "02097152", "+2097152", "0", "99999999999999999999999"] {
        assert_refused("image-bytes 2097152", &format!("image-bytes {bytes}"), 2);
    }
    assert_refused("2097152", &(IMAGE_BYTES_MAX + ALIGNMENT).to_string(), 2);
    assert_refused("2097152\n", "2097152\r\n", 2);
    assert_refused("loader 71680 6", "loader  71680 6", 3);
    assert_refused("loader 71680 6", &format!("loader 71680 {}", LOADER_BYTES_MAX + 1), 3);
    assert_refused("kernel 589824 3", &format!("kernel 589824 {}", KERNEL_BYTES_MAX + 1), 4);
    assert_refused("ba7816bf", "BA7816BF", 4);
    assert_refused("ba7816bf", "ba7816b", 4);
    assert_refused("config 591872 6", &format!("config 591872 {}", CONFIG_BYTES_MAX + 1), 5);
    assert_refused("config 5", "konfig 5", 5);
    assert_refused("medium b", "medium g", 6);
    assert_refused("signature 01", "signature 1", 7);
    assert_refused("0101\n", "010101\n", 7);
}

#[test]
fn parts_lie_in_order_on_the_medium_and_do_not_overlap() {
    assert_refused("loader 71680", "loader 71681", 3);
    assert_refused("loader 71680", &format!("loader {MANIFEST_PLACE}"), 3);
    assert_refused("kernel 589824", "kernel 71680", 4);
    assert_refused("config 591872 6", "config 2097152 6", 5);
    assert_refused("config 591872 6", "config 2095104 2049", 5);
    assert_refused("config 591872 6", "config 591872 0", 5);
}

#[test]
fn only_zeros_may_follow() {
    for more in ["\n", "x", "\0\0x"] {
        let found = Manifest::parse(format!("{GOLDEN}{more}").as_bytes()).map(|parsed| parsed.manifest);
        assert_eq!(found, Err(ManifestError::Trailing));
    }
    assert!(matches!(Manifest::parse(b"\xff"), Err(ManifestError::NotText)));
    assert!(matches!(Manifest::parse(b""), Err(ManifestError::Line(1))));
}

#[test]
fn messages_name_the_line_and_what_it_must_be() {
    assert!(ManifestError::Line(4).to_string().starts_with("line 4 is not \"kernel\""));
    assert!(ManifestError::Line(7).to_string().starts_with("line 7 is not \"signature\""));
}

/// The digest of a medium covers every byte but the manifest's.
#[test]
fn the_digest_of_the_medium_leaves_out_the_manifest_and_nothing_else() {
    let mut image = vec![7; (MANIFEST_PLACE + 2 * MANIFEST_BYTES) as usize];
    let digest = medium_digest(&image).unwrap();
    for (at, counts) in [(0, true), (49_151, true), (49_152, false), (51_199, false), (51_200, true)] {
        image[at] ^= 1;
        assert_eq!(medium_digest(&image) != Some(digest), counts, "{at}");
        image[at] ^= 1;
    }
    assert_eq!(medium_digest(&image[..51_199]), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        blocks in [100..200_u64, 300..400, 600..700],
        bytes in [1..=2048_u64, 1..=4096, 1..=9000],
        digests in any::<[[u8; 32]; 4]>(),
        end in 800..=IMAGE_BYTES_MAX / ALIGNMENT,
    ) {
        let part = |n: usize| Part { place: blocks[n] * ALIGNMENT, bytes: bytes[n], sha256: Sha256Digest(digests[n]) };
        let image_bytes = end * ALIGNMENT;
        let (loader, kernel, config) = (part(0), part(1), part(2));
        let manifest = Manifest { image_bytes, loader, kernel, config, medium: Sha256Digest(digests[3]) };
        let text = manifest.emit(&SIGNATURE);
        prop_assert!(text.len() as u64 <= MANIFEST_BYTES);
        let parsed = Manifest::parse(text.as_bytes()).map(|parsed| parsed.manifest);
        prop_assert_eq!(parsed, Ok(manifest));
    }

    #[test]
    fn noise_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Manifest::parse(&bytes).is_err());
    }
}
