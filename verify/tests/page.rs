//! The page for auditors: well formed whatever the image says, with nothing to run or to load, and the same each time.

mod common;

use std::sync::LazyLock;

use noreturn_verify::{Expectations, Finding, Outcome, Report, judge};
use proptest::prelude::*;
use roxmltree::{Document, ParsingOptions};

use common::{everything, image};

const HOSTILE: &str =
    "</td></pre><script src='//x'>alert(1)</script>\" onload=\"x\" &lt; \x1b[2J\0\u{202e}]]>-->";

/// Reads a page as XML, which forgives less than a browser.
#[track_caller]
fn parse(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).expect("the page is well formed")
}

fn text_of(document: &Document<'_>) -> String {
    document.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).collect()
}

fn judged() -> Report {
    judge(image(), &everything())
}

/// One report for all tests, with every rule asked but V014, since the loader is not signed for Secure Boot.
fn full_report() -> Report {
    static REPORT: LazyLock<Report> = LazyLock::new(judged);
    REPORT.clone()
}

#[test]
fn the_page_tells_what_was_judged_and_how() {
    let report = full_report();
    let page = report.to_html("diode.img");
    let text = text_of(&parse(&page));
    for wanted in [
        "diode.img",
        &report.image_sha256.to_string(),
        &format!("{} bytes", report.image_bytes),
        &format!("diode-verify {}", env!("CARGO_PKG_VERSION")),
        "26 rules hold, 0 are broken, 1 were not asked",
        "diode    7 \"waterworks-east\"",
        "to 10.0.2.2:4100",
        "neither certification nor compliance",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in the page");
    }
    for Finding { id, title, method, controls, outcome } in &report.findings {
        assert!([title, method, outcome.detail()].iter().all(|part| text.contains(part)), "{id}");
        assert!(
            controls.iter().all(|control| text.contains(control.id) && text.contains(control.title)),
            "{id}"
        );
    }
}

#[test]
fn the_key_is_not_in_the_page() {
    let page = full_report().to_html("diode.img");
    assert!(!page.contains(&"07".repeat(8)) && !page.contains("7, 7, 7"));
}

#[test]
fn what_was_not_asked_or_failed_supports_nothing() {
    let page = judge(image(), &Expectations::default()).to_html("diode.img");
    let text = text_of(&parse(&page));
    assert_eq!(text.matches("Not asked, so no evidence for").count(), 9);
    assert_eq!(text.matches("Supports evidence for").count(), 18);
    let broken = judge(b"no image", &Expectations::default()).to_html("diode.img");
    let text = text_of(&parse(&broken));
    assert!(text.contains("The configuration cannot be read: "));
    assert_eq!(text.matches("Failed, so no evidence for").count(), 20);
    assert!(!text.contains("Supports evidence for"));
}

#[test]
fn the_page_runs_and_loads_nothing() {
    let page = full_report().to_html("diode.img");
    let document = parse(&page);
    for node in document.descendants().filter(|node| node.is_element()) {
        let name = node.tag_name().name();
        assert!(!["script", "link", "img", "iframe", "object", "form", "base"].contains(&name), "{name}");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on") && attribute.name() != "src", "{attribute:?}");
            assert!(attribute.name() != "href" || attribute.value().starts_with('#'), "{attribute:?}");
        }
    }
    assert!(["url(", "@import", "http:", "https:"].iter().all(|outside| !page.contains(outside)));
}

#[test]
fn links_lead_to_a_rule_and_ids_are_unique() {
    let page = full_report().to_html("diode.img");
    let document = parse(&page);
    let values =
        |name: &str| document.descendants().filter_map(move |node| node.attribute(name)).collect::<Vec<_>>();
    let mut ids = values("id");
    assert!(values("href").iter().all(|target| ids.contains(&target.trim_start_matches('#'))));
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
}

#[test]
fn the_same_image_gives_the_same_page() {
    assert_eq!(judged().to_html("diode.img"), judged().to_html("diode.img"));
}

#[test]
fn hostile_text_is_only_text() {
    let page = hostile(HOSTILE).to_html(HOSTILE);
    let document = parse(&page);
    assert!(!document.descendants().any(|node| node.tag_name().name() == "script"));
    assert_eq!(document.descendants().filter(|node| node.tag_name().name() == "pre").count(), 1);
    let shown = HOSTILE.replace('\x1b', "\\u{1b}").replace('\0', "\\u{0}").replace('\u{202e}', "\\u{202e}");
    assert!(text_of(&document).matches(&shown).count() >= 4);
}

/// A report in which whatever an image can say is `text`.
fn hostile(text: &str) -> Report {
    let mut report = full_report();
    report.configuration = Ok(text.to_owned());
    report.findings[0].outcome = Outcome::Fail(text.to_owned());
    report.findings[1].outcome = Outcome::Pass(text.to_owned());
    report.findings[2].outcome = Outcome::Skipped(text.to_owned());
    report
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_gives_a_page_of_the_same_shape(text in any::<String>(), name in any::<String>()) {
        // The configuration's lines are elements, and may be any number.
        let is_of_shape = |node: &roxmltree::Node<'_, '_>| node.is_element() && node.tag_name().name() != "code";
        let shape = |page: &str| parse(page).descendants().filter(is_of_shape).count();
        prop_assert_eq!(shape(&hostile(&text).to_html(&name)), shape(&hostile("text").to_html("name")));
    }
}
