//! The time that it takes to build twice and compare.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Figure;
use crate::repository::{built, root};

pub(super) fn measure() -> Result<Vec<Figure>> {
    let start = Instant::now();
    let output =
        Command::new(built("dist/diode-verify")?).arg("reproduce").arg("--source").arg(root()).output()?;
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    ensure!(output.status.success(), "{said}");
    Ok(vec![Figure::new("reproduce_s", start.elapsed().as_secs_f64(), "s")])
}
