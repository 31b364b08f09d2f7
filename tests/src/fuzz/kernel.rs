//! The kernel's machine code, as the verifier reads it.

use noreturn_verify::model::kernel;
use noreturn_verify::{Outcome, judge_kernel};

use super::script::Script;

/// Rules about machine code.
const RULES: usize = 8;
/// Changes of one input at most.
const CHANGES_MAX: usize = 32;

/// Judges the input as it is, and as a list of changes to a kernel that passes.
pub(super) fn kernel_code(data: &[u8]) {
    judge(data);
    let mut changed = kernel();
    let mut script = Script(data);
    for _ in 0..CHANGES_MAX {
        if script.is_empty() {
            break;
        }
        let place = script.number() as usize % changed.len();
        let length = script.below(9).min(changed.len() - place);
        let change = script.take(length);
        changed[place..place + change.len()].copy_from_slice(change);
    }
    judge(&changed);
}

/// Every rule ends, and says why it fails; one that passes has seen something.
fn judge(kernel: &[u8]) {
    let findings = judge_kernel(kernel);
    assert_eq!(findings.len(), RULES);
    for finding in &findings {
        assert!(
            !matches!(finding.outcome, Outcome::Skipped(_)) && !finding.outcome.detail().is_empty(),
            "{finding:?}"
        );
    }
}
