//! Benchmarks: one JSON line a figure, `{"figure": NAME, "value": N, "unit": U, "beside": {…}}`.
//!
//! A timing on a shared machine is noise; what stands beside a figure was measured in the same run.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use anyhow::{Result, bail};
use noreturn_tests::bench::{GROUPS, Group};

fn main() -> Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |group: &&Group| {
        names.is_empty()
            || group.figures.iter().any(|figure| names.iter().any(|name| figure.starts_with(name)))
    };
    let groups: Vec<&Group> = GROUPS.iter().filter(wanted).collect();
    if groups.is_empty() {
        let known: Vec<&str> = GROUPS.iter().flat_map(|group| group.figures).copied().collect();
        bail!("no figure is called {}; there are {}", names.join(" or "), known.join(", "));
    }
    for group in groups {
        for figure in (group.measure)()? {
            if names.is_empty() || names.iter().any(|name| figure.name.starts_with(name.as_str())) {
                println!("{}", figure.json());
            }
        }
    }
    Ok(())
}
