//! How much code there is, by what it is trusted with.

use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow};
use noreturn_verify::code_share;

use super::Figure;
use crate::repository::{kernel, root};

/// What the outside half runs for every frame: from the ring to the card's registers.
const OUTSIDE: [&str; 19] = [
    "crates/fec/src",
    "crates/link/src/key",
    "crates/link/src/key.rs",
    "crates/link/src/sender",
    "crates/link/src/sender.rs",
    "crates/link/src/shard.rs",
    "crates/nic/src/e1000e/outside.rs",
    "crates/nic/src/e1000e/transmit.rs",
    "crates/nic/src/e1000e/transmit_registers.rs",
    "crates/nic/src/intel.rs",
    "crates/nic/src/intel/bits.rs",
    "crates/nic/src/intel/transmit.rs",
    "crates/nic/src/frame.rs",
    "crates/nic/src/memory.rs",
    "crates/nic/src/outside.rs",
    "crates/nic/src/transmit.rs",
    "crates/ring/src",
    "crates/wire/src",
    "kernel-app/src/outside.rs",
];
/// Everything of ours that the box runs after the loader.
const KERNEL: [&str; 17] = [
    "crates/acpi/src",
    "crates/collect/src",
    "crates/fec/src",
    "crates/image-format/src",
    "crates/inside/src",
    "crates/iommu/src",
    "crates/link/src/key",
    "crates/link/src/sender",
    "crates/nic/src",
    "crates/ring/src",
    "crates/status/src",
    "crates/time/src",
    "crates/tpm/src",
    "crates/watchdog/src",
    "crates/wire/src",
    "crates/link/src/sender.rs",
    "kernel-app/src",
];
const LOADER: [&str; 2] = ["image/loader/src", "crates/image-format/src"];

/// Bytes of machine code, and lines of our own sources that are neither blank nor comment nor test.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let share = code_share(&fs::read(kernel()?)?).map_err(|why| anyhow!(why))?;
    let mut bytes = Figure::new("outside_code_bytes", share.outside_bytes as f64, "bytes");
    bytes.beside.push(("whole kernel", share.all_bytes as f64));
    bytes.beside.push(("functions", share.outside_functions as f64));
    bytes.beside.push(("functions of the whole kernel", share.all_functions as f64));
    let mut lines = Figure::new("outside_lines", lines_of(&OUTSIDE)? as f64, "lines");
    lines.beside.push(("kernel, without Hermit", lines_of(&KERNEL)? as f64));
    lines.beside.push(("loader", lines_of(&LOADER)? as f64));
    Ok(vec![bytes, lines])
}

fn lines_of(places: &[&str]) -> Result<usize> {
    places.iter().map(|place| lines_below(&root().join(place))).sum()
}

fn lines_below(place: &Path) -> Result<usize> {
    if place.is_dir() {
        return fs::read_dir(place)?.map(|entry| lines_below(&entry?.path())).sum();
    }
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_source = name.ends_with(".rs") || name.ends_with(".s");
    // What is planted is in no kernel that is shipped, and tests are in none at all.
    if !is_source || ["tests.rs", "model.rs", "planted.rs", "absent.rs"].contains(&&*name) {
        return Ok(0);
    }
    let text = fs::read_to_string(place)?;
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    Ok(code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count())
}
