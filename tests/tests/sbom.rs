//! The bill of materials that `./scripts/build` makes is of the image beside it, and the verifier holds one to the other.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use noreturn_tests::repository::built;
use serde_json::Value;
use tempfile::TempDir;

/// What the verifier says of the rules about the bill, and of the image: `pass`, `fail` or `skipped`.
fn outcomes(bill: &Value) -> Result<Vec<Value>> {
    let folder = TempDir::new()?;
    let file = folder.path().join("bill.json");
    fs::write(&file, bill.to_string())?;
    let mut verifier = Command::new(built("dist/diode-verify")?);
    verifier.arg("check").arg(built("dist/diode.img")?).arg("--sbom").arg(file).arg("--json");
    let report: Value = serde_json::from_slice(&verifier.output()?.stdout)?;
    let outcome = |id: &str| {
        let rule = report["rules"].as_array()?.iter().find(|rule| rule["id"] == id)?;
        Some(rule["outcome"].clone())
    };
    ["V015", "V016", "V017"].map(|id| outcome(id).context(id.to_owned())).into_iter().collect()
}

fn bill() -> Result<Value> {
    Ok(serde_json::from_slice(&fs::read(built("dist/sbom.cdx.json")?)?)?)
}

#[test]
fn the_bill_is_of_this_image() -> Result<()> {
    let bill = bill()?;
    assert_eq!(outcomes(&bill)?, ["pass", "pass", "pass"]);
    let components = bill["components"].as_array().context("no components")?;
    assert!(components.len() > 100, "{bill}");
    let edited = components.iter().filter(|component| component["pedigree"]["ancestors"].is_array());
    let edited: Vec<_> = edited.filter_map(|component| component["name"].as_str()).collect();
    assert_eq!(edited, ["hermit-kernel", "smoltcp"]);
    Ok(())
}

#[test]
fn a_crate_less_or_a_licence_more_is_found() -> Result<()> {
    let mut less = bill()?;
    let crates = less["components"].as_array_mut().context("no components")?;
    crates.retain(|component| component["name"] != "smoltcp");
    assert_eq!(outcomes(&less)?, ["pass", "fail", "pass"]);
    let mut more = bill()?;
    more["components"][0]["licenses"][0]["expression"] = "AGPL-3.0-only".into();
    assert_eq!(outcomes(&more)?, ["pass", "pass", "fail"]);
    Ok(())
}
