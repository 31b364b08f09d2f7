//! Makes the block by which the kernel tests its parity, with another implementation of the code: reed-solomon-erasure, which is
//! not in the image.

#[path = "src/self_test/geometry.rs"]
mod geometry;

use std::path::PathBuf;
use std::{env, fs};

use geometry::{DATA, PARITY, SHARD_BYTES};
use reed_solomon_erasure::galois_8::ReedSolomon;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/self_test/geometry.rs");
    let (data, parity) = (usize::from(DATA), usize::from(PARITY));
    let mut shards: Vec<Vec<u8>> = (0..data + parity).map(shard).collect();
    let code = ReedSolomon::new(data, parity).expect("there is such a code");
    code.encode(&mut shards).expect("all shards are there and as long as each other");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo tells the folder"));
    fs::write(folder.join("known_block"), shards.concat()).expect("the folder can be written to");
}

/// Bytes without a pattern that another number has, the same in every build: the high bits of a linear congruential generator
/// (Knuth's MMIX).
fn shard(number: usize) -> Vec<u8> {
    let mut state = number as u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(SHARD_BYTES).collect()
}
