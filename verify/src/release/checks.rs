//! What each check looks at.

use std::collections::BTreeMap;

use noreturn_image_format::Sha256Digest;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;

use super::{BILL, Files, IMAGE, LIST, PROVENANCE, SIGNATURE};
use crate::medium::Medium;
use crate::report::{Finding, Outcome};
use crate::{Bill, Expectations, rules};

/// Names and digests of a list.
type List<'f> = BTreeMap<&'f str, Sha256Digest>;

fn file<'f>(files: &'f Files, name: &str) -> Result<&'f [u8], String> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| format!("{name} is missing"))
}

/// Reads a list as `sha256sum` writes it.
fn list(files: &Files) -> Result<List<'_>, String> {
    let malformed = || format!("{LIST} is no list of digests and names");
    let text = std::str::from_utf8(file(files, LIST)?).map_err(|_| malformed())?;
    let mut list = List::new();
    for line in text.lines() {
        let (digest, name) = line.split_once("  ").ok_or_else(malformed)?;
        let digest = Sha256Digest::parse(digest).ok_or_else(malformed)?;
        if list.insert(name, digest).is_some() {
            return Err(format!("{LIST} names {name} twice"));
        }
    }
    Ok(list)
}

pub(super) fn digests(files: &Files) -> Result<String, String> {
    let list = list(files)?;
    for (name, digest) in &list {
        let found = Sha256Digest::of(file(files, name)?);
        if found != *digest {
            return Err(format!("{name} has the SHA-256 {found}, not {digest}"));
        }
    }
    let is_extra = |name: &&String| !list.contains_key(name.as_str()) && *name != LIST && *name != SIGNATURE;
    match files.keys().find(is_extra) {
        Some(name) => Err(format!("{name} is there, and in no list")),
        None => Ok(format!("{} files", list.len())),
    }
}

pub(super) fn signature(files: &Files, owner: &[u8; 32]) -> Result<String, String> {
    let (list, signature) = (file(files, LIST)?, file(files, SIGNATURE)?);
    let key = UnparsedPublicKey::new(&ED25519, owner);
    key.verify(list, signature)
        .map(|()| format!("with the key {}", Sha256Digest(*owner)))
        .map_err(|_| format!("{SIGNATURE} is not a signature of it with the key {}", Sha256Digest(*owner)))
}

/// The provenance names every other file of the list by its digest, and no file that is not there.
pub(super) fn provenance(files: &Files) -> Result<String, String> {
    let statement = json(files, PROVENANCE)?;
    let is_ours = statement["_type"] == "https://in-toto.io/Statement/v1"
        && statement["predicateType"] == "https://slsa.dev/provenance/v1";
    if !is_ours {
        return Err(format!("{PROVENANCE} is no in-toto statement of SLSA provenance"));
    }
    let mut subjects = List::new();
    for subject in statement["subject"].as_array().into_iter().flatten() {
        let digest = subject["digest"]["sha256"].as_str().and_then(Sha256Digest::parse);
        let (Some(name), Some(digest)) = (subject["name"].as_str(), digest) else {
            return Err(format!("{PROVENANCE} has a subject without name and SHA-256"));
        };
        if subjects.insert(name, digest).is_some() {
            return Err(format!("{PROVENANCE} names {name} twice"));
        }
    }
    let mut list = list(files)?;
    list.remove(PROVENANCE);
    let differs = list.iter().find(|(name, digest)| subjects.get(*name) != Some(digest));
    let unknown = subjects.keys().find(|name| !list.contains_key(*name));
    match differs.map(|(name, _)| name).or(unknown) {
        Some(name) => Err(format!("{PROVENANCE} and {LIST} do not say the same of {name}")),
        None => Ok(format!("{} subjects, {}", subjects.len(), origin(&statement))),
    }
}

/// What it says of itself, for people.
fn origin(statement: &Value) -> String {
    let text = |pointer: &str| statement.pointer(pointer).and_then(Value::as_str).unwrap_or("unknown");
    let parameters = "/predicate/buildDefinition/externalParameters";
    let is_changed = statement.pointer(&format!("{parameters}/changed")) != Some(&Value::Bool(false));
    let changed = if is_changed { " with changes" } else { "" };
    let (commit, builder) = (text(&format!("{parameters}/commit")), text("/predicate/runDetails/builder/id"));
    format!("says commit {commit}{changed}, built by {builder}")
}

pub(super) fn image(files: &Files, owner: &[u8; 32]) -> Result<String, String> {
    holds(files, &Expectations { owner: Some(*owner), ..Expectations::default() }, &["V012"])?;
    Ok("its loader holds the key, which has signed its manifest".to_owned())
}

/// The bill is judged by the rules that the verifier has for bills anyway.
pub(super) fn bill(files: &Files) -> Result<String, String> {
    let bill = Bill::parse(file(files, BILL)?).map_err(|why| format!("{BILL}: {why}"))?;
    let crates = bill.crates.len();
    holds(files, &Expectations { bill: Some(bill), ..Expectations::default() }, &["V015", "V016", "V017"])?;
    Ok(format!("{crates} crates"))
}

/// Whether the image passes these rules.
fn holds(files: &Files, expectations: &Expectations, ids: &[&str]) -> Result<(), String> {
    let findings = rules::judge_medium(&Medium::read(file(files, IMAGE)?), expectations);
    let broken = findings.iter().find_map(|Finding { id, outcome, .. }| match outcome {
        Outcome::Fail(why) if ids.contains(id) => Some(format!("{id}: {why}")),
        _ => None,
    });
    broken.map_or(Ok(()), Err)
}

fn json(files: &Files, name: &str) -> Result<Value, String> {
    serde_json::from_slice(file(files, name)?).map_err(|error| format!("{name}: {error}"))
}
