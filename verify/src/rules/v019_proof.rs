//! V019: what was proved of the kernel.

use noreturn_image_format::Sha256Digest;

use super::Rule;
use crate::medium::Medium;
use crate::proof::{CLAIMS, Proof};
use crate::report::Outcome;

/// The report of `scripts/prove` is of this very kernel; every claim was proved, and every planted fault was found.
pub(super) const RULE: Rule = Rule {
    id: "V019",
    title: "every claim about the machine code of its outside drivers is proved of this kernel",
    check: |medium, expectations| match &expectations.proof {
        None => Outcome::Skipped("no --proof was given".to_owned()),
        Some(proof) => check(medium, proof).into(),
    },
};

fn check(medium: &Medium<'_>, proof: &Proof) -> Result<String, String> {
    let found = Sha256Digest::of(medium.kernel()?);
    if proof.kernel_sha256 != found {
        return Err(format!(
            "the proof is of a kernel with the SHA-256 {}, the image holds one with {found}",
            proof.kernel_sha256
        ));
    }
    if let Some(claim) = CLAIMS.iter().find(|claim| !proof.claims.get(**claim).is_some_and(|proved| *proved))
    {
        return Err(format!("{claim} is not proved"));
    }
    // A proof that cannot fail shows nothing.
    if let Some(claim) = CLAIMS.iter().find(|claim| !proof.faults.iter().any(|fault| fault.claim == **claim))
    {
        return Err(format!("no fault was planted for {claim}"));
    }
    match proof.faults.iter().find(|fault| !fault.is_found) {
        Some(fault) => Err(format!("{} was not found by {}", fault.id, fault.claim)),
        None => Ok(format!("{} claims proved, {} planted faults found", CLAIMS.len(), proof.faults.len())),
    }
}
