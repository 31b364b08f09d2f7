//! `diode-verify dist`: a folder that holds what the owner signed passes, and every change of it is named.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use noreturn_image::provenance::{Build, File};
use noreturn_image::{Owner, checksums};
use noreturn_image_format::Sha256Digest;
use noreturn_verify::model::kernel;
use noreturn_verify::release;
use proptest::prelude::*;
use serde_json::Value;

fn digest_line(folder: &Path, name: &str) -> String {
    format!("{}  {name}\n", Sha256Digest::of(&fs::read(folder.join(name)).expect("it is there")))
}

fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) {
    fs::write(folder.join(name), contents).expect("it is written");
}

/// A release as scripts/build makes it, and the owner's public key beside it.
fn release() -> tempfile::TempDir {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = &outer.path().join("dist");
    fs::create_dir(folder).expect("a folder");
    write(folder, "diode.img", common::image());
    write(folder, "sbom.cdx.json", common::bill_of_materials().to_string());
    write(folder, "provenance.json", provenance(folder, &["diode.img", "sbom.cdx.json"]));
    sign(folder, &common::owner());
    write(
        outer.path(),
        "owner.pub",
        format!("noreturn-owner-public {}\n", Sha256Digest(common::owner().public())),
    );
    outer
}

fn provenance(folder: &Path, names: &[&str]) -> String {
    let file = |name: &&str| File {
        name: (*name).to_owned(),
        sha256: Sha256Digest::of(&fs::read(folder.join(name)).expect("it is there")),
    };
    let build = Build {
        subjects: &names.iter().map(file).collect::<Vec<_>>(),
        byproducts: &[],
        commit: "c0ffee",
        is_changed: false,
        site: Sha256Digest::of(b"site"),
        owner: common::owner().public(),
        locks: &[],
        toolchain: "",
        is_official: true,
    };
    build.emit().expect("no tools are no mistake")
}

/// Lists and signs what is there.
fn sign(folder: &Path, owner: &Owner) {
    let list: String =
        ["diode.img", "provenance.json", "sbom.cdx.json"].map(|name| digest_line(folder, name)).concat();
    write(folder, "SHA256SUMS.sig", checksums::sign(list.as_bytes(), owner).expect("a list"));
    write(folder, "SHA256SUMS", list);
}

fn judge(outer: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diode-verify"));
    command.args(["dist", "dist", "--key", "owner.pub"]).current_dir(outer).output().expect("it runs")
}

#[test]
fn what_the_owner_signed_passes() {
    let outer = release();
    let output = judge(outer.path());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("commit c0ffee, built by urn:noreturn:builder:official"), "{said}");
    assert!(said.ends_with("verdict pass\n"), "{said}");
}

/// What is changed, and what the verdict then names.
type Case = (fn(&Path), &'static str);

#[test]
fn every_change_is_named() {
    let cases: [Case; 10] = [
        (
            |dist| write(dist, "diode.img", b"another"),
            "fail the files are those of SHA256SUMS: diode.img has",
        ),
        (|dist| write(dist, "extra", b""), "extra is there, and in no list"),
        (
            |dist| fs::remove_file(dist.join("sbom.cdx.json")).expect("it was there"),
            "sbom.cdx.json is missing",
        ),
        (
            |dist| fs::remove_file(dist.join("SHA256SUMS.sig")).expect("it was there"),
            "SHA256SUMS.sig is missing",
        ),
        (|dist| sign(dist, &Owner::from_seed([1; 32])), "SHA256SUMS.sig is not a signature"),
        (|dist| write(dist, "SHA256SUMS", "x\n"), "SHA256SUMS is no list"),
        (
            |dist| {
                write(dist, "provenance.json", provenance(dist, &["diode.img"]));
                sign(dist, &common::owner());
            },
            "provenance.json and SHA256SUMS do not say the same of sbom.cdx.json",
        ),
        (
            |dist| {
                write(dist, "provenance.json", "{}");
                sign(dist, &common::owner());
            },
            "provenance.json is no in-toto statement",
        ),
        (
            |dist| {
                write(dist, "sbom.cdx.json", "{}");
                write(dist, "provenance.json", provenance(dist, &["diode.img", "sbom.cdx.json"]));
                sign(dist, &common::owner());
            },
            "fail the bill is of this image's kernel and loader: sbom.cdx.json: bomFormat is not",
        ),
        (
            |dist| {
                let kernel = Sha256Digest::of(&kernel()).to_string();
                let bill = common::bill_of_materials().to_string().replace(&kernel, &"5a".repeat(32));
                write(dist, "sbom.cdx.json", bill);
                write(dist, "provenance.json", provenance(dist, &["diode.img", "sbom.cdx.json"]));
                sign(dist, &common::owner());
            },
            "fail the bill is of this image's kernel and loader: V015: it is of a kernel with the SHA-256 5a5a",
        ),
    ];
    for (change, expected) in cases {
        let outer = release();
        change(&outer.path().join("dist"));
        let output = judge(outer.path());
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{expected}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn another_owner_is_told_apart() {
    let outer = release();
    let other = Owner::from_seed([1; 32]);
    sign(&outer.path().join("dist"), &other);
    write(outer.path(), "owner.pub", format!("noreturn-owner-public {}\n", Sha256Digest(other.public())));
    let said = String::from_utf8_lossy(&judge(outer.path()).stdout).into_owned();
    assert!(
        said.contains("pass the owner has signed") && said.contains("fail the image is this owner's"),
        "{said}"
    );
}

#[test]
fn nobody_can_tell_of_a_folder_that_is_none() {
    let outer = release();
    fs::remove_dir_all(outer.path().join("dist")).expect("it was there");
    assert_eq!(judge(outer.path()).status.code(), Some(2));
}

#[test]
fn programs_get_json() {
    let outer = release();
    let mut command = Command::new(env!("CARGO_BIN_EXE_diode-verify"));
    let output =
        command.args(["dist", "dist", "--key", "owner.pub", "--json"]).current_dir(outer.path()).output();
    let report: Value = serde_json::from_slice(&output.expect("it runs").stdout).expect("JSON");
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["checks"].as_array().map(Vec::len), Some(5));
}

fn files(outer: &Path) -> release::Files {
    let entries =
        fs::read_dir(outer.join("dist")).expect("it is there").map(|entry| entry.expect("an entry"));
    let read = |entry: fs::DirEntry| {
        (entry.file_name().into_string().expect("it is text"), fs::read(entry.path()).expect("it is read"))
    };
    entries.map(read).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_changed_bit_is_found(name in 0..5_usize, place: prop::sample::Index, bit in 0..8_u32) {
        let mut files = files(release().path());
        let contents = files.values_mut().nth(name).expect("five files");
        let place = place.index(contents.len());
        contents[place] ^= 1_u8 << bit;
        prop_assert!(!release::judge(&files, &common::owner().public()).passed());
    }

    /// Whatever a file holds, there is a verdict.
    #[test]
    fn hostile_files_are_no_trap(name in 0..5_usize, contents: Vec<u8>, text in "[{}\\[\\]\":,a-f0-9 \n]{0,200}") {
        for contents in [contents, text.into_bytes()] {
            let mut files = files(release().path());
            *files.values_mut().nth(name).expect("five files") = contents;
            prop_assert!(!release::judge(&files, &common::owner().public()).passed());
        }
    }
}
