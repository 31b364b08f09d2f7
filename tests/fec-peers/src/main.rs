//! Measures other people's codes on the blocks that ours is measured with.
//!
//! usage: fec-peers DATA PARITY
//! Prints a line for each code: name, then GB/s of data, separated by tabs: encoding; decoding when the loss is
//! another one in every block; decoding when it is always the same and the code keeps its matrix (0: not measured).
#![deny(unsafe_code)]

#[path = "../../src/bench/block.rs"]
mod block;
mod isal;
#[allow(dead_code)]
#[path = "../../simulator/src/random.rs"]
mod random;
mod reference;
#[path = "../../src/bench/timer.rs"]
mod timer;

use anyhow::{Context, Result, ensure};
use block::Block;

/// GB/s of data.
pub(crate) struct Speeds {
    pub(crate) encode: f64,
    pub(crate) decode: f64,
    pub(crate) decode_kept: f64,
}

fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [data, parity] = numbers[..] else { anyhow::bail!("usage: fec-peers DATA PARITY") };
    ensure!(parity > 0 && data >= parity && data + parity <= 256, "no block loses {parity} of {data} shards");
    let block = Block::new(data, parity);
    print("reed-solomon-erasure, simd-accel", &reference::measure(&block, parity)?);
    print("ISA-L 2.31", &isal::measure(&isal::Isal::built_in(), &block, parity)?);
    match isal::Isal::of_the_system() {
        Ok(isal) => print("ISA-L of the system", &isal::measure(&isal, &block, parity)?),
        Err(error) => eprintln!("fec-peers: without the system's ISA-L: {error:#}"),
    }
    Ok(())
}

fn print(name: &str, speeds: &Speeds) {
    println!("{name}\t{}\t{}\t{}", speeds.encode, speeds.decode, speeds.decode_kept);
}

/// The block with its losses filled in must be the block.
pub(crate) fn check(recovered: &[Vec<u8>], lost: &[usize], block: &Block) -> Result<()> {
    let right = lost.iter().zip(recovered).all(|(&index, shard)| block.shards[index] == *shard);
    right.then_some(()).context("a peer recovered other bytes: it is not used rightly")
}
