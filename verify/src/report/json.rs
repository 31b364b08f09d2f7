//! The report for programs.

use noreturn_image_format::Sha256Digest;
use serde_json::{Value, json};

use super::{Finding, Report, VERSION};
use crate::controls::Control;

pub(super) fn value(report: &Report) -> Value {
    json!({
        "kind": report.kind(),
        "verdict": report.verdict(),
        "not_asked": report.not_asked().map(|(id, why)| json!({ "id": id, "why": why })).collect::<Vec<_>>(),
        "verifier_version": VERSION,
        "image_bytes": report.image_bytes,
        "behind_bytes": report.behind.bytes,
        "behind_bytes_not_zero": report.behind.not_zero,
        "image_sha256": report.image_sha256.to_string(),
        "expected_sha256": report.asked.image_sha256.map(|digest| digest.to_string()),
        "expected_owner": report.asked.owner.map(|key| Sha256Digest(key).to_string()),
        "expected_secure_boot_cert": report.asked.secure_boot.map(|digest| digest.to_string()),
        "site_given": report.asked.site,
        "bill_given": report.asked.bill,
        "rebuilt_sha256": report.asked.rebuilt.map(|digest| digest.to_string()),
        "proof_given": report.asked.proof,
        "rules": report.findings.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn rule(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "title": finding.title,
        "method": finding.method,
        "outcome": finding.outcome.name(),
        "detail": finding.outcome.detail(),
        "controls": finding.controls.iter().map(control).collect::<Vec<_>>(),
    })
}

fn control(Control { standard, id, title }: &Control) -> Value {
    json!({ "standard": standard.name(), "id": id, "title": title })
}
