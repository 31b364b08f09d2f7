//! A bill of materials, as the verifier reads it.

use noreturn_image_format::Sha256Digest;
use noreturn_verify::model::kernel;
use noreturn_verify::{Bill, Expectations, Outcome, Report, judge};

use super::medium::sound_image;

/// Reads the input; what can be read is judged beside an image.
pub(super) fn bill(data: &[u8]) {
    match Bill::parse(data) {
        Err(why) => assert!(!why.is_empty()),
        Ok(bill) => {
            check(&judge(sound_image(), &Expectations { bill: Some(bill), ..Expectations::default() }), data)
        }
    }
}

/// Nobody passes as the bill of an image without the digest of its kernel.
fn check(report: &Report, data: &[u8]) {
    let outcome =
        |id: &str| report.findings.iter().find(|finding| finding.id == id).map(|found| &found.outcome);
    for id in ["V015", "V016", "V017"] {
        assert!(outcome(id).is_some_and(|outcome| !matches!(outcome, Outcome::Skipped(_))), "{id}");
    }
    if matches!(outcome("V015"), Some(Outcome::Pass(_))) {
        let digest = Sha256Digest::of(&kernel()).to_string();
        // Written again: JSON has many ways to write a digit.
        let text = serde_json::from_slice::<serde_json::Value>(data).expect("it was read").to_string();
        assert!(text.contains(&digest), "{text}");
    }
}
