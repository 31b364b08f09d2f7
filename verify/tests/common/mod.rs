//! An image for the tests. It comes from the builder, which only tests of this crate may depend on.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::Write;
use std::process::Command;
use std::sync::LazyLock;

use noreturn_image::{Image, Owner, Parts};
use noreturn_image_format::{Config, Sha256Digest};
use noreturn_verify::model::{kernel, loader};
use noreturn_verify::{Bill, Expectations, Proof};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

pub const SITE: &str = include_str!("../../../image/builder/tests/site.toml");

pub fn config() -> Config {
    noreturn_site::parse(SITE, "site.toml", |_| Ok([7; 32])).expect("the site file is right")
}

pub fn owner() -> Owner {
    Owner::from_seed([9; 32])
}

/// An image of the usual loader, configuration and owner.
pub fn build(kernel: &[u8]) -> Image {
    let parts = Parts { loader: &loader(), kernel, config: &config(), owner: &owner() };
    Image::build(&parts).expect("it fits")
}

/// One image for all tests.
pub fn built() -> &'static Image {
    static BUILT: LazyLock<Image> = LazyLock::new(|| build(&kernel()));
    &BUILT
}

/// Its bytes.
pub fn image() -> &'static [u8] {
    &built().bytes
}

/// Everything that can be asked of it but a certificate for Secure Boot, with which its loader is not signed.
pub fn everything() -> Expectations {
    Expectations {
        image_sha256: Some(Sha256Digest::of(image())),
        owner: Some(owner().public()),
        config: Some(config()),
        bill: Some(bill()),
        rebuilt: Some(image().to_vec()),
        proof: Some(proof()),
        ..Expectations::default()
    }
}

pub fn save(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it is written");
    file
}

pub fn name(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("the path is UTF-8")
}

/// Runs a tool of the Debian package `package`.
#[track_caller]
pub fn run_tool(package: &str, program: &str, arguments: &[&str]) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output =
        Command::new(program).args(arguments).env("PATH", path).output().unwrap_or_else(|error| {
            panic!("{program} of the Debian package {package} does not run: {error}")
        });
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A bill of materials of the image, as `scripts/build` has it written.
pub fn bill_of_materials() -> Value {
    let program = |name: &str, sha256: Sha256Digest| json!({ "type": "application", "name": name, "hashes": [{ "alg": "SHA-256", "content": sha256.to_string() }] });
    let component = |name: &str, licence: &str| {
        json!({ "name": name, "version": "1.2.3", "licenses": [{ "expression": licence }],
                "properties": [{ "name": "noreturn:program", "value": "kernel" }] })
    };
    let programs =
        [program("kernel", Sha256Digest::of(&kernel())), program("loader", Sha256Digest::of(&loader()))];
    let crates = ["core", "noreturn-kernel", "noreturn-nic", "smoltcp"];
    json!({
        "bomFormat": "CycloneDX",
        "metadata": { "component": { "components": programs } },
        "components": crates.map(|name| component(name, "0BSD OR (MIT AND Apache-2.0)")),
    })
}

pub fn bill() -> Bill {
    Bill::parse(bill_of_materials().to_string().as_bytes()).expect("the bill is right")
}

/// A report of `scripts/prove` on the model kernel.
pub fn report_of_proof() -> Value {
    let claims: Vec<_> = (1..=9).map(|number| format!("P{number:02}")).collect();
    let proved = claims.iter().map(|id| json!({ "id": id, "proved": true })).collect::<Vec<_>>();
    let faults = claims
        .iter()
        .map(|id| json!({ "id": id.replace("P", "F"), "claim": id, "found": true }))
        .collect::<Vec<_>>();
    json!({
        "format": "noreturn-proof-1",
        "kernel_sha256": Sha256Digest::of(&kernel()).to_string(),
        "claims": proved,
        "faults": faults,
    })
}

pub fn proof() -> Proof {
    Proof::parse(report_of_proof().to_string().as_bytes()).expect("the report is right")
}
