//! The report for auditors: one page that needs no other file, runs nothing, and is the same whenever it is made.
//!
//! It is written so that a parser of XML reads it, too.

mod evidence;

use std::fmt;

use noreturn_image_format::Sha256Digest;

use super::visible::Escaped;
use super::{LINT, Outcome, Report, VERSION};

const STYLE: &str = include_str!("html/style.css");

/// What nobody may read into the page.
const LIMITS: [&str; 5] = [
    "It claims neither certification nor compliance. A result supports evidence for a control; whether the control is met is \
     for the auditor to say, who sees the whole plant. The controls were chosen by those who wrote the rules.",
    "It is about an image, not about a machine: firmware, cards, cables and the lock of the medium need evidence of their own.",
    "No rule reads the loader's machine code. Only V008, V012 as far as the owner is trusted, and V018 as far as whoever built \
     again is, tell the image that was expected from another one that is as well made.",
    "V020 to V027 go by names and constants in machine code, and the names are its builder's. What each of them cannot find is said in \
     docs/image.md. V018 and V019 are as good as who made the rebuild and the proof.",
    "It is not signed. Whoever has the image can make it again, byte for byte, with the same version of diode-verify.",
];

/// The page.
pub(super) struct Page<'r> {
    pub report: &'r Report,
    pub image_name: &'r str,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_head(f)?;
        self.write_subject(f)?;
        evidence::write_overview(f, self.report)?;
        self.write_configuration(f)?;
        evidence::write_rules(f, self.report)?;
        evidence::write_controls(f, self.report)?;
        write_limits(f)?;
        writeln!(f, "</main>\n</body>\n</html>")
    }
}

impl Page<'_> {
    fn write_head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>")?;
        // A browser refuses whatever a page was made to load in spite of all escaping.
        writeln!(
            f,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>"
        )?;
        writeln!(f, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>")?;
        writeln!(f, "<meta name=\"color-scheme\" content=\"light dark\"/>")?;
        writeln!(f, "<title>Evidence report: {}</title>", Escaped(self.image_name))?;
        writeln!(f, "<style>\n{STYLE}</style>\n</head>\n<body>\n<main>")
    }

    fn write_subject(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let [pass, fail, skipped] = report.counts();
        writeln!(f, "<header>\n<p class=\"product\">Noreturn, a software data diode</p>")?;
        writeln!(f, "<h1>Evidence report</h1>\n</header>")?;
        let (class, verdict) = if report.passed() {
            ("pass", "No rule is broken")
        } else {
            ("fail", "The image is not what it should be")
        };
        writeln!(f, "<p class=\"verdict {class}\"><strong>{}</strong> {verdict}: ", report.verdict())?;
        writeln!(f, "{pass} rules hold, {fail} are broken, {skipped} were not asked.</p>")?;
        if report.kind() == "lint" {
            writeln!(f, "<p class=\"verdict fail\"><strong>lint</strong> {}.</p>", Escaped(LINT))?;
        }
        writeln!(f, "<dl class=\"facts\">")?;
        write_fact(f, "Image", self.image_name)?;
        write_fact(f, "Length", &format!("{} bytes", report.image_bytes))?;
        if report.behind.bytes > 0 {
            write_fact(f, "Behind the image", &report.behind.to_string())?;
        }
        write_fact(f, "SHA-256", &report.image_sha256.to_string())?;
        write_fact(f, "Expected SHA-256", &expected_digest(report))?;
        write_fact(f, "Expected owner", &expected_owner(report))?;
        write_fact(f, "Expected configuration", expected_site(report))?;
        write_fact(f, "Expected certificate", &expected_certificate(report))?;
        write_fact(f, "Expected contents", expected_bill(report))?;
        write_fact(f, "Independent rebuild", &rebuilt(report))?;
        write_fact(f, "Proof", proof(report))?;
        write_fact(f, "Judged by", &format!("diode-verify {VERSION}"))?;
        writeln!(f, "</dl>")
    }

    fn write_configuration(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<section>\n<h2>What the image is configured to do</h2>")?;
        match &self.report.configuration {
            Ok(summary) => {
                writeln!(f, "<p>Read from the image. Its secret key is not shown.</p>\n<pre>")?;
                // A line each, so that a long one goes on where it began.
                summary.lines().try_for_each(|line| write!(f, "<code>{}\n</code>", Escaped(line)))?;
                writeln!(f, "</pre>")?;
            }
            Err(reason) => writeln!(f, "<p>The configuration cannot be read: {}.</p>", Escaped(reason))?,
        }
        writeln!(f, "</section>")
    }
}

fn expected_digest(report: &Report) -> String {
    match report.asked.image_sha256 {
        Some(digest) => digest.to_string(),
        None => "none was given, so V008 was not asked".to_owned(),
    }
}

fn expected_owner(report: &Report) -> String {
    match report.asked.owner {
        Some(key) => Sha256Digest(key).to_string(),
        None => "none was given, so V012 was not asked".to_owned(),
    }
}

const fn expected_bill(report: &Report) -> &'static str {
    if report.asked.bill {
        "that of a bill of materials, see V015 to V017"
    } else {
        "no bill of materials was given, so V015 to V017 were not asked"
    }
}

const fn expected_site(report: &Report) -> &'static str {
    if report.asked.site {
        "that of a site file with its key, see V009"
    } else {
        "no site file was given, so V009 was not asked"
    }
}

fn expected_certificate(report: &Report) -> String {
    match report.asked.secure_boot {
        Some(digest) => digest.to_string(),
        None => "none for Secure Boot was given, so V014 was not asked".to_owned(),
    }
}

fn rebuilt(report: &Report) -> String {
    match report.asked.rebuilt {
        Some(digest) => format!("an image with the SHA-256 {digest}, see V018"),
        None => "none was given, so V018 was not asked".to_owned(),
    }
}

const fn proof(report: &Report) -> &'static str {
    if report.asked.proof {
        "a report of scripts/prove, see V019"
    } else {
        "none was given, so V019 was not asked"
    }
}

fn write_fact(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "<dt>{name}</dt><dd>{}</dd>", Escaped(value))
}

fn write_limits(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "<section>\n<h2>What this report does not say</h2>\n<ul>")?;
    LIMITS.iter().try_for_each(|limit| writeln!(f, "<li>{}</li>", Escaped(limit)))?;
    writeln!(f, "</ul>\n</section>")
}

/// The result as a word that has a colour, too.
fn write_badge(f: &mut fmt::Formatter<'_>, outcome: &Outcome) -> fmt::Result {
    let name = outcome.name();
    write!(f, "<span class=\"badge {name}\">{name}</span>")
}
