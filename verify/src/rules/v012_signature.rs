//! V012: the owner's signature.

use noreturn_image_format::{Sha256Digest, owner};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::Rule;
use crate::Expectations;
use crate::medium::Medium;
use crate::report::Outcome;

/// The manifest is signed with the key that the loader holds, and that is the key that the person who asks expects.
pub(super) const RULE: Rule = Rule { id: "V012", title: "the owner has signed the manifest", check };

/// A signature that fits says little if nobody says whose key it should be.
fn check(medium: &Medium<'_>, expectations: &Expectations) -> Outcome {
    match (signer(medium), expectations.owner) {
        (Err(reason), _) => Outcome::Fail(reason),
        (Ok(key), None) => Outcome::Skipped(format!(
            "no --key was given; it is signed with {}, as the loader wants",
            Sha256Digest(key)
        )),
        (Ok(key), Some(expected)) if key == expected => Outcome::Pass(Sha256Digest(key).to_string()),
        (Ok(key), Some(expected)) => Outcome::Fail(format!(
            "the loader holds the key {}, expected {}",
            Sha256Digest(key),
            Sha256Digest(expected)
        )),
    }
}

/// The key in the loader, with which the manifest is signed.
fn signer(medium: &Medium<'_>) -> Result<[u8; owner::KEY_BYTES], String> {
    let key = owner::read(medium.loader()?).ok_or("the loader has no place for an owner's key")?;
    if key == [0; owner::KEY_BYTES] {
        return Err("the loader holds no owner's key".to_owned());
    }
    let parsed = medium.manifest.as_ref().map_err(|_| "the manifest cannot be read")?;
    UnparsedPublicKey::new(&ED25519, key).verify(parsed.signed, &parsed.signature).map_err(|_| {
        format!("the manifest is not signed with the key {}, which the loader holds", Sha256Digest(key))
    })?;
    Ok(key)
}
