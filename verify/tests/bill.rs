//! The rules about a bill of materials: a right one passes, and every wrong one is found by its rule, or cannot be read.

mod common;

use noreturn_verify::model::kernel_with;
use noreturn_verify::{Bill, Expectations, Outcome, judge};
use proptest::prelude::*;
use serde_json::{Value, json};

use common::{bill_of_materials, build, image};

/// The rules that fail when `bill` comes with the image, with the reason of each.
fn failures(image: &[u8], bill: &Value) -> Vec<(&'static str, String)> {
    let bill = Bill::parse(bill.to_string().as_bytes()).expect("it can be read");
    let report = judge(image, &Expectations { bill: Some(bill), ..Expectations::default() });
    let failed = |outcome: &Outcome| match outcome {
        Outcome::Fail(why) => Some(why.clone()),
        Outcome::Pass(_) | Outcome::Skipped(_) => None,
    };
    report.findings.iter().filter_map(|finding| Some((finding.id, failed(&finding.outcome)?))).collect()
}

#[track_caller]
fn assert_fails(change: impl FnOnce(&mut Value), id: &str, words: &str) {
    let mut bill = bill_of_materials();
    change(&mut bill);
    let found = failures(image(), &bill);
    assert!(matches!(&found[..], [(rule, why)] if *rule == id && why.contains(words)), "{found:?}");
}

#[test]
fn the_right_bill_passes() {
    assert_eq!(failures(image(), &bill_of_materials()), []);
}

#[test]
fn a_bill_of_other_programs_is_found() {
    let programs = "/metadata/component/components";
    let at = |bill: &mut Value, place: &str| {
        bill.pointer_mut(&format!("{programs}{place}")).expect("there").take()
    };
    assert_fails(
        |bill| bill.pointer_mut(programs).unwrap()[0]["hashes"][0]["content"] = "5a".repeat(32).into(),
        "V015",
        "a kernel with the SHA-256 5a5a",
    );
    assert_fails(
        |bill| bill.pointer_mut(programs).unwrap()[1]["hashes"][0]["content"] = "5a".repeat(32).into(),
        "V015",
        "a loader with the SHA-256 5a5a",
    );
    assert_fails(
        |bill| bill.pointer_mut(programs).unwrap()[1]["name"] = "other".into(),
        "V015",
        "no program \"loader\"",
    );
    assert_fails(
        |bill| bill.pointer_mut(programs).unwrap()[1]["name"] = "kernel".into(),
        "V015",
        "two programs \"kernel\"",
    );
    assert_fails(
        |bill| {
            let mut third = at(bill, "/0");
            bill.pointer_mut(programs).unwrap()[0] = third.clone();
            third["name"] = "third".into();
            bill.pointer_mut(programs).unwrap().as_array_mut().unwrap().push(third);
        },
        "V015",
        "it is of 3 programs",
    );
}

#[test]
fn a_crate_that_is_not_billed_for_the_kernel_is_found() {
    assert_fails(
        |bill| bill["components"][3]["name"] = "smol".into(),
        "V016",
        "smoltcp has code in the kernel",
    );
    assert_fails(|bill| bill["components"][3]["properties"][0]["value"] = "loader".into(), "V016", "smoltcp");
    let stranger = build(&kernel_with("embedded_sdmmc::open", b"\xc3"));
    let found = failures(&stranger.bytes, &bill_of_materials());
    assert!(found.iter().any(|(id, why)| *id == "V016" && why.contains("embedded_sdmmc")), "{found:?}");
}

#[test]
fn a_licence_that_is_not_on_the_list_is_found() {
    for licence in
        ["GPL-3.0-only", "MIT AND GPL-2.0-or-later", "LicenseRef-MIT", "Apache-2.0 WITH LLVM-exception"]
    {
        assert_fails(
            |bill| bill["components"][1]["licenses"][0]["expression"] = licence.into(),
            "V017",
            "noreturn-kernel 1.2.3",
        );
    }
    for wrong in ["", "MIT OR", "MIT/Apache-2.0/", "(((("] {
        assert_fails(
            |bill| bill["components"][1]["licenses"][0]["expression"] = wrong.into(),
            "V017",
            "no SPDX expression",
        );
    }
    let mut choice = bill_of_materials();
    choice["components"][1]["licenses"][0]["expression"] = "GPL-3.0-only OR MIT".into();
    assert_eq!(failures(image(), &choice), []);
}

#[test]
fn what_is_no_bill_is_said_with_its_place() {
    type Change = fn(&mut Value);
    let wrong: [(Change, &str); 7] = [
        (|bill| bill["bomFormat"] = "SPDX".into(), "bomFormat"),
        (|bill| bill["components"] = json!({}), "components is no list"),
        (|bill| bill["components"][2]["name"] = 7.into(), "components[2].name is no text"),
        (
            |bill| bill["components"][2]["licenses"] = json!([]),
            "components[2].licenses is not one expression",
        ),
        (
            |bill| bill["components"][2]["licenses"][0] = json!({ "license": { "id": "MIT" } }),
            "components[2].licenses[0].expression",
        ),
        (|bill| bill["metadata"] = Value::Null, "metadata.component.components is no list"),
        (
            |bill| {
                bill.pointer_mut("/metadata/component/components/0/hashes/0/alg")
                    .map(|alg| *alg = "MD5".into())
                    .unwrap()
            },
            "components[0].hashes has no \"SHA-256\"",
        ),
    ];
    for (change, words) in wrong {
        let mut bill = bill_of_materials();
        change(&mut bill);
        let why = Bill::parse(bill.to_string().as_bytes()).expect_err(words);
        assert!(why.contains(words), "{why}");
    }
    assert!(Bill::parse(b"{").is_err_and(|why| why.starts_with("it is not JSON")));
    assert!(Bill::parse("[".repeat(100_000).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn any_licence_and_any_name_gives_a_verdict(licence in "\\PC{0,40}", name in "\\PC{0,40}") {
        let mut bill = bill_of_materials();
        bill["components"][0]["licenses"][0]["expression"] = licence.into();
        bill["components"][0]["name"] = name.into();
        failures(image(), &bill);
    }

    #[test]
    fn a_damaged_bill_is_read_or_refused(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = bill_of_materials().to_string().into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        let _ = Bill::parse(&text);
    }
}
