//! JSON of attestations.

use std::collections::BTreeMap;

use noreturn_wire::attestation::QUOTED_PCRS;
use serde::Serialize;

use super::{finding_payload, hex};
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
    let alarm = finding.check.fault().map(|_| ALARM);
    finding_payload(origin, alarm, &FindingJson::from(finding))
}
