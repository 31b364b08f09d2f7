//! What `diode-verify check` shows at a terminal, and what it writes.

mod common;

use std::process::{Command, Output};

use noreturn_verify::{Expectations, Outcome, judge};

use common::{image, name, save};

const PROGRAM: &str = env!("CARGO_BIN_EXE_diode-verify");
const ESCAPE: char = '\x1b';

/// What steers colours, and is not to come from whoever runs the tests: a build server's `CI` counts as
/// a terminal that shows colours, whatever `TERM` says.
const VARIABLES: [&str; 6] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "COLORTERM", "CI"];

fn output(command: &mut Command, variables: &[(&str, &str)]) -> Output {
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied()).output().expect("it runs")
}

fn check(arguments: &[&str]) -> Output {
    output(Command::new(PROGRAM).arg("check").args(arguments), &[])
}

fn shown(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it is text")
}

/// Runs a check in a terminal of its own, which `script` of the Debian package bsdutils makes.
fn at_a_terminal(image: &str, options: &str, variables: &[(&str, &str)]) -> String {
    let line = format!("'{PROGRAM}' check '{image}' {options}");
    let output = output(Command::new("script").args(["-qec", &line, "/dev/null"]), variables);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    shown(&output)
}

#[test]
fn colour_is_for_terminals_and_can_be_refused() {
    let file = save(image());
    let at =
        |options, variables: &[(&str, &str)]| at_a_terminal(name(&file), options, variables).contains(ESCAPE);
    let xterm = ("TERM", "xterm");
    assert!(at("", &[xterm]));
    assert!(at("", &[xterm, ("NO_COLOR", "")]), "an empty NO_COLOR means nothing");
    assert!(!at("", &[xterm, ("NO_COLOR", "1")]));
    assert!(!at("", &[("TERM", "dumb")]));
    assert!(at("", &[("TERM", "dumb"), ("CI", "true")]));
    assert!(!at("--color never", &[xterm]));
    assert!(!at("--json", &[xterm]));
    assert!(at("--color always", &[xterm, ("NO_COLOR", "1")]), "who asks for colour gets it");
}

#[test]
fn a_pipe_gets_colour_only_if_it_asks() {
    let file = save(image());
    assert!(!shown(&check(&[name(&file)])).contains(ESCAPE));
    assert!(!shown(&check(&[name(&file), "--color", "auto"])).contains(ESCAPE));
    assert!(!shown(&check(&[name(&file), "--color", "never"])).contains(ESCAPE));
    let coloured = shown(&check(&[name(&file), "--color", "always"]));
    assert!(coloured.contains("\x1b[32mpass"), "{coloured}");
    assert_eq!(check(&[name(&file), "--color", "sometimes"]).status.code(), Some(2));
}

#[test]
fn text_fits_a_screen_and_ends_with_the_verdict() {
    let passed = judge(image(), &Expectations::default()).to_string();
    assert_eq!(passed.lines().count(), 32, "{passed}");
    assert_eq!(passed.lines().last(), Some("lint pass"));
    assert!(passed.contains("\nrules 18 pass, 0 fail, 9 skipped\n"), "{passed}");
    let mut report = judge(image(), &Expectations::default());
    report.findings[4].outcome = Outcome::Fail(format!("\x1b[2J{}", "x".repeat(1 << 20)));
    let failed = report.to_string();
    assert!(
        failed.contains("V005 fail    the kernel is the one in the manifest\n             \\u{1b}[2Jxx"),
        "{failed}"
    );
    assert!(failed.len() < 5000 && !failed.contains(ESCAPE));
    assert_eq!(failed.lines().last(), Some("lint fail"));
}

#[test]
fn json_tells_how_each_rule_was_checked_and_what_it_supports() {
    let file = save(image());
    let report: serde_json::Value = serde_json::from_slice(&check(&[name(&file), "--json"]).stdout).unwrap();
    assert_eq!(report["verifier_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["site_given"], false);
    assert!(report["expected_sha256"].is_null());
    for rule in report["rules"].as_array().unwrap() {
        assert!(rule["method"].is_string(), "{rule}");
        assert!(
            rule["controls"][0]["id"].is_string() && rule["controls"][0]["standard"].is_string(),
            "{rule}"
        );
    }
}

#[test]
fn the_page_is_written_whatever_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let page_name = page.to_str().unwrap();
    for (bytes, code) in [(image(), 0), (&image()[..1 << 19], 1)] {
        let file = save(bytes);
        let output = check(&[name(&file), "--html", page_name]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let image_name = file.path().file_name().unwrap().to_str().unwrap();
        let expected = judge(bytes, &Expectations::default()).to_html(image_name);
        assert!(std::fs::read_to_string(&page).unwrap() == expected);
    }
}

#[test]
fn without_its_page_a_check_gives_no_verdict() {
    let file = save(image());
    let output = check(&[name(&file), "--html", "/nowhere/page.html"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(shown(&output), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/page.html: cannot be written"));
}

#[test]
fn the_page_is_not_written_over_what_is_judged() {
    let file = save(image());
    let output = check(&[name(&file), "--html", name(&file)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(std::fs::read(file.path()).unwrap() == image());
}
