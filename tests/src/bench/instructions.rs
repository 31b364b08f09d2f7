//! What the kernel pays for its parity: instructions counted on a program for the kernel's target.

use anyhow::{Context, Result, ensure};
use std::process::Command;

use super::Figure;
use crate::repository::bench_program;

/// Of the program: (10, 4) with shards of 1 KiB.
const BLOCK_BYTES: u64 = 10 * 1024;
/// Blocks of the longer run, beyond those of the shorter.
const BLOCKS: u64 = 50;

/// Instructions a byte of data, when shards are added one at a time; beside it the portable code.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let mut figure = Figure::new("kernel_fec_instructions_per_byte", per_byte("fastest")?, "instructions");
    figure.beside.push(("portable", per_byte("portable")?));
    Ok(vec![figure])
}

/// The difference of two runs, so that start and set-up do not count.
fn per_byte(kernel: &str) -> Result<f64> {
    let more = instructions(kernel, BLOCKS + 1)? - instructions(kernel, 1)?;
    Ok(more as f64 / (BLOCKS * BLOCK_BYTES) as f64)
}

/// Valgrind's callgrind counts every instruction; it emulates a processor with AVX2, without GFNI, as QEMU's TCG does.
fn instructions(kernel: &str, blocks: u64) -> Result<u64> {
    let program = bench_program("soft-float/target/x86_64-unknown-none/release/noreturn-soft-float")?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([kernel, &blocks.to_string()])
        .output()
        .context("valgrind does not run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the program or valgrind failed: {said}");
    let count = said.lines().find_map(|line| line.split_once("Collected : "));
    Ok(count.context("valgrind collected nothing")?.1.trim().parse()?)
}
