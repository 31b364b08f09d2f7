//! What must not be in the kernel: the verifier's rules about machine code hold for the kernel that is shipped, and each
//! fails for the kernel in which its own offence was planted.

use anyhow::{Context, Result};
use noreturn_tests::repository;
use noreturn_verify::{Finding, Outcome, judge_kernel, ways_to_interrupts};

/// Each rule, and what its message says of the planted kernel.
const PLANTED: [(&str, &str); 5] = [
    ("V020", "nvme"),
    ("V021", "::planted::absent::outside -> "),
    ("V022", "::planted::absent::arm_receiver"),
    ("V023", "::planted::absent::read_keyboard"),
    ("V024", "::planted::absent::use_vectors"),
];

fn findings(kernel: &std::path::Path) -> Result<Vec<Finding>> {
    Ok(judge_kernel(&std::fs::read(kernel)?))
}

#[test]
fn the_kernel_passes_every_rule_about_its_machine_code() -> Result<()> {
    let findings = findings(&repository::kernel()?)?;
    for finding in &findings {
        assert!(matches!(finding.outcome, Outcome::Pass(_)), "{finding:?}");
    }
    let ids: Vec<_> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, PLANTED.map(|(id, _)| id), "a rule without a plant");
    Ok(())
}

#[test]
fn each_rule_finds_what_was_planted_for_it() -> Result<()> {
    let findings = findings(&repository::planted_kernel()?)?;
    for (id, expected) in PLANTED {
        let finding = findings.iter().find(|finding| finding.id == id).context(id)?;
        let found = matches!(&finding.outcome, Outcome::Fail(why) if why.contains(expected));
        assert!(found, "{expected} is not what was found: {finding:?}");
    }
    Ok(())
}

/// What misbehaves is in the kernel that is made for that, and in no other.
#[test]
fn the_kernel_holds_nothing_that_was_planted() -> Result<()> {
    let is_planted = |kernel: std::path::PathBuf| -> Result<bool> {
        let bytes = std::fs::read(kernel)?;
        Ok(bytes.windows(b"planted".len()).any(|window| window == b"planted"))
    };
    assert!(is_planted(repository::planted_kernel()?)?);
    assert!(!is_planted(repository::kernel()?)?);
    Ok(())
}

/// Whoever stops the box has switched interrupts off, and what it calls must leave them so; Hermit's system calls switch them on. That they
/// are found is seen from the loop, which sleeps by one.
#[test]
fn who_stops_the_box_comes_to_nothing_that_switches_interrupts_on() -> Result<()> {
    let kernel = std::fs::read(repository::kernel()?)?;
    let ways = |start: &str| ways_to_interrupts(&kernel, start).map_err(anyhow::Error::msg);
    assert_eq!(ways("noreturn_kernel::stop::stop")?, Vec::<String>::new());
    assert!(ways("main")?.iter().any(|way| way.contains("sys_usleep")), "{:?}", ways("main"));
    Ok(())
}

/// Symbols are what rules go by: a kernel without them is not taken for a good one.
#[test]
fn a_kernel_without_symbols_fails_every_rule() -> Result<()> {
    let stripped = tempfile::NamedTempFile::new()?;
    let mut strip = std::process::Command::new("strip");
    let done = strip.arg("-o").arg(stripped.path()).arg(repository::kernel()?).status()?;
    assert!(done.success());
    for finding in findings(stripped.path())? {
        assert!(matches!(finding.outcome, Outcome::Fail(_)), "{finding:?}");
    }
    Ok(())
}
