//! The medium, as the verifier reads it: a small image with changes where they steer the reading.

use std::ops::Range;
use std::sync::LazyLock;

use crc::{CRC_32_ISO_HDLC, Crc};
use noreturn_image::{Image, Owner, Parts, Programs};
use noreturn_image_format::layout::{BLOCK_BYTES, ESP_PLACE, ISO_PLACE, MANIFEST_PLACE};
use noreturn_image_format::manifest::{Parsed, medium_digest};
use noreturn_image_format::{Manifest, Sha256Digest, owner};
use noreturn_loader::check::{self, HEAD_BYTES};
use noreturn_verify::model::{kernel, loader};
use noreturn_verify::pcrs::predict;
use noreturn_verify::{Expectations, Outcome, Report, judge};

use super::script::Script;
use super::seeds;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const ISO: usize = ISO_PLACE as usize;
const MANIFEST: usize = MANIFEST_PLACE as usize;
const PARTITION: usize = ESP_PLACE as usize;
const FATS: [usize; 2] = [PARTITION + BLOCK_BYTES, PARTITION + 2 * BLOCK_BYTES];
const FOLDERS: usize = PARTITION + 3 * BLOCK_BYTES;
/// Changes of one input at most.
const CHANGES_MAX: usize = 16;
const RULES: usize = 27;
/// What the loader judges, too, each in its own way; V011 is about what the firmware finds, which it does not see.
const RULES_OF_LOADER: [&str; 3] = ["V004", "V005", "V012"];

/// An image that passes, and where its parts are.
struct Medium {
    bytes: Vec<u8>,
    sha256: Sha256Digest,
    manifest: Manifest,
    owner: Owner,
}

static MEDIUM: LazyLock<Medium> = LazyLock::new(Medium::build);

/// The image that passes.
pub(super) fn sound_image() -> &'static [u8] {
    &MEDIUM.bytes
}

/// Runs the input as a list of changes, each a place and bytes. If the first byte says so, the partition table's checksums are
/// put right, and the owner signs what came out.
pub(super) fn medium(data: &[u8]) {
    let medium = &*MEDIUM;
    let mut script = Script(data);
    let repair = script.below(4);
    let mut bytes = medium.bytes.clone();
    for _ in 0..CHANGES_MAX {
        if script.is_empty() {
            break;
        }
        medium.change(&mut bytes, &mut script);
    }
    if repair % 2 == 0 {
        repair_partition_table(&mut bytes);
    }
    if repair >= 2 {
        medium.sign(&mut bytes);
    }
    // Whatever cannot be predicted is told; what can is of this image.
    assert!(
        predict(&bytes).is_ok_and(|pcrs| pcrs.image_sha256 == Sha256Digest::of(&bytes))
            || bytes != medium.bytes
    );
    let expectations = Expectations { image_sha256: Some(medium.sha256), ..Expectations::default() };
    let report = judge(&bytes, &expectations);
    assert_eq!(report.findings.len(), RULES, "a rule was left out");
    assert_eq!(
        report.passed(),
        bytes == medium.bytes,
        "another image passes, or the image does not:\n{report}"
    );
    medium.compare_with_loader(&bytes, &report, repair >= 2);
    let given = Programs::of_image(&bytes, &[1; 32]);
    assert!(given.is_ok() || bytes != medium.bytes, "the image does not give its programs: {given:?}");
    let key = given.ok().map(|programs| owner::read(&programs.loader));
    assert!(
        key.is_none_or(|key| key == Some([0; 32]) || key == Some([1; 32])),
        "a loader with another's key is given"
    );
}

impl Medium {
    fn build() -> Self {
        let (config, kernel, loader, owner) =
            (seeds::config(), kernel(), loader(), Owner::from_seed([9; 32]));
        let parts = Parts { loader: &loader, kernel: &kernel, config: &config, owner: &owner };
        let Image { bytes, sha256, manifest } = Image::build(&parts).expect("the parts are right");
        Self { bytes, sha256, manifest, owner }
    }

    /// The loader accepts nothing that the owner did not sign, and nothing that the rules about the same things refuse.
    fn compare_with_loader(&self, bytes: &[u8], report: &Report, is_signed: bool) {
        let length = bytes.first_chunk::<HEAD_BYTES>().map(check::image_bytes);
        let Ok(checked) = check::medium(bytes, &self.owner.public()) else {
            assert!(bytes != self.bytes, "the loader refuses the image");
            return;
        };
        assert!(is_signed || bytes == self.bytes, "the loader accepts what nobody signed");
        assert_eq!(length, Some(Ok(bytes.len() as u64)), "it would not have read all of it");
        assert_eq!(checked.image_sha256, Sha256Digest::of(bytes));
        let fails = |id| report.findings.iter().any(|f| f.id == id && matches!(f.outcome, Outcome::Fail(_)));
        let loader = bytes.get(checked.manifest.loader.range()).and_then(owner::read);
        // The rules go by the loader that the firmware finds, and by the key in it.
        let is_same_loader =
            loader == Some(self.owner.public()) && !["V001", "V003", "V011"].into_iter().any(fails);
        let refused = RULES_OF_LOADER.into_iter().find(|&id| fails(id));
        assert!(refused.is_none() || !is_same_loader, "the loader accepts what a rule refuses:\n{report}");
    }

    /// Puts the manifest's digests and signature right, if it can be read at all.
    fn sign(&self, bytes: &mut [u8]) {
        let Some(Ok(Parsed { mut manifest, .. })) = bytes.get(MANIFEST..HEAD_BYTES).map(Manifest::parse)
        else {
            return;
        };
        for part in [&mut manifest.loader, &mut manifest.kernel, &mut manifest.config] {
            let Some(contents) = bytes.get(part.range()) else { return };
            part.sha256 = Sha256Digest::of(contents);
        }
        let Some(medium) = medium_digest(bytes) else { return };
        manifest.medium = medium;
        let text =
            manifest.emit(&self.owner.sign(manifest.emit_unsigned().as_bytes()).expect("it has the secret"));
        bytes[MANIFEST..HEAD_BYTES].fill(0);
        overwrite(bytes, MANIFEST, text.as_bytes());
    }

    /// Changes some bytes at a place that the script chooses.
    fn change(&self, bytes: &mut Vec<u8>, script: &mut Script<'_>) {
        let backup = bytes.len().saturating_sub(33 * BLOCK_BYTES);
        let end = bytes.len();
        let (fat_at, kind) = (script.below(16), script.below(16));
        let place = match kind {
            0 => 440..512,
            1 => BLOCK_BYTES..BLOCK_BYTES + 96,
            2 => 2 * BLOCK_BYTES..2 * BLOCK_BYTES + 384,
            3 => PARTITION..PARTITION + 96,
            4 => {
                // In both FATs: else the difference is all that is seen.
                let value = script.number().to_le_bytes();
                return FATS.into_iter().for_each(|fat| overwrite(bytes, fat + fat_at, &value[..2]));
            }
            5..7 => FOLDERS..FOLDERS + 12 * BLOCK_BYTES,
            7 => self.manifest.loader.range(),
            8 => self.manifest.kernel.range().start..self.manifest.kernel.range().start + 120,
            9 => self.manifest.config.range(),
            10 => backup..end,
            11 => ISO..ISO + 256,
            12 => ISO + 3 * 2048..ISO + 3 * 2048 + 64,
            13 => ISO + 6 * 2048..ISO + 6 * 2048 + 256,
            14 => MANIFEST..MANIFEST + 700,
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
