//! Verdicts: a built image passes, and every way to change it that rules know of is found and named.

mod common;

use noreturn_image_format::config::Key;
use noreturn_image_format::layout::{
    BLOCK_BYTES, ESP_PLACE, ISO_PLACE, MANIFEST_BYTES, MANIFEST_PLACE, PARTITION_GRAIN_BYTES,
};
use noreturn_image_format::{Config, Manifest, Sha256Digest};
use noreturn_verify::model::{PROGRAM_HEADER_BYTES, PROGRAM_HEADERS, RELOCATION, kernel};
use noreturn_verify::{Expectations, Finding, Outcome, Report, judge};

use common::{built, config, everything, image, run_tool, save};

fn judge_alone(image: &[u8]) -> Report {
    judge(image, &Expectations::default())
}

/// Ids of the rules that failed.
fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.findings.iter().filter(|finding| matches!(finding.outcome, Outcome::Fail(_)));
    failed.map(|finding| finding.id).collect()
}

/// The image with other bytes at `at`.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = image().to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    changed
}

#[track_caller]
fn assert_fails(image: &[u8], id: &str, message: &str) {
    let report = judge_alone(image);
    assert!(!report.passed());
    let finding = report.findings.iter().find(|finding| finding.id == id).expect("the rule exists");
    assert!(matches!(&finding.outcome, Outcome::Fail(why) if why.contains(message)), "{report}");
}

/// V014 needs a loader that is signed for Secure Boot: see `secure_boot.rs`.
#[test]
fn a_built_image_passes_every_rule() {
    let report = judge(image(), &everything());
    let passes = |finding: &Finding| matches!(finding.outcome, Outcome::Pass(_)) || finding.id == "V014";
    assert!(report.findings.iter().all(passes), "{report}");
    let ids: Vec<_> = report.findings.iter().map(|finding| finding.id).collect();
    let expected = (1..=27).map(|number| format!("V{number:03}"));
    assert_eq!(ids, expected.collect::<Vec<_>>());
    assert_eq!(report.kind(), "check");
    assert!(
        report.to_string().ends_with(
            "not asked V014 (no --secure-boot-cert was given; the loader is not signed)\nverdict pass\n"
        ),
        "{report}"
    );
}

#[test]
fn what_was_not_asked_is_skipped_and_passes() {
    let report = judge_alone(image());
    let skipped: Vec<_> =
        report.findings.iter().filter(|f| matches!(f.outcome, Outcome::Skipped(_))).map(|f| f.id).collect();
    assert_eq!(skipped, ["V008", "V009", "V012", "V014", "V015", "V016", "V017", "V018", "V019"]);
    assert!(report.passed());
    assert_eq!(report.to_json()["verdict"], "pass");
}

#[test]
fn another_digest_site_or_owner_is_found() {
    let mut other = config();
    other.outside.destinations[0].port += 1;
    let expectations = Expectations {
        image_sha256: Some(Sha256Digest::of(b"")),
        owner: Some([3; 32]),
        config: Some(other),
        ..Expectations::default()
    };
    let report = judge(image(), &expectations);
    assert_eq!(failed(&report), ["V008", "V009", "V012"]);
    assert!(report.to_string().contains("[outside] of the site file means something else"), "{report}");
    assert_eq!(report.to_json()["rules"][7]["outcome"], "fail");
}

/// Each table of a site file counts.
#[test]
fn a_site_that_differs_in_one_table_is_found() {
    type Change = fn(&mut Config);
    let changes: [(&str, Change); 7] = [
        ("[diode], or its key", |config| config.diode.key = Key::Tpm(0x0180_0000)),
        ("[image]", |config| config.release.version += 1),
        ("[inside]", |config| config.inside.prefix -= 1),
        ("[outside]", |config| config.outside.source_port += 1),
        ("[link]", |config| config.link.burst_bytes += 1),
        ("[status]", |config| config.status.http_port = Some(8080)),
        ("[time]", |config| config.time.sources.clear()),
    ];
    for (table, change) in changes {
        let mut other = config();
        change(&mut other);
        let report = judge(image(), &Expectations { config: Some(other), ..Expectations::default() });
        let told = format!("{table} of the site file means something else");
        assert_eq!(failed(&report), ["V009"], "{table}");
        assert!(report.to_string().contains(&told), "{report}");
    }
}

#[test]
fn damage_of_the_partition_table_is_found() {
    let last = image().len() - BLOCK_BYTES;
    assert_fails(&with(0, &[0xeb]), "V001", "boot code");
    assert_fails(&with(446 + 16 + 4, &[0x0c]), "V001", "second record");
    assert_fails(&with(446 + 4, &[0x0c]), "V001", "does not protect the whole image");
    assert_fails(&with(BLOCK_BYTES + 56, &[0]), "V001", "the primary header in block 1 is damaged");
    assert_fails(&with(last + 56, &[0]), "V001", "the backup header in block 2047 is damaged");
    assert_fails(&with(2 * BLOCK_BYTES + 200, &[1]), "V001", "the primary header");
    assert_fails(&[image(), &[0; BLOCK_BYTES]].concat(), "V001", "does not protect the whole image");
    assert_fails(&image()[..image().len() - BLOCK_BYTES], "V001", "does not protect the whole image");
}

#[test]
fn a_third_partition_is_found() {
    let file = save(image());
    run_tool("gdisk", "sgdisk", &["-a", "1", "-n", "3:40:60", common::name(&file)]);
    assert_fails(&std::fs::read(file.path()).unwrap(), "V002", "there are 3 partitions");
}

#[test]
fn partitions_of_another_type_or_place_are_found() {
    for (arguments, message) in [
        (&["-t", "1:8300"][..], "another type"),
        (&["-t", "2:8300"], "another type"),
        (&["-d", "1", "-n", "1:128:1150", "-t", "1:ef00"], "the EFI system partition has the bytes"),
        (
            &["-d", "2", "-n", "2:1153:1279", "-t", "2:6e6f7265-7475-726e-8d10-de00000000ff"],
            "the kernel's partition",
        ),
    ] {
        let file = save(image());
        run_tool("gdisk", "sgdisk", &[&["-a", "1"], arguments, &[common::name(&file)]].concat());
        assert_fails(&std::fs::read(file.path()).unwrap(), "V002", message);
    }
}

/// mtools changes the file system as a desktop would.
fn changed_by_mtools(program: &str, arguments: &[&str]) -> Vec<u8> {
    let file = save(image());
    let drive = format!("{}@@64K", common::name(&file));
    run_tool("mtools", program, &[&["-i", &drive], arguments].concat());
    std::fs::read(file.path()).expect("the image is still there")
}

#[test]
fn changes_of_the_file_system_by_other_tools_are_found() {
    let short = save(b"extra");
    assert_fails(
        &changed_by_mtools("mcopy", &[common::name(&short), "::/EFI/EXTRA.BIN"]),
        "V003",
        "there is more: EFI/EXTRA.BIN",
    );
    assert_fails(&changed_by_mtools("mmd", &["::/EMPTY"]), "V003", "there is more: EMPTY/");
    assert_fails(&changed_by_mtools("mdel", &["::/EFI/BOOT/BOOTX64.EFI"]), "V003", "is deleted");
    assert_fails(&changed_by_mtools("mmd", &["::/long name"]), "V003", "has a long name");
}

const PARTITION: usize = ESP_PLACE as usize;
const FATS: [usize; 2] = [PARTITION + BLOCK_BYTES, PARTITION + 2 * BLOCK_BYTES];
const CLUSTERS: usize = PARTITION + 4 * BLOCK_BYTES;
/// The cluster of the loader, which has one.
const LOADER: u16 = 4;

/// The image with cluster `cluster` followed by `next` in both FATs.
fn with_chain(cluster: u16, next: u16) -> Vec<u8> {
    let mut changed = image().to_vec();
    for fat in FATS {
        let at = fat + usize::from(cluster) * 3 / 2;
        let there = u16::from_le_bytes([changed[at], changed[at + 1]]);
        let entry =
            if cluster.is_multiple_of(2) { there & 0xf000 | next } else { there & 0x000f | next << 4 };
        changed[at..at + 2].copy_from_slice(&entry.to_le_bytes());
    }
    changed
}

#[test]
fn chains_that_lead_astray_are_found() {
    assert_fails(&with_chain(2, 2), "V003", "runs in a circle");
    assert_fails(&with_chain(LOADER, 2), "V003", "shares cluster 2");
    assert_fails(&with_chain(LOADER, 1), "V003", "ends in cluster 1");
    assert_fails(&with_chain(LOADER, 0xff0), "V003", "does not exist");
    assert_fails(&with_chain(LOADER, 0xff8), "V003", "does not exist");
    assert_fails(&with_chain(LOADER, LOADER + 1), "V003", "ends in cluster 0");
    let mut longer = with_chain(LOADER, LOADER + 1);
    FATS.into_iter().for_each(|fat| longer[fat + 7..fat + 9].copy_from_slice(&[0xf0, 0xff])); // cluster 5 ends it
    assert_fails(&longer, "V003", "BOOTX64.EFI has 640 bytes, but 2 clusters");
    assert_fails(&with_chain(200, 201), "V003", "in use, but belongs to no file");
    assert_fails(&with_chain(300, 1), "V003", "the FAT hides bytes behind its end");
    assert_fails(&with_chain(0, 0xff0), "V003", "does not start as that of a disk");
    assert_fails(&with(FATS[1] + 400, &[9]), "V003", "the two FATs differ");
    let both_ends = {
        let mut changed = image().to_vec();
        FATS.into_iter().for_each(|fat| changed[fat + BLOCK_BYTES - 1] = 0x10);
        changed
    };
    assert_fails(&both_ends, "V003", "the FAT hides bytes behind its end");
}

#[test]
fn a_boot_sector_of_another_kind_is_found() {
    for (at, byte) in [
        (11, 1),
        (13, 8),
        (14, 2),
        (16, 1),
        (17, 17),
        (19, 1),
        (22, 2),
        (32, 1),
        (38, 0),
        (90, 0xeb),
        (510, 0),
    ] {
        assert_fails(&with(PARTITION + at, &[byte]), "V003", "the boot sector is not one");
    }
}

#[test]
fn bytes_beside_everything_are_found() {
    let manifest = built().manifest;
    let gaps = [
        34 * BLOCK_BYTES,
        ISO_PLACE as usize - 1,
        (MANIFEST_PLACE + MANIFEST_BYTES) as usize,
        PARTITION - 1,
        CLUSTERS + 20 * 2048,
        manifest.kernel.range().end,
        manifest.config.range().end,
        manifest.config.range().end.next_multiple_of(PARTITION_GRAIN_BYTES as usize),
        image().len() - 34 * BLOCK_BYTES,
    ];
    for at in gaps {
        assert_fails(&with(at, &[1]), "V010", &format!("byte {at} of the image is not zero"));
    }
    assert_fails(&with(manifest.loader.range().end, &[1]), "V003", "BOOTX64.EFI hides bytes behind its end");
    assert_fails(&with(MANIFEST_PLACE as usize + 2047, &[1]), "V004", "something follows its last line");
}

/// Whatever is changed, the digests of the manifest tell, and nobody else can sign others.
#[test]
fn any_change_breaks_the_manifest_or_its_signature() {
    let text = MANIFEST_PLACE as usize;
    assert!(failed(&judge_alone(&with(100_000, &[1]))).contains(&"V004"));
    let digest = text + image()[text..].windows(7).position(|window| window == b"medium ").unwrap() + 7;
    let other = if image()[digest] == b'0' { b"1" } else { b"0" };
    assert_eq!(failed(&judge_alone(&with(digest, other))), ["V004", "V012"]);
    let signature =
        text + image()[text..].windows(10).position(|window| window == b"signature ").unwrap() + 10;
    let other = if image()[signature] == b'0' { b"1" } else { b"0" };
    assert_fails(&with(signature, other), "V012", "the manifest is not signed with the key");
}

#[test]
fn another_loader_is_found() {
    let loader = built().manifest.loader.range();
    assert!(failed(&judge_alone(&with(loader.start + 100, &[0x55]))).contains(&"V011"));
    let key = noreturn_image_format::owner::find(&image()[loader.clone()]).expect("it has one");
    assert_fails(&with(loader.start + key.start, &[0; 32]), "V012", "the loader holds no owner's key");
    assert_fails(&with(loader.start + key.start - 1, &[1]), "V012", "no place for an owner's key");
}

#[test]
fn a_cd_that_names_something_else_is_found() {
    let at = |sector: usize, offset: usize| ISO_PLACE as usize + sector * 2048 + offset;
    for (place, byte, message) in [
        (at(0, 8), b'x', "the volume descriptor"),
        (at(0, 80), 1, "the volume descriptor"),
        (at(0, 900), 1, "is of no field"),
        (at(1, 0x47), 0xff, "the boot catalog"),
        (at(3, 4), b'x', "the boot catalog"),
        (at(3, 32), 0, "the boot catalog"),
        (at(3, 40), 33, "it starts from"),
        (at(3, 38), 3, "it starts from"),
        (at(3, 64), 0x88, "is of no field"),
        (at(6, 0), 35, "the root folder"),
        (at(6, 68), 35, "the root folder"),
        (at(6, 68 + 33), b'X', "its files are"),
        (at(6, 2047), 1, "is of no field"),
        (at(7, 0), 1, "is of no field"),
    ] {
        assert_fails(&with(place, &[byte]), "V013", message);
    }
}

#[test]
fn another_kernel_or_configuration_is_found() {
    let std::ops::Range { start, end } = built().manifest.kernel.range();
    let report = judge_alone(&with(end - 1, &[0x77]));
    assert_eq!(failed(&report), ["V004", "V005"]);
    assert!(report.to_string().contains("V005 fail"), "{report}");
    assert!(failed(&judge_alone(&with(start + 18, &[3]))).contains(&"V007"));
    let config = built().manifest.config.range();
    assert_eq!(failed(&judge_alone(&with(config.end - 1, b"~"))), ["V004", "V006"]);
}

/// Replaces kernel and manifest, so that only the kernel itself can be at fault.
fn with_kernel(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut kernel = kernel();
    change(&mut kernel);
    common::build(&kernel).bytes
}

/// Where the program header of a number has a field.
const fn header(number: usize, field: usize) -> usize {
    PROGRAM_HEADERS + number * PROGRAM_HEADER_BYTES + field
}

/// What the loader would load otherwise than it looks, it would run otherwise than it was judged.
#[test]
fn unsound_kernels_are_found() {
    assert!(judge_alone(&with_kernel(|_| ())).passed());
    let sections = |kernel: &[u8]| u64::from_le_bytes(kernel[40..48].try_into().unwrap()) as usize;
    let dynamic =
        |kernel: &[u8]| u64::from_le_bytes(kernel[header(3, 8)..header(3, 16)].try_into().unwrap()) as usize;
    type Change<'c> = &'c dyn Fn(&mut [u8]);
    let changes: [(&str, Change<'_>); 19] = [
        ("x86-64", &|kernel| kernel[18] = 3),
        ("written and executed", &|kernel| kernel[header(1, 4)] = 7),
        ("where nothing is executed", &|kernel| kernel[header(1, 4)] = 4),
        ("interpreter", &|kernel| kernel[header(3, 0)] = 3),
        ("does not fit the file", &|kernel| kernel[header(1, 36)] = 1),
        ("program header", &|kernel| kernel[39] = 0xff),
        ("program header", &|kernel| kernel[56] = 200),
        ("does not start at 0", &|kernel| kernel[header(0, 17)] = 0x10),
        ("executes what is not in the file", &|kernel| kernel[header(1, 41)] += 1),
        ("lies on the one before it", &|kernel| kernel[header(1, 17)] = 0),
        // Data on the last page of the code.
        ("lies on the one before it", &|kernel| kernel[header(2, 17)] -= 0x10),
        ("not as its segment says", &|kernel| kernel[sections(kernel) + 64 + 8] = 2),
        ("not as its segment says", &|kernel| kernel[sections(kernel) + 64 + 24] ^= 8),
        ("not as its segment says", &|kernel| kernel[sections(kernel) + 64 + 17] = 9),
        ("changes what is not data", &|kernel| kernel[RELOCATION + 1] -= 0x10),
        ("another kind than RELATIVE", &|kernel| kernel[RELOCATION + 8] = 1),
        ("leads out of the program", &|kernel| kernel[RELOCATION + 18] = 1),
        ("has the entry 0x11", &|kernel| kernel[dynamic(kernel)] = 0x11), // DT_REL
        ("not one whole dynamic segment", &|kernel| kernel[header(2, 0)] = 2),
    ];
    for (message, change) in changes {
        assert_fails(&with_kernel(change), "V007", message);
    }
}

#[test]
fn another_manifest_is_found() {
    let manifest = built().manifest;
    let other_length = Manifest { image_bytes: manifest.image_bytes - 2048, ..manifest };
    let place = MANIFEST_PLACE as usize;
    let text = other_length.emit_unsigned();
    assert_fails(&with(place, text.as_bytes()), "V004", "the manifest says 1046528");
    assert_fails(&with(place, b"N"), "V004", "line 1");
}

#[test]
fn nothing_at_all_fails_without_a_panic() {
    for length in [0, 1, 511, 512, 513, 100 * BLOCK_BYTES, 5_000 * BLOCK_BYTES] {
        let report = judge_alone(&vec![0; length]);
        assert_eq!(failed(&report).first(), Some(&"V001"), "{length}");
        assert!(!report.passed());
    }
}

#[test]
fn every_rule_is_documented() {
    let document = include_str!("../../docs/image.md");
    for finding in judge_alone(image()).findings {
        let line = format!("| {} | {}", finding.id, finding.title);
        assert!(document.contains(&line), "docs/image.md does not say: {line}");
    }
}
