//! What makes a lint a check: an independent rebuild (V018), and a proof of the same kernel (V019).

mod common;

use noreturn_verify::model::{CODE, FUNCTION_BYTES, kernel};
use noreturn_verify::{Expectations, Outcome, Proof, Report, judge};

use common::{built, config, image, proof, report_of_proof};

/// Ids of the rules that failed.
fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.findings.iter().filter(|finding| matches!(finding.outcome, Outcome::Fail(_)));
    failed.map(|finding| finding.id).collect()
}

/// The image with another byte at `at`.
fn with(at: usize, byte: u8) -> Vec<u8> {
    let mut changed = image().to_vec();
    changed[at] = byte;
    changed
}

/// Only who has both an independent rebuild and a proof has a check; the rules that were not asked are named, each with how to ask.
#[test]
fn without_rebuild_and_proof_it_is_a_lint() {
    let rebuilt = Some(image().to_vec());
    for (rebuilt, proof, kind) in [
        (None, None, "lint"),
        (rebuilt.clone(), None, "lint"),
        (None, Some(proof()), "lint"),
        (rebuilt, Some(proof()), "check"),
    ] {
        let report = judge(image(), &Expectations { rebuilt, proof, ..Expectations::default() });
        assert!(report.passed(), "{report}");
        assert_eq!((report.kind(), &report.to_json()["kind"]), (kind, &kind.into()));
        let last = if kind == "check" { "\nverdict pass\n" } else { "\nlint pass\n" };
        assert!(report.to_string().ends_with(last), "{report}");
        assert_eq!(report.to_string().contains("this is a lint, not a check"), kind == "lint");
        assert_eq!(report.to_html("diode.img").contains("this is a lint, not a check"), kind == "lint");
        let not_asked = report.to_json()["not_asked"].clone();
        assert_eq!(not_asked[0], serde_json::json!({ "id": "V008", "why": "no --sha256 was given" }));
        assert!(report.to_string().contains("\nnot asked V008 (no --sha256 was given), V009 ("), "{report}");
    }
}

fn assert_rebuild_fails(rebuilt: Vec<u8>, message: &str) {
    let report = judge(image(), &Expectations { rebuilt: Some(rebuilt), ..Expectations::default() });
    assert_eq!(failed(&report), ["V018"]);
    assert!(report.to_string().contains(message), "{report}");
}

#[test]
fn a_rebuild_that_differs_is_found() {
    let mut other = kernel();
    other[CODE + 2 * FUNCTION_BYTES + 1] ^= 1;
    assert_rebuild_fails(
        common::build(&other).bytes,
        "the kernel differs from byte 0x1c1 on: section .text, <noreturn_nic::e1000e",
    );
    assert_rebuild_fails(
        with(built().manifest.loader.range().start + 100, 0x55),
        "the loader differs from byte 0x64 on",
    );
    assert_rebuild_fails(b"no image".to_vec(), "the rebuilt image cannot be read");
    // Whoever builds again has neither the owner's secret nor, perhaps, the site: owner and signature may differ.
    let parts = noreturn_image::Parts {
        loader: &noreturn_verify::model::loader(),
        kernel: &kernel(),
        config: &config(),
        owner: &noreturn_image::Owner::from_seed([8; 32]),
    };
    let rebuilt = noreturn_image::Image::build(&parts).expect("it fits").bytes;
    let report = judge(image(), &Expectations { rebuilt: Some(rebuilt), ..Expectations::default() });
    assert!(report.passed(), "{report}");
}

#[test]
fn a_proof_of_another_kernel_or_with_a_hole_is_found() {
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 4] = [
        ("the proof is of a kernel with the SHA-256 0000", |report| {
            report["kernel_sha256"] = "0".repeat(64).into()
        }),
        ("P03 is not proved", |report| report["claims"][2]["proved"] = false.into()),
        ("P09 is not proved", |report| drop(report["claims"].as_array_mut().unwrap().pop())),
        ("F04 was not found by P04", |report| report["faults"][3]["found"] = false.into()),
    ];
    for (message, change) in changes {
        let mut report = report_of_proof();
        change(&mut report);
        let proof = Some(Proof::parse(report.to_string().as_bytes()).expect("it can be read"));
        let report = judge(image(), &Expectations { proof, ..Expectations::default() });
        assert_eq!(failed(&report), ["V019"], "{message}");
        assert!(report.to_string().contains(message), "{report}");
    }
    let mut nothing_planted = report_of_proof();
    nothing_planted["faults"] = serde_json::json!([]);
    let proof = Proof::parse(nothing_planted.to_string().as_bytes()).ok();
    assert_eq!(failed(&judge(image(), &Expectations { proof, ..Expectations::default() })), ["V019"]);
    let mut repeated = report_of_proof();
    repeated["faults"][1] = repeated["faults"][0].clone();
    assert_eq!(Proof::parse(repeated.to_string().as_bytes()).unwrap_err(), "a fault is named twice");
    for broken in [
        &b"{}"[..],
        b"nonsense",
        br#"{"format":"noreturn-proof-1","kernel_sha256":"00","claims":[],"faults":[]}"#,
    ] {
        assert!(Proof::parse(broken).is_err());
    }
}
