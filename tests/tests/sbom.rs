//! The bill of materials that `./scripts/build` makes: it names every crate that left code in the kernel, and the very programs.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow};
use noreturn_tests::repository::{built, kernel, loader};
use noreturn_verify::crates_of;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What the compiler itself makes, such as the way to the allocator.
const COMPILER: &str = "__rustc";

fn bill() -> Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(built("dist/sbom.cdx.json")?)?)?)
}

fn texts<'v>(list: &'v Value, key: &'static str) -> impl Iterator<Item = &'v str> {
    list.as_array().into_iter().flatten().filter_map(move |entry| entry[key].as_str())
}

#[test]
fn every_crate_with_code_in_the_kernel_is_in_the_bill() -> Result<()> {
    let bill = bill()?;
    let billed: BTreeSet<String> =
        texts(&bill["components"], "name").map(|name| name.replace('-', "_")).collect();
    // Hermit's package is called otherwise than its crate.
    let is_billed = |name: &String| {
        billed.contains(name) || name == COMPILER || name == "hermit" && billed.contains("hermit_kernel")
    };
    let found = crates_of(&std::fs::read(kernel()?)?).map_err(|why| anyhow!(why))?;
    assert!(found.len() > 40, "only {found:?}");
    let missing: Vec<_> = found.iter().filter(|name| !is_billed(name)).collect();
    assert!(missing.is_empty(), "{missing:?} are in the kernel and not in the bill");
    Ok(())
}

#[test]
fn the_bill_is_of_these_programs() -> Result<()> {
    let bill = bill()?;
    let programs = bill["metadata"]["component"]["components"].as_array().context("no programs")?;
    for (program, path) in programs.iter().zip([kernel()?, loader()?]) {
        let digest: String =
            Sha256::digest(std::fs::read(path)?).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(program["hashes"][0]["content"], digest.as_str(), "{program}");
    }
    assert_eq!(programs.len(), 2);
    Ok(())
}
