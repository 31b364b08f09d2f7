//! Hostile images: no byte brings the judge down, and no changed byte passes as the image that was expected.

mod common;

use noreturn_image_format::Sha256Digest;
use noreturn_image_format::layout::{BLOCK_BYTES, ESP_PLACE, ISO_PLACE, MANIFEST_PLACE};
use noreturn_verify::{Expectations, judge};
use proptest::prelude::*;

use common::image;

const PARTITION: usize = ESP_PLACE as usize;
const ISO: usize = ISO_PLACE as usize;
const MANIFEST: usize = MANIFEST_PLACE as usize;

/// Places that steer the reading: partition table, CD, manifest, boot sector, FATs, folders and files, and the backup table.
fn place() -> impl Strategy<Value = usize> {
    let fat = PARTITION + BLOCK_BYTES;
    let data = PARTITION + 3 * BLOCK_BYTES;
    let len = image().len();
    prop_oneof![
        440..BLOCK_BYTES + 92,
        2 * BLOCK_BYTES..2 * BLOCK_BYTES + 256,
        ISO..ISO + 200,
        ISO + 2048..ISO + 2048 + 80,
        ISO + 3 * 2048..ISO + 3 * 2048 + 64,
        ISO + 6 * 2048..ISO + 6 * 2048 + 256,
        MANIFEST..MANIFEST + 700,
        PARTITION..PARTITION + 96,
        fat..fat + 16,
        data..data + 12 * BLOCK_BYTES,
        len - 33 * BLOCK_BYTES..len,
        0..len,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changed_bytes_are_found_and_never_a_panic(changes in proptest::collection::vec((place(), 1..=255_u8), 1..4)) {
        let mut changed = image().to_vec();
        changes.iter().for_each(|&(at, bits)| changed[at] ^= bits);
        let expectations = Expectations { image_sha256: Some(Sha256Digest::of(image())), ..Expectations::default() };
        let report = judge(&changed, &expectations);
        prop_assert!(!report.passed() || changed == image());
    }

    #[test]
    fn a_cut_image_fails(bytes in 0..image().len()) {
        prop_assert!(!judge(&image()[..bytes], &Expectations::default()).passed());
    }

    #[test]
    fn noise_fails(seed in proptest::collection::vec(any::<u8>(), 1..4096), blocks in 0..300_usize) {
        let noise: Vec<u8> = seed.iter().copied().cycle().take(blocks * BLOCK_BYTES).collect();
        prop_assert!(!judge(&noise, &Expectations::default()).passed());
    }
}

/// Both FATs agree on nonsense: every chain leads somewhere else, and the reading still ends.
#[test]
fn nonsense_in_both_fats_ends() {
    for step in [0_u16, 1, 2, 7, 1_000, 0xff6] {
        let mut changed = image().to_vec();
        for fat in [PARTITION + BLOCK_BYTES, PARTITION + 2 * BLOCK_BYTES] {
            for cluster in 2..257_u16 {
                let at = fat + usize::from(cluster) * 3 / 2;
                let next = cluster.wrapping_mul(step) & 0xfff;
                let there = u16::from_le_bytes([changed[at], changed[at + 1]]);
                let entry = if cluster.is_multiple_of(2) {
                    there & 0xf000 | next
                } else {
                    there & 0x000f | next << 4
                };
                changed[at..at + 2].copy_from_slice(&entry.to_le_bytes());
            }
        }
        assert!(!judge(&changed, &Expectations::default()).passed(), "{step}");
    }
}
