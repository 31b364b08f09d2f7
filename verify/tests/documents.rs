//! Every rule says how it is checked and what it supports, and `docs/verify.md` says the same.

use std::collections::BTreeSet;

use noreturn_verify::controls::{ALL, Control};
use noreturn_verify::{Expectations, Finding, judge};

const DOCUMENT: &str = include_str!("../../docs/verify.md");

fn findings() -> Vec<Finding> {
    judge(&[], &Expectations::default()).findings
}

/// Lines of the document's tables that begin like this.
fn rows(is_wanted: impl Fn(&str) -> bool) -> Vec<&'static str> {
    DOCUMENT.lines().filter(|line| line.strip_prefix("| ").is_some_and(&is_wanted)).collect()
}

#[test]
fn every_rule_has_a_method_and_a_control() {
    for Finding { id, method, controls, .. } in findings() {
        assert!(
            method.ends_with('.') && method.matches(". ").count() == 0,
            "{id}: not one sentence: {method}"
        );
        assert!(!controls.is_empty(), "{id}");
        let places: Vec<_> =
            controls.iter().map(|control| ALL.iter().position(|other| other == control)).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{id}: in the order of the standards, each once");
    }
}

#[test]
fn every_control_is_unique_and_used() {
    let ids: BTreeSet<_> = ALL.iter().map(|control| control.id).collect();
    assert_eq!(ids.len(), ALL.len());
    let used: BTreeSet<_> =
        findings().iter().flat_map(|finding| finding.controls).map(|control| control.id).collect();
    assert_eq!(used, ids);
}

#[test]
fn the_document_lists_the_controls_of_each_rule() {
    let row = |Finding { id, controls, .. }: &Finding| {
        let controls: Vec<_> = controls.iter().map(|control| control.id).collect();
        format!("| {id} | {} |", controls.join(", "))
    };
    let expected: Vec<_> = findings().iter().map(row).collect();
    assert_eq!(rows(|row| row.starts_with("V0")), expected, "the table should be:\n{}", expected.join("\n"));
}

#[test]
fn the_document_lists_the_controls() {
    let row =
        |control: &Control| format!("| {} | {} | {} |", control.standard.name(), control.id, control.title);
    let expected: Vec<_> = ALL.iter().map(row).collect();
    let found = rows(|row| ALL.iter().any(|control| row.starts_with(control.standard.name())));
    assert_eq!(found, expected, "the table should be:\n{}", expected.join("\n"));
}

#[test]
fn the_document_tells_the_exit_codes() {
    let codes = rows(|row| ["0 |", "1 |", "2 |"].iter().any(|code| row.starts_with(code)));
    assert_eq!(codes.len(), 3, "{codes:?}");
}
