//! V014: signatures that firmware accepts under Secure Boot, made by the tools that owners use, and every way to change them.

mod common;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use noreturn_image::owner::put_key;
use noreturn_image::{Image, Parts};
use noreturn_verify::model::{LOADER_OPTIONAL, kernel, loader};
use noreturn_verify::{Certificate, Expectations, Outcome, judge};
use proptest::prelude::*;
use tempfile::TempDir;

use common::{bill, config, owner, run_tool};

/// Loaders that are signed in several ways, and the certificates.
struct Signed {
    right: Vec<u8>,
    twice: Vec<u8>,
    with_another_certificate: Vec<u8>,
    by_sha1: Vec<u8>,
    certificate: Certificate,
    other: Certificate,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["db", "other"] {
        make_key(&folder, name);
    }
    let unsigned = put_key(&owner().public(), &loader()).expect("it has a place");
    fs::write(folder.path().join("unsigned"), unsigned).expect("it is written");
    let certificate = |name: &str| {
        let contents = fs::read(folder.path().join(name)).expect("it is there");
        Certificate::parse(&contents).expect("it is a certificate")
    };
    Signed {
        right: sign(&folder, "unsigned", "right", "sha256", &[]),
        twice: sign(&folder, "right", "twice", "sha256", &["-nest"]),
        with_another_certificate: sign(
            &folder,
            "unsigned",
            "more",
            "sha256",
            &["-ac", &at(&folder, "other.crt")],
        ),
        by_sha1: sign(&folder, "unsigned", "old", "sha1", &[]),
        certificate: certificate("db.crt"),
        other: certificate("other.crt"),
    }
});

fn at(folder: &TempDir, name: &str) -> String {
    common_name(&folder.path().join(name))
}

fn common_name(path: &Path) -> String {
    path.to_str().expect("the path is UTF-8").to_owned()
}

fn make_key(folder: &TempDir, name: &str) {
    let subject = format!("/CN={name}/");
    let (key, certificate) = (at(folder, &format!("{name}.key")), at(folder, &format!("{name}.crt")));
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key];
    run_tool("openssl", "openssl", &[&arguments[..], &["-out", &certificate]].concat());
}

fn sign(folder: &TempDir, input: &str, output: &str, digest: &str, more: &[&str]) -> Vec<u8> {
    let (key, certificate) = (at(folder, "db.key"), at(folder, "db.crt"));
    let (input, output) = (at(folder, input), at(folder, output));
    let arguments = ["sign", "-h", digest, "-time", "1767225600", "-certs", &certificate, "-key", &key];
    run_tool(
        "osslsigncode",
        "osslsigncode",
        &[&arguments[..], more, &["-in", &input, "-out", &output]].concat(),
    );
    fs::read(&output).expect("it was signed")
}

/// What V014 says of an image with this loader.
fn judged(loader: &[u8], secure_boot: Option<&Certificate>) -> Outcome {
    let expectations = Expectations { secure_boot: secure_boot.cloned(), ..Expectations::default() };
    judged_by("V014", loader, &expectations)
}

fn judged_by(id: &str, loader: &[u8], expectations: &Expectations) -> Outcome {
    let (kernel, config, owner) = (kernel(), config(), owner());
    let parts = Parts { loader, kernel: &kernel, config: &config, owner: &owner };
    let image = Image::build(&parts).expect("it fits");
    let report = judge(&image.bytes, expectations);
    report.findings.into_iter().find(|finding| finding.id == id).expect("the rule exists").outcome
}

/// The bill is of the loader before it had an owner and a signature.
#[test]
fn a_signature_does_not_part_a_loader_from_its_bill() {
    let expectations = Expectations { bill: Some(bill()), ..Expectations::default() };
    let outcome = |loader: &[u8]| judged_by("V015", loader, &expectations);
    assert!(matches!(outcome(&SIGNED.right), Outcome::Pass(_)), "{:?}", outcome(&SIGNED.right));
    let mut changed = SIGNED.right.clone();
    let last = table(&changed) - 1;
    changed[last] ^= 1;
    assert!(matches!(outcome(&changed), Outcome::Fail(why) if why.contains("a loader with the SHA-256")));
}

#[track_caller]
fn assert_fails(loader: &[u8], message: &str) {
    for asked in [None, Some(&SIGNED.certificate)] {
        let outcome = judged(loader, asked);
        assert!(matches!(&outcome, Outcome::Fail(why) if why.contains(message)), "{outcome:?}");
    }
}

/// Where the certificates begin.
fn table(loader: &[u8]) -> usize {
    let place = loader[LOADER_OPTIONAL + 144..][..4].try_into().expect("four bytes");
    u32::from_le_bytes(place) as usize
}

#[test]
fn the_expected_certificate_passes_and_nothing_else_does() {
    let Signed { right, certificate, other, .. } = &*SIGNED;
    assert_eq!(
        judged(right, Some(certificate)),
        Outcome::Pass(format!("certificate {}", certificate.sha256()))
    );
    assert!(
        matches!(judged(right, Some(other)), Outcome::Fail(why) if why.contains("it is signed with the certificate"))
    );
    assert!(
        matches!(judged(right, None), Outcome::Skipped(why) if why.contains(&certificate.sha256().to_string()))
    );
    assert!(
        matches!(judged(&loader(), None), Outcome::Skipped(why) if why.contains("the loader is not signed"))
    );
    assert_eq!(judged(&loader(), Some(certificate)), Outcome::Fail("the loader is not signed".to_owned()));
}

#[test]
fn another_owners_key_in_a_signed_loader_is_found() {
    let mut changed = SIGNED.right.clone();
    let key = noreturn_image_format::owner::find(&changed).expect("it has one");
    changed[key].copy_from_slice(&noreturn_image::Owner::from_seed([8; 32]).public());
    let (kernel, config, owner) = (kernel(), config(), noreturn_image::Owner::from_seed([8; 32]));
    let parts = Parts { loader: &changed, kernel: &kernel, config: &config, owner: &owner };
    let image = Image::build(&parts).expect("it fits").bytes;
    let failed: Vec<_> = judge(&image, &Expectations::default())
        .findings
        .into_iter()
        .filter(|finding| matches!(finding.outcome, Outcome::Fail(_)))
        .map(|finding| finding.id)
        .collect();
    assert_eq!(failed, ["V014"]);
}

#[test]
fn more_than_one_signature_is_refused() {
    assert_fails(&SIGNED.twice, "there is more beside the signature");
    assert_fails(&SIGNED.with_another_certificate, "there is not one signature by one certificate");
    assert_fails(&SIGNED.by_sha1, "what is signed is another loader");
    let right = &SIGNED.right;
    let mut two = [&right[..], &right[table(right)..]].concat();
    let bytes = (two.len() - table(right)) as u32;
    two[LOADER_OPTIONAL + 148..][..4].copy_from_slice(&bytes.to_le_bytes());
    assert_fails(&two, "there is not one signature of the kind");
}

#[test]
fn bytes_behind_a_signature_and_cut_ones_are_refused() {
    let right = &SIGNED.right;
    let place = table(right);
    let with_bytes = |contents: &[u8], bytes: usize| {
        let mut changed = contents.to_vec();
        changed[LOADER_OPTIONAL + 148..][..4].copy_from_slice(&(bytes as u32).to_le_bytes());
        changed[place..][..4].copy_from_slice(&(bytes as u32).to_le_bytes());
        changed
    };
    let bytes = right.len() - place;
    assert_fails(&[&right[..], &[0; 8]].concat(), "the signature is not at the loader's end");
    assert_fails(&with_bytes(&[&right[..], &[0; 8]].concat(), bytes + 8), "the signature cannot be read");
    for cut in (8..bytes - 16).step_by(8) {
        let outcome =
            judged(&with_bytes(&right[..right.len() - cut], bytes - cut), Some(&SIGNED.certificate));
        assert!(matches!(outcome, Outcome::Fail(_)), "{cut} bytes less: {outcome:?}");
    }
    for (place, bytes) in [(0, 8), (8, 0), (u32::MAX, 8), (8, u32::MAX)] {
        let mut changed = right.clone();
        changed[LOADER_OPTIONAL + 144..][..4].copy_from_slice(&place.to_le_bytes());
        changed[LOADER_OPTIONAL + 148..][..4].copy_from_slice(&bytes.to_le_bytes());
        assert_fails(&changed, "the signature is not at the loader's end");
    }
}

/// No byte of a signature may be another one, and none of the loader but those that do not count: the checksum.
#[test]
fn every_changed_byte_is_found() {
    let right = &SIGNED.right;
    let key = noreturn_image_format::owner::find(right).expect("it has one");
    // The builder wants a program, and the owner's key with its mark; another key has a test of its own.
    let is_free = |place: &usize| *place > 1 && !(key.start - 32..key.end).contains(place);
    for place in (0..right.len()).filter(is_free) {
        let mut changed = right.clone();
        changed[place] ^= 1 << (place % 8);
        let outcome = judged(&changed, Some(&SIGNED.certificate));
        let counts = !(LOADER_OPTIONAL + 64..LOADER_OPTIONAL + 68).contains(&place);
        assert_eq!(matches!(outcome, Outcome::Fail(_)), counts, "byte {place}: {outcome:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn changed_signatures_never_pass_and_never_panic(changes in proptest::collection::vec((0..2000_usize, any::<u8>()), 1..6)) {
        let mut changed = SIGNED.right.clone();
        let place = table(&changed);
        let bytes = changed.len() - place;
        for (at, value) in changes {
            changed[place + at % bytes] = value;
        }
        let passes = matches!(judged(&changed, Some(&SIGNED.certificate)), Outcome::Pass(_));
        prop_assert_eq!(passes, changed == SIGNED.right);
    }
}

#[test]
fn what_is_no_certificate_is_refused() {
    assert!(Certificate::parse(b"").is_err());
    assert!(Certificate::parse(b"-----BEGIN CERTIFICATE-----\n").is_err());
    assert!(Certificate::parse(&SIGNED.right).is_err());
}
