//! The encoder: takes data shards one at a time, as they are sent, and has the parity ready at any moment.

use alloc::vec;
use alloc::vec::Vec;

use reed_solomon_erasure::galois_8::mul_slice_xor;

use crate::coefficients::Coefficients;

/// Parity of one block under construction. All its memory is allocated by [`Encoder::new`].
#[derive(Debug)]
pub struct Encoder {
    coefficients: Coefficients,
    shard_bytes_max: usize,
    width: usize,
    added: u8,
    parity: Vec<u8>,
}

impl Encoder {
    /// An encoder for shards of at most `shard_bytes_max` bytes.
    #[must_use]
    pub fn new(coefficients: Coefficients, shard_bytes_max: usize) -> Self {
        let rows = usize::from(coefficients.geometry().parity());
        Self { coefficients, shard_bytes_max, width: 0, added: 0, parity: vec![0; rows * shard_bytes_max] }
    }

    /// Takes the next data shard into the parity; returns false, and takes nothing, when the block is
    /// full or the shard longer than `shard_bytes_max`.
    #[must_use]
    pub fn add(&mut self, shard: &[u8]) -> bool {
        if self.added >= self.coefficients.geometry().data() || shard.len() > self.shard_bytes_max {
            return false;
        }
        for (row, parity) in (0..).zip(self.parity.chunks_exact_mut(self.shard_bytes_max)) {
            mul_slice_xor(self.coefficients.factor(row, self.added), shard, &mut parity[..shard.len()]);
        }
        self.width = self.width.max(shard.len());
        self.added += 1;
        true
    }

    /// Data shards taken so far.
    #[must_use]
    pub const fn added(&self) -> u8 {
        self.added
    }

    /// Parity shard `row`, as long as the longest data shard; `None` outside the geometry.
    #[must_use]
    pub fn parity(&self, row: u8) -> Option<&[u8]> {
        self.parity.chunks_exact(self.shard_bytes_max).nth(usize::from(row)).map(|shard| &shard[..self.width])
    }

    /// Starts the next block.
    pub fn clear(&mut self) {
        let width = self.width;
        for parity in self.parity.chunks_exact_mut(self.shard_bytes_max) {
            parity[..width].fill(0);
        }
        self.width = 0;
        self.added = 0;
    }
}
