//! Verdicts: a built image passes, and every way to change it that rules know of is found and named.

mod common;

use std::ops::Range;

use noreturn_image_format::layout::{BLOCK_BYTES, PARTITION_FIRST_BLOCK};
use noreturn_image_format::{Entry, Manifest, Sha256Digest};
use noreturn_verify::model::{FUNCTION_BYTES, kernel, kernel_with, kernel_with_other};
use noreturn_verify::{Expectations, Outcome, Report, judge, judge_kernel};

use common::{config, find, image, run_tool, save};

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

#[test]
fn a_built_image_passes_every_rule() {
    let expectations = Expectations { image_sha256: Some(Sha256Digest::of(image())), config: Some(config()) };
    let report = judge(image(), &expectations);
    assert!(report.findings.iter().all(|finding| matches!(finding.outcome, Outcome::Pass(_))), "{report}");
    let ids: Vec<_> = report.findings.iter().map(|finding| finding.id).collect();
    let expected = (1..=10).chain(20..=24).map(|number| format!("V{number:03}"));
    assert_eq!(ids, expected.collect::<Vec<_>>());
}

#[test]
fn what_was_not_asked_is_skipped_and_passes() {
    let report = judge_alone(image());
    let skipped: Vec<_> =
        report.findings.iter().filter(|f| matches!(f.outcome, Outcome::Skipped(_))).map(|f| f.id).collect();
    assert_eq!(skipped, ["V008", "V009"]);
    assert!(report.passed());
    assert_eq!(report.to_json()["verdict"], "pass");
}

#[test]
fn another_digest_or_site_is_found() {
    let mut other = config();
    other.outside.destinations[0].port += 1;
    let expectations = Expectations { image_sha256: Some(Sha256Digest::of(b"")), config: Some(other) };
    let report = judge(image(), &expectations);
    assert_eq!(failed(&report), ["V008", "V009"]);
    assert!(report.to_string().contains("[outside] of the site file means something else"), "{report}");
    assert_eq!(report.to_json()["rules"][7]["outcome"], "fail");
}

#[test]
fn damage_of_the_partition_table_is_found() {
    let last = image().len() - BLOCK_BYTES;
    assert_fails(&with(0, &[0xeb]), "V001", "boot code");
    assert_fails(&with(446 + 16 + 4, &[0x0c]), "V001", "second record");
    assert_fails(&with(446 + 4, &[0x0c]), "V001", "does not protect the whole image");
    assert_fails(&with(BLOCK_BYTES + 56, &[0]), "V001", "the primary header in block 1 is damaged");
    assert_fails(&with(last + 56, &[0]), "V001", "the backup header in block 69664 is damaged");
    assert_fails(&with(2 * BLOCK_BYTES + 200, &[1]), "V001", "the primary header");
    assert_fails(&[image(), &[0; BLOCK_BYTES]].concat(), "V001", "does not protect the whole image");
    assert_fails(&image()[..image().len() - BLOCK_BYTES], "V001", "does not protect the whole image");
}

#[test]
fn a_second_partition_is_found() {
    let file = save(image());
    run_tool("gdisk", "sgdisk", &["-a", "1", "-n", "2:40:2047", common::name(&file)]);
    assert_fails(&std::fs::read(file.path()).unwrap(), "V002", "there are 2 partitions");
}

#[test]
fn a_partition_of_another_type_is_found() {
    let file = save(image());
    run_tool("gdisk", "sgdisk", &["-t", "1:8300", common::name(&file)]);
    assert_fails(&std::fs::read(file.path()).unwrap(), "V002", "another type");
}

/// mtools changes the file system as a desktop would.
fn changed_by_mtools(program: &str, arguments: &[&str]) -> Vec<u8> {
    let file = save(image());
    let drive = format!("{}@@1M", common::name(&file));
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
    assert_fails(&changed_by_mtools("mdel", &["::/NORETURN/CONFIG.BIN"]), "V003", "is deleted");
    assert_fails(&changed_by_mtools("mmd", &["::/long name"]), "V003", "has a long name");
}

const PARTITION: usize = PARTITION_FIRST_BLOCK as usize * BLOCK_BYTES;
const FATS: [usize; 2] = [PARTITION + 32 * BLOCK_BYTES, PARTITION + 552 * BLOCK_BYTES];

/// The image with cluster `cluster` followed by `next` in both FATs.
fn with_chain(cluster: u32, next: u32) -> Vec<u8> {
    let mut changed = image().to_vec();
    for fat in FATS {
        let at = fat + cluster as usize * 4;
        changed[at..at + 4].copy_from_slice(&next.to_le_bytes());
    }
    changed
}

#[test]
fn chains_that_lead_astray_are_found() {
    let kernel = ((find(&kernel()).start - PARTITION) / BLOCK_BYTES - 1072 + 2) as u32;
    assert_fails(&with_chain(2, 2), "V003", "runs in a circle");
    assert_fails(&with_chain(kernel, 2), "V003", "shares cluster 2");
    assert_fails(&with_chain(kernel, 1), "V003", "ends in cluster 1");
    assert_fails(&with_chain(kernel, 0x0fff_fff0), "V003", "does not exist");
    assert_fails(&with_chain(kernel, kernel + 2), "V003", "KERNEL.ELF has 5121 bytes, but 10 clusters");
    assert_fails(&with_chain(66_000, 66_000), "V003", "in use, but belongs to no file");
    assert_fails(&with(FATS[1] + 400, &[9]), "V003", "the two FATs differ");
}

#[test]
fn a_boot_sector_of_another_kind_is_found() {
    for (at, byte) in [(11, 1), (13, 8), (16, 1), (17, 1), (36, 1), (44, 3), (90, 0xeb), (510, 0)] {
        assert_fails(&with(PARTITION + at, &[byte]), "V003", "the boot sector is not one");
    }
    assert_fails(&with(PARTITION + 3, b"X"), "V003", "differs from its copy");
}

#[test]
fn bytes_beside_everything_are_found() {
    let end_of_kernel = find(&kernel()).end;
    for at in [34 * BLOCK_BYTES, PARTITION - 1] {
        assert_fails(&with(at, &[1]), "V010", &format!("byte {at} of the image is not zero"));
    }
    let free = image().len() - 40 * BLOCK_BYTES;
    assert_fails(&with(free, &[1]), "V010", &format!("byte {free}"));
    let reserved = PARTITION + 10 * BLOCK_BYTES;
    assert_fails(&with(reserved, &[1]), "V010", &format!("byte {reserved}"));
    let info = PARTITION + BLOCK_BYTES + 100;
    assert_fails(&with(info, &[1]), "V010", &format!("byte {info}"));
    assert_fails(&with(end_of_kernel, &[1]), "V003", "KERNEL.ELF hides bytes behind its end");
}

#[test]
fn another_kernel_or_configuration_is_found() {
    let Range { start, end } = find(&kernel());
    let report = judge_alone(&with(end - 1, &[0x77]));
    assert_eq!(failed(&report), ["V005"]);
    assert!(report.to_string().contains("V005 fail"), "{report}");
    assert!(failed(&judge_alone(&with(start + 18, &[3]))).contains(&"V007"));
    let config = find(&config().encode().unwrap());
    assert_eq!(failed(&judge_alone(&with(config.end - 1, b"~"))), ["V006"]);
}

/// Replaces kernel and manifest, so that only the kernel itself can be at fault.
fn with_kernel(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut kernel = kernel();
    change(&mut kernel);
    let config = config();
    let parts = noreturn_image::Parts { loader: b"MZ", kernel: &kernel, config: &config };
    noreturn_image::Image::build(&parts).expect("it fits").bytes
}

#[test]
fn unsound_kernels_are_found() {
    assert!(judge_alone(&with_kernel(|_| ())).passed());
    assert_fails(&with_kernel(|kernel| kernel[18] = 3), "V007", "x86-64");
    assert_fails(&with_kernel(|kernel| kernel[64 + 4] = 7), "V007", "written and executed");
    assert_fails(&with_kernel(|kernel| kernel[64 + 4] = 4), "V007", "where nothing is executed");
    assert_fails(&with_kernel(|kernel| kernel[64] = 3), "V007", "interpreter");
    assert_fails(&with_kernel(|kernel| kernel[64 + 36] = 1), "V007", "does not fit the file");
    assert_fails(&with_kernel(|kernel| kernel[39] = 0xff), "V007", "program header");
    assert_fails(&with_kernel(|kernel| kernel[56] = 200), "V007", "program header");
}

/// What a rule says of a kernel.
#[track_caller]
fn assert_kernel_fails(kernel: &[u8], id: &str, message: &str) {
    let findings = judge_kernel(kernel);
    let finding = findings.iter().find(|finding| finding.id == id).expect("the rule exists");
    assert!(matches!(&finding.outcome, Outcome::Fail(why) if why.contains(message)), "{finding:?}");
}

#[test]
fn kernels_that_could_do_what_they_must_not_are_found() {
    assert!(judge_kernel(&kernel()).iter().all(|finding| matches!(finding.outcome, Outcome::Pass(_))));
    assert_kernel_fails(
        &kernel_with("embedded_sdmmc::open", b"\xc3"),
        "V020",
        "embedded_sdmmc::open is of a crate",
    );
    assert_kernel_fails(&kernel_with("noreturn_kernel::nvme::start", b"\xc3"), "V020", "nvme: ");
    let calls = |place: u8| [0xe8, place * FUNCTION_BYTES as u8 - 5, 0, 0, 0, 0xc3];
    let step = "<noreturn_kernel::outside::Outside>::step";
    let receives =
        "step -> <noreturn_nic::e1000e::receive::Receiver<noreturn_nic::memory::MmioRegion>>::empty";
    assert_kernel_fails(&kernel_with_other(1, step, &calls(2)), "V021", receives);
    assert_kernel_fails(&kernel_with_other(1, step, &calls(3)), "V021", "step -> <smoltcp::iface");
    // lea rax, [rip + 1ah]: the address of the receiver is taken, and may be called later.
    let takes = b"\x48\x8d\x05\x19\0\0\0\xff\xd0\xc3";
    assert_kernel_fails(&kernel_with_other(1, step, takes), "V021", receives);
    assert_kernel_fails(
        &kernel_with_other(1, "something", b"\xc3"),
        "V021",
        "there is no ::outside::Outside>::step",
    );
    assert_kernel_fails(
        &kernel_with_other(1, "something", b"\xc3"),
        "V022",
        "there is no ::outside::Outside>::step",
    );
    let push = "<noreturn_nic::e1000e::transmit::Transmitter<noreturn_nic::memory::MmioRegion>>::push";
    assert_kernel_fails(&kernel_with_other(2, push, b"\x89\x87\x18\x28\0\0\xc3"), "V022", "[rdi+2818h]");
    assert_kernel_fails(&kernel_with_other(2, push, b"\xb9\x00\xc0\0\0\xc3"), "V022", "mov ecx,0C000h");
    assert_kernel_fails(
        &kernel_with("noreturn_kernel::x", b"\xe4\x60\xc3"),
        "V023",
        "keyboard: noreturn_kernel::x",
    );
    let disk = b"\x66\xba\xf7\x01\xec\xc3";
    assert_kernel_fails(&kernel_with("noreturn_kernel::x", disk), "V023", "disk: noreturn_kernel::x");
    assert_kernel_fails(&kernel_with("noreturn_kernel::x", b"\x0f\x6e\xc0\xc3"), "V024", "movd mm0,eax");
    assert_kernel_fails(&kernel_with("noreturn_kernel::x", b"\xd8\xc1\xc3"), "V024", "fadd st");
}

#[test]
fn a_kernel_that_hides_its_functions_is_found() {
    let mut stripped = kernel();
    let sections = u64::from_le_bytes(stripped[40..48].try_into().unwrap()) as usize;
    stripped[sections + 2 * 64 + 4] = 0; // the symbols are no symbols
    for id in ["V020", "V021", "V022", "V023", "V024"] {
        assert_kernel_fails(&stripped, id, "it has no symbols");
        assert_kernel_fails(b"", id, "it is no ELF file");
    }
}

#[test]
fn another_manifest_is_found() {
    let manifest = Manifest {
        image_bytes: image().len() as u64,
        kernel: Entry::of(&kernel()),
        config: Entry::of(&config().encode().unwrap()),
    };
    let place = find(manifest.emit().as_bytes());
    let other_length = Manifest { image_bytes: manifest.image_bytes - 512, ..manifest };
    assert_fails(&with(place.start, other_length.emit().as_bytes()), "V004", "the manifest says 35667968");
    assert_fails(&with(place.start, b"N"), "V004", "line 1");
}

#[test]
fn nothing_at_all_fails_without_a_panic() {
    for length in [0, 1, 511, 512, 513, 100 * BLOCK_BYTES, 70_000 * BLOCK_BYTES] {
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
