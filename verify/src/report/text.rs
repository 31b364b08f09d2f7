//! The report for people at a terminal: what holds takes a line, what does not says why, and the verdict comes last.

use std::fmt;

use anstyle::{AnsiColor, Style};

use super::visible::Visible;
use super::{Finding, LINT, Outcome, Report};

/// A name in a hostile kernel may be as long as the kernel. JSON and HTML give the whole of it.
const CHARACTERS_MAX: usize = 400;

/// How results look.
pub(super) struct Palette {
    pass: Style,
    fail: Style,
    skipped: Style,
}

pub(super) const PLAIN: Palette = Palette { pass: Style::new(), fail: Style::new(), skipped: Style::new() };
pub(super) const COLOURS: Palette = Palette {
    pass: AnsiColor::Green.on_default(),
    fail: AnsiColor::Red.on_default().bold(),
    skipped: AnsiColor::Yellow.on_default(),
};

/// The report as text.
pub(super) struct Text<'r> {
    pub report: &'r Report,
    pub palette: Palette,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        report.findings.iter().try_for_each(|finding| self.write_finding(f, finding))?;
        let [pass, fail, skipped] = report.counts();
        writeln!(f, "image {} bytes, SHA-256 {}", report.image_bytes, report.image_sha256)?;
        if report.behind.bytes > 0 {
            writeln!(f, "      {}", report.behind)?;
        }
        writeln!(f, "rules {pass} pass, {fail} fail, {skipped} skipped")?;
        for (place, (id, why)) in report.not_asked().enumerate() {
            write!(f, "{}{id} ({})", if place == 0 { "not asked " } else { ", " }, shown(why))?;
        }
        if report.not_asked().next().is_some() {
            writeln!(f)?;
        }
        if report.kind() == "lint" {
            writeln!(f, "{LINT}")?;
        }
        let style = if report.passed() { self.palette.pass } else { self.palette.fail };
        let kind = if report.kind() == "check" { "verdict" } else { "lint" };
        writeln!(f, "{kind} {style}{}{style:#}", report.verdict())
    }
}

impl Text<'_> {
    fn write_finding(&self, f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
        let Finding { id, title, outcome, .. } = finding;
        let style = self.style(outcome);
        write!(f, "{id} {style}{:7}{style:#} {title}", outcome.name())?;
        match outcome {
            Outcome::Pass(_) => writeln!(f),
            Outcome::Skipped(reason) => writeln!(f, ": {}", shown(reason)),
            Outcome::Fail(reason) => writeln!(f, "\n             {}", shown(reason)),
        }
    }

    const fn style(&self, outcome: &Outcome) -> Style {
        match outcome {
            Outcome::Pass(_) => self.palette.pass,
            Outcome::Fail(_) => self.palette.fail,
            Outcome::Skipped(_) => self.palette.skipped,
        }
    }
}

fn shown(text: &str) -> String {
    let whole = Visible(text).to_string();
    match whole.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}… (--json has the rest)", &whole[..end]),
        None => whole,
    }
}
