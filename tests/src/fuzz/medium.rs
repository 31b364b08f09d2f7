//! The medium, as the verifier reads it: a small image with changes where they steer the reading.

use std::ops::Range;
use std::sync::LazyLock;

use crc::{CRC_32_ISO_HDLC, Crc};
use noreturn_image::{Image, Parts};
use noreturn_image_format::Sha256Digest;
use noreturn_image_format::layout::{BLOCK_BYTES, PARTITION_FIRST_BLOCK};
use noreturn_verify::model::{kernel, loader};
use noreturn_verify::pcrs::predict;
use noreturn_verify::{Expectations, judge};

use super::script::Script;
use super::seeds;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const PARTITION: usize = PARTITION_FIRST_BLOCK as usize * BLOCK_BYTES;
/// Changes of one input at most.
const CHANGES_MAX: usize = 16;
const RULES: usize = 15;

/// An image that passes, and where its parts are.
struct Medium {
    bytes: Vec<u8>,
    sha256: Sha256Digest,
    fats: [usize; 2],
    clusters: usize,
    kernel: usize,
    loader: usize,
}

static MEDIUM: LazyLock<Medium> = LazyLock::new(Medium::build);

/// Runs the input as a list of changes, each a place and bytes; the partition table's checksums are put right
/// if the first byte says so.
pub(super) fn medium(data: &[u8]) {
    let medium = &*MEDIUM;
    let mut script = Script(data);
    let repair = script.below(2) == 0;
    let mut bytes = medium.bytes.clone();
    for _ in 0..CHANGES_MAX {
        if script.is_empty() {
            break;
        }
        medium.change(&mut bytes, &mut script);
    }
    if repair {
        repair_partition_table(&mut bytes);
    }
    // Whatever cannot be predicted is told; what can is of this image.
    assert!(
        predict(&bytes).is_ok_and(|pcrs| pcrs.image_sha256 == Sha256Digest::of(&bytes))
            || bytes != medium.bytes
    );
    let expectations = Expectations { image_sha256: Some(medium.sha256), config: None };
    let report = judge(&bytes, &expectations);
    assert_eq!(report.findings.len(), RULES, "a rule was left out");
    assert_eq!(
        report.passed(),
        bytes == medium.bytes,
        "another image passes, or the image does not:\n{report}"
    );
}

impl Medium {
    fn build() -> Self {
        let config = seeds::config();
        let kernel = kernel();
        let loader = loader();
        let parts = Parts { loader: &loader, kernel: &kernel, config: &config };
        let image = Image::build(&parts).expect("the parts are right");
        let bytes = image.bytes;
        let sector = &bytes[PARTITION..];
        let reserved = usize::from(u16::from_le_bytes([sector[14], sector[15]]));
        let fat_blocks = u32::from_le_bytes([sector[36], sector[37], sector[38], sector[39]]) as usize;
        let fat = |number: usize| PARTITION + (reserved + number * fat_blocks) * BLOCK_BYTES;
        let find = |start: &[u8]| {
            let block = bytes.chunks_exact(BLOCK_BYTES).position(|block| block.starts_with(start));
            block.expect("the file is in the image") * BLOCK_BYTES
        };
        let (kernel, loader) = (find(b"\x7fELF"), find(b"MZ"));
        Self { sha256: image.sha256, fats: [fat(0), fat(1)], clusters: fat(2), kernel, loader, bytes }
    }

    /// Changes some bytes at a place that the script chooses.
    fn change(&self, bytes: &mut Vec<u8>, script: &mut Script<'_>) {
        let backup = bytes.len().saturating_sub(33 * BLOCK_BYTES);
        let end = bytes.len();
        let (fat_at, kind) = (script.below(16) * 4, script.below(13));
        let place = match kind {
            0 => 440..512,
            1 => BLOCK_BYTES..BLOCK_BYTES + 96,
            2 => 2 * BLOCK_BYTES..2 * BLOCK_BYTES + 256,
            3 => PARTITION..PARTITION + 96,
            4 => {
                // In both FATs and, with the boot sector, in both copies: else the difference is all that is seen.
                let value = script.number().to_le_bytes();
                return self.fats.into_iter().for_each(|fat| overwrite(bytes, fat + fat_at, &value[..4]));
            }
            5 => {
                let (at, value) = (script.below(96), script.number().to_le_bytes());
                let copies = [0, 6].map(|block| PARTITION + block * BLOCK_BYTES + at);
                return copies.into_iter().for_each(|at| overwrite(bytes, at, &value[..2]));
            }
            6..9 => self.clusters..self.clusters + 12 * BLOCK_BYTES,
            9 => self.kernel..self.kernel + 120,
            11 => self.loader..self.loader + 512,
            10 => backup..end,
            _ => {
                bytes.truncate((script.number() as usize).saturating_mul(BLOCK_BYTES / 2));
                return;
            }
        };
        let at = within(&place, script);
        let length = script.below(9);
        let change = script.take(length);
        overwrite(bytes, at, change);
    }
}

/// A byte of `place`: one of the first 256, or 16 bytes into one of the first 256 entries of 32 bytes.
fn within(place: &Range<usize>, script: &mut Script<'_>) -> usize {
    let (coarse, fine) = (script.below(192), script.below(64));
    place.start + (coarse * 32 + fine) % place.len().max(1)
}

fn overwrite(bytes: &mut [u8], at: usize, change: &[u8]) {
    if let Some(there) = bytes.get_mut(at..at.saturating_add(change.len())) {
        there.copy_from_slice(change);
    }
}

/// Puts the checksums of both headers right, wherever they say that their entries are.
fn repair_partition_table(bytes: &mut [u8]) {
    for header in [BLOCK_BYTES, bytes.len().saturating_sub(BLOCK_BYTES)] {
        let Some(entries) = entries(bytes, header).map(|entries| CRC.checksum(entries)) else { continue };
        overwrite(bytes, header + 88, &entries.to_le_bytes());
        overwrite(bytes, header + 16, &[0; 4]);
        let own = CRC.checksum(&bytes[header..header + 92]);
        overwrite(bytes, header + 16, &own.to_le_bytes());
    }
}

fn entries(bytes: &[u8], header: usize) -> Option<&[u8]> {
    let block = bytes.get(header + 72..header + 80)?.try_into().ok().map(u64::from_le_bytes)?;
    let start = usize::try_from(block).ok()?.checked_mul(BLOCK_BYTES)?;
    bytes.get(start..start.checked_add(128 * 128)?)
}
