//! The report that `scripts/prove --report` writes about a kernel (JSON, `docs/proof.md`).

use std::collections::{BTreeMap, BTreeSet};

use noreturn_image_format::Sha256Digest;
use serde_json::Value;

/// The longest report that is read.
pub const PROOF_BYTES_MAX: u64 = 1 << 20;
/// What must be proved; `docs/proof.md` says what each claims.
pub(crate) const CLAIMS: [&str; 9] = ["P01", "P02", "P03", "P04", "P05", "P06", "P07", "P08", "P09"];
const FORMAT: &str = "noreturn-proof-1";

/// What was proved of a kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    pub(crate) kernel_sha256: Sha256Digest,
    /// Whether each claim was proved.
    pub(crate) claims: BTreeMap<String, bool>,
    pub(crate) faults: Vec<Fault>,
}

/// A fault that was planted in a copy of the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub id: String,
    /// The claim that must fail of it.
    pub claim: String,
    pub is_found: bool,
}

impl Proof {
    /// Reads a report.
    ///
    /// # Errors
    /// What is missing or of another kind, in words for people.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let report: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if report["format"] != FORMAT {
            return Err(format!("\"format\" is not \"{FORMAT}\""));
        }
        let digest = report["kernel_sha256"].as_str().and_then(Sha256Digest::parse);
        let kernel_sha256 = digest.ok_or("\"kernel_sha256\" is no SHA-256")?;
        let claims = list(&report, "claims")?.iter().map(|claim| {
            let proved = claim["proved"].as_bool().ok_or("a claim does not say whether it is proved")?;
            Ok((text_of(claim, "id")?, proved))
        });
        let claims: Vec<(String, bool)> = claims.collect::<Result<_, String>>()?;
        let count = claims.len();
        let claims: BTreeMap<_, _> = claims.into_iter().collect();
        if claims.len() != count {
            return Err("a claim is named twice".to_owned());
        }
        let faults = list(&report, "faults")?.iter().map(|fault| {
            let is_found = fault["found"].as_bool().ok_or("a fault does not say whether it was found")?;
            Ok(Fault { id: text_of(fault, "id")?, claim: text_of(fault, "claim")?, is_found })
        });
        let faults: Vec<Fault> = faults.collect::<Result<_, String>>()?;
        if faults.iter().map(|fault| &fault.id).collect::<BTreeSet<_>>().len() != faults.len() {
            return Err("a fault is named twice".to_owned());
        }
        Ok(Self { kernel_sha256, claims, faults })
    }
}

fn list<'r>(report: &'r Value, name: &str) -> Result<&'r [Value], String> {
    report[name].as_array().map(Vec::as_slice).ok_or_else(|| format!("\"{name}\" is no list"))
}

fn text_of(value: &Value, name: &str) -> Result<String, String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("\"{name}\" is missing"))
}
