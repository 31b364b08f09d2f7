//! The blocks that codes are measured with. (The peers' programs, workspaces of their own, include this file.)

use crate::random::Random;

/// Bytes of a shard.
pub(crate) const SHARD_BYTES: usize = 1024;
/// Choices of lost shards, so many that no code has all of them at hand.
const LOSSES: usize = 512;

/// Data of one block, and what is lost of it in one round after another.
pub(crate) struct Block {
    pub(crate) shards: Vec<Vec<u8>>,
    /// Indices of lost data shards in order, as many as there is parity.
    pub(crate) losses: Vec<Vec<usize>>,
}

impl Block {
    pub(crate) fn new(data: usize, parity: usize) -> Self {
        let mut random = Random(data as u64);
        let shards = (0..data).map(|_| (0..SHARD_BYTES).map(|_| random.draw() as u8).collect()).collect();
        let losses = (0..LOSSES).map(|_| choose(data, parity, &mut random)).collect();
        Self { shards, losses }
    }

    pub(crate) fn gigabytes(&self) -> f64 {
        (self.shards.len() * SHARD_BYTES) as f64 / 1e9
    }
}

fn choose(shards: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..shards).collect();
    let mut chosen: Vec<usize> = (0..count)
        .map(|_| all.swap_remove(usize::try_from(random.below(all.len() as u64)).unwrap_or(0)))
        .collect();
    chosen.sort_unstable();
    chosen
}
