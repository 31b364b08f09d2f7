//! The command line of `diode-verify`, and what it is built of.

mod common;

use std::process::{Command, Output};

use noreturn_image_format::Sha256Digest;

use common::{SITE, image, name, save};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_diode-verify")).args(arguments).output().expect("diode-verify runs")
}

#[test]
fn exit_codes_tell_the_verdict() {
    let file = save(image());
    let digest = Sha256Digest::of(image()).to_string();
    let passed = run(&["check", name(&file), "--sha256", &digest]);
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");
    assert!(String::from_utf8_lossy(&passed.stdout).ends_with("verdict pass\n"));
    let failed = run(&["check", name(&file), "--sha256", &"0".repeat(64)]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&failed.stdout)
            .contains(&format!("expected {}, found {digest}", "0".repeat(64)))
    );
    assert_eq!(run(&["check", "/nowhere/diode.img"]).status.code(), Some(2));
    assert_eq!(run(&["check", name(&file), "--sha256", "abc"]).status.code(), Some(2));
    assert_eq!(run(&["check", name(&file), "--site", "/nowhere/site.toml"]).status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn json_is_for_programs() {
    let file = save(image());
    let output = run(&["check", name(&file), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["image_sha256"], Sha256Digest::of(image()).to_string());
    assert_eq!(report["rules"][0]["id"], "V001");
    assert_eq!(report["rules"].as_array().map(Vec::len), Some(15));
}

#[test]
fn a_site_file_is_compared_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site.toml");
    std::fs::write(&site, SITE).unwrap();
    let image = save(image());
    let check = |key: &str| {
        std::fs::write(folder.path().join("diode.key"), key.repeat(32)).unwrap();
        run(&["check", name(&image), "--site", site.to_str().unwrap()])
    };
    assert_eq!(check("07").status.code(), Some(0));
    let other = check("08");
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stdout).contains("V009 fail"), "{other:?}");
}

/// The judge shares the image format with the builder, and nothing else.
#[test]
fn the_builder_is_no_dependency() {
    let manifest = include_str!("../Cargo.toml");
    let (_, rest) = manifest.split_once("\n[dependencies]\n").expect("there are dependencies");
    let dependencies = rest.split("\n[").next().expect("the first part is there");
    let ours: Vec<_> = dependencies.lines().filter(|line| line.starts_with("noreturn-")).collect();
    assert_eq!(ours, ["noreturn-image-format.workspace = true", "noreturn-site.workspace = true"]);
    for library in ["gpt", "fatfs"] {
        assert!(
            !dependencies.contains(library),
            "the builder reads with {library}; the judge has its own reader"
        );
    }
}

#[test]
fn registers_are_not_predicted_of_what_is_no_program() {
    let file = save(image());
    let output = run(&["pcrs", name(&file)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the loader is no PE32+ program"), "{output:?}");
    assert_eq!(run(&["pcrs", "/nowhere/diode.img"]).status.code(), Some(2));
}
