//! V014: the signature for Secure Boot.

use super::Rule;
use crate::Expectations;
use crate::authenticode::signer;
use crate::medium::Medium;
use crate::report::Outcome;

/// The loader is signed with the key of the certificate that the person who asks expects; if nobody asks, it may be unsigned, but no
/// signature that is there may be wrong.
pub(super) const RULE: Rule = Rule { id: "V014", title: "the loader is signed for Secure Boot", check };

fn check(medium: &Medium<'_>, expectations: &Expectations) -> Outcome {
    let signer = medium.loader().and_then(signer);
    match (signer, &expectations.secure_boot) {
        (Err(reason), _) => Outcome::Fail(reason),
        (Ok(None), None) => {
            Outcome::Skipped("no --secure-boot-cert was given; the loader is not signed".to_owned())
        }
        (Ok(Some(found)), None) => Outcome::Skipped(format!(
            "no --secure-boot-cert was given; it is signed with the certificate that has the SHA-256 {}",
            found.sha256()
        )),
        (Ok(None), Some(_)) => Outcome::Fail("the loader is not signed".to_owned()),
        (Ok(Some(found)), Some(expected)) if found == *expected => {
            Outcome::Pass(format!("certificate {}", found.sha256()))
        }
        (Ok(Some(found)), Some(expected)) => Outcome::Fail(format!(
            "it is signed with the certificate {}, expected {}",
            found.sha256(),
            expected.sha256()
        )),
    }
}
