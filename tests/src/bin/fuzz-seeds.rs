//! Writes the generated seeds of the fuzzing corpus anew; needed after a format has changed.
#![forbid(unsafe_code)]

use anyhow::Result;
use noreturn_tests::fuzz::{TARGETS, corpus};

fn main() -> Result<()> {
    TARGETS.iter().try_for_each(|target| corpus::write_seeds(target.name))
}
