//! The rules, what they found, and the controls that this supports: by rule, and by control.

use std::fmt;

use super::write_badge;
use crate::controls::{self, Control, Standard};
use crate::report::visible::Escaped;
use crate::report::{Finding, Outcome, Report};

pub(super) fn write_overview(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    writeln!(f, "<section>\n<h2>Results</h2>\n<table>")?;
    writeln!(f, "<thead><tr><th>Rule</th><th>Demands</th><th>Result</th></tr></thead>\n<tbody>")?;
    for finding in &report.findings {
        let Finding { id, title, outcome, .. } = finding;
        write!(f, "<tr><td><a href=\"#{id}\">{id}</a></td><td>{}</td><td>", Escaped(title))?;
        write_badge(f, outcome)?;
        writeln!(f, "</td></tr>")?;
    }
    writeln!(f, "</tbody>\n</table>\n</section>")
}

pub(super) fn write_rules(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    writeln!(f, "<section>\n<h2>Each rule</h2>")?;
    report.findings.iter().try_for_each(|finding| write_rule(f, finding))?;
    writeln!(f, "</section>")
}

fn write_rule(f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
    let Finding { id, title, method, controls, outcome } = finding;
    write!(f, "<article id=\"{id}\">\n<h3>{id} ")?;
    write_badge(f, outcome)?;
    writeln!(f, " {}</h3>\n<dl>", Escaped(title))?;
    writeln!(f, "<dt>How</dt><dd>{}</dd>", Escaped(method))?;
    writeln!(f, "<dt>Found</dt><dd class=\"found\">{}</dd>", Escaped(outcome.detail()))?;
    writeln!(f, "<dt>{}</dt><dd>", support(outcome))?;
    Standard::ALL.into_iter().try_for_each(|standard| write_of_standard(f, standard, controls))?;
    writeln!(f, "</dd>\n</dl>\n</article>")
}

/// What a result does for the controls: one that fails, or that nobody asked for, supports nothing.
const fn support(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Pass(_) => "Supports evidence for",
        Outcome::Fail(_) => "Failed, so no evidence for",
        Outcome::Skipped(_) => "Not asked, so no evidence for",
    }
}

fn write_of_standard(f: &mut fmt::Formatter<'_>, standard: Standard, controls: &[Control]) -> fmt::Result {
    let of_standard: Vec<_> = controls.iter().filter(|control| control.standard == standard).collect();
    if of_standard.is_empty() {
        return Ok(());
    }
    write!(f, "<p><b>{}</b> ", standard.name())?;
    for (place, Control { id, title, .. }) in of_standard.into_iter().enumerate() {
        let separator = if place == 0 { "" } else { "; " };
        write!(f, "{separator}<span class=\"id\">{id}</span> {}", Escaped(title))?;
    }
    writeln!(f, "</p>")
}

pub(super) fn write_controls(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    writeln!(f, "<section>\n<h2>Each control</h2>")?;
    writeln!(f, "<p>Rules that pass support evidence for the control; others do not.</p>\n<table>")?;
    writeln!(f, "<thead><tr><th>Control</th><th>Title</th><th>Rules</th></tr></thead>")?;
    for standard in Standard::ALL {
        writeln!(f, "<tbody>\n<tr><th colspan=\"3\" scope=\"rowgroup\">{}</th></tr>", standard.name())?;
        let of_standard = controls::ALL.iter().filter(|control| control.standard == standard);
        of_standard.into_iter().try_for_each(|control| write_control(f, control, report))?;
        writeln!(f, "</tbody>")?;
    }
    writeln!(f, "</table>\n</section>")
}

fn write_control(f: &mut fmt::Formatter<'_>, control: &Control, report: &Report) -> fmt::Result {
    write!(f, "<tr><td class=\"id\">{}</td><td>{}</td><td>", control.id, Escaped(control.title))?;
    for finding in report.findings.iter().filter(|finding| finding.controls.contains(control)) {
        let (id, result) = (finding.id, finding.outcome.name());
        writeln!(f, "<a class=\"{result}\" href=\"#{id}\">{id} {result}</a>")?;
    }
    writeln!(f, "</td></tr>")
}
