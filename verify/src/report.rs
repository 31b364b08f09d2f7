//! The verdict, for people and for programs.

use std::fmt;

use noreturn_image_format::Sha256Digest;
use serde_json::{Value, json};

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
    /// What it found.
    pub outcome: Outcome,
}

/// Every finding about one image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Length of the image.
    pub image_bytes: u64,
    /// Digest of the image.
    pub image_sha256: Sha256Digest,
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
        let rule = |finding: &Finding| {
            json!({
                "id": finding.id,
                "title": finding.title,
                "outcome": finding.outcome.name(),
                "detail": finding.outcome.detail(),
            })
        };
        json!({
            "verdict": self.verdict(),
            "image_bytes": self.image_bytes,
            "image_sha256": self.image_sha256.to_string(),
            "rules": self.findings.iter().map(rule).collect::<Vec<_>>(),
        })
    }

    fn verdict(&self) -> &'static str {
        if self.passed() { "pass" } else { "fail" }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { id, title, outcome } in &self.findings {
            writeln!(f, "{id} {:7} {title}: {}", outcome.name(), outcome.detail())?;
        }
        writeln!(f, "image {} bytes, SHA-256 {}", self.image_bytes, self.image_sha256)?;
        writeln!(f, "verdict {}", self.verdict())
    }
}
