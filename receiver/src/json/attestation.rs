//! JSON of attestations.

use std::collections::BTreeMap;

use noreturn_wire::attestation::QUOTED_PCRS;
use serde::Serialize;

use super::{hex, to_vec};
use crate::attestation::{Fault, Finding};
use crate::item::Origin;

pub(super) const ALARM: &str = "attestation-mismatch";

#[derive(Serialize)]
pub(super) struct FindingJson {
    attestation_check: &'static str,
    attestation_fault: Option<&'static str>,
    attestation_key_sha256: Option<String>,
    /// By the number of the register.
    pcrs: BTreeMap<u8, String>,
    wrong_pcrs: Vec<u8>,
}

impl From<&Finding> for FindingJson {
    fn from(finding: &Finding) -> Self {
        let fault = finding.check.fault();
        let registers = finding.registers.iter().flatten();
        Self {
            attestation_check: finding.check.word(),
            attestation_fault: fault.map(Fault::word),
            attestation_key_sha256: finding.key.as_ref().map(hex),
            pcrs: QUOTED_PCRS.into_iter().zip(registers.map(hex)).collect(),
            wrong_pcrs: match fault {
                Some(Fault::Registers(wrong)) => wrong.clone(),
                _ => Vec::new(),
            },
        }
    }
}

/// The MQTT payload of a change of the attestation.
#[must_use]
pub fn attestation_payload(origin: &Origin, finding: &Finding) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'a> {
        active: bool,
        alarm: Option<&'static str>,
        boot: &'a str,
        #[serde(flatten)]
        finding: FindingJson,
    }
    let active = finding.check.fault().is_some();
    let alarm = active.then_some(ALARM);
    to_vec(&Payload { active, alarm, boot: &origin.boot_text, finding: finding.into() })
}
