//! The verdict. How it is shown: as text for people, as JSON for programs, as an HTML page for auditors.

mod html;
mod json;
mod text;
pub(crate) mod visible;

use std::fmt;

use noreturn_image_format::Sha256Digest;
use noreturn_image_format::stick::Behind;
use serde_json::Value;

use crate::controls::Control;

/// The version of this program, which every report for keeping names.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a report without an independent rebuild and a proof must not be taken for.
const LINT: &str = "this is a lint, not a check: rules about machine code go by its builder's names; a check needs --rebuilt and --proof";

/// What one rule found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The rule holds; with what it saw.
    Pass(String),
    /// The rule is broken, or what it needs cannot be read; with the reason.
    Fail(String),
    /// Nobody asked; with how to ask.
    Skipped(String),
}

impl Outcome {
    /// `pass`, `fail` or `skipped`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Fail(_) => "fail",
            Self::Skipped(_) => "skipped",
        }
    }

    /// What was seen, or the reason.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Pass(detail) | Self::Fail(detail) | Self::Skipped(detail) => detail,
        }
    }
}

impl From<Result<String, String>> for Outcome {
    fn from(result: Result<String, String>) -> Self {
        result.map_or_else(Self::Fail, Self::Pass)
    }
}

/// One rule and what it found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Such as `V001`; never given to another rule.
    pub id: &'static str,
    /// What the rule demands.
    pub title: &'static str,
    /// How it is checked, in one sentence.
    pub method: &'static str,
    /// What the result supports evidence for.
    pub controls: &'static [Control],
    /// What it found.
    pub outcome: Outcome,
}

/// What the person who asked expected of the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Digest of the whole image, if one was given.
    pub image_sha256: Option<Sha256Digest>,
    /// The owner's public key, if one was given.
    pub owner: Option<[u8; 32]>,
    /// Whether a site file was given.
    pub site: bool,
    /// Digest of the certificate for Secure Boot, if one was given.
    pub secure_boot: Option<Sha256Digest>,
    /// Whether a bill of materials was given.
    pub bill: bool,
    /// Digest of an independent rebuild, if one was given.
    pub rebuilt: Option<Sha256Digest>,
    /// Whether a proof of the kernel's machine code was given.
    pub proof: bool,
}

/// Every finding about one image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Length of the image.
    pub image_bytes: u64,
    /// Digest of the image.
    pub image_sha256: Sha256Digest,
    /// What lies behind it, where it was read from.
    pub behind: Behind,
    /// What was expected of it.
    pub asked: Asked,
    /// What its configuration means, in words and without its key; or why it cannot be read.
    pub configuration: Result<String, String>,
    /// One for each rule, in the order of the ids.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether no rule failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.findings.iter().any(|finding| matches!(finding.outcome, Outcome::Fail(_)))
    }

    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json::value(self)
    }

    /// The report as a page that needs no other file. `image_name` may be any text.
    #[must_use]
    pub fn to_html(&self, image_name: &str) -> String {
        html::Page { report: self, image_name }.to_string()
    }

    /// The report as text with colours, for terminals. Without them, it is what [`fmt::Display`] gives.
    #[must_use]
    pub fn in_colour(&self) -> String {
        text::Text { report: self, palette: text::COLOURS }.to_string()
    }

    /// What it is: `check` only with an independent rebuild and a proof. Without them the names in the machine code are its builder's, and the
    /// report is a `lint`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.asked.rebuilt.is_some() && self.asked.proof { "check" } else { "lint" }
    }

    /// The rules that were not asked, each with how to ask.
    fn not_asked(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.findings.iter().filter_map(|finding| match &finding.outcome {
            Outcome::Skipped(why) => Some((finding.id, why.as_str())),
            _ => None,
        })
    }

    fn verdict(&self) -> &'static str {
        if self.passed() { "pass" } else { "fail" }
    }

    /// How many rules hold, are broken, and were not asked.
    fn counts(&self) -> [usize; 3] {
        let count = |name| self.findings.iter().filter(|finding| finding.outcome.name() == name).count();
        ["pass", "fail", "skipped"].map(count)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::Text { report: self, palette: text::PLAIN }.fmt(f)
    }
}
