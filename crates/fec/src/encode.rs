//! The encoder: takes data shards one at a time, as they are sent, and has the parity ready at any moment.

use alloc::sync::Arc;

use crate::coefficients::Coefficients;
use crate::multiply::{Before, Kernel, Term};
use crate::rows::Rows;

/// Parity of one block under construction. All its memory is allocated by [`Encoder::new`].
#[derive(Debug)]
pub struct Encoder {
    coefficients: Arc<Coefficients>,
    kernel: Kernel,
    shard_bytes_max: usize,
    width: usize,
    added: u8,
    parity: Rows,
}

impl Encoder {
    /// An encoder for shards of at most `shard_bytes_max` bytes. Encoders of one geometry can share coefficients.
    #[must_use]
    pub fn new(coefficients: impl Into<Arc<Coefficients>>, shard_bytes_max: usize) -> Self {
        Self::with_kernel(coefficients, shard_bytes_max, Kernel::best())
    }

    /// The same with a kernel of the caller's choice: the parity is the same.
    #[must_use]
    pub fn with_kernel(
        coefficients: impl Into<Arc<Coefficients>>,
        shard_bytes_max: usize,
        kernel: Kernel,
    ) -> Self {
        let coefficients = coefficients.into();
        let parity = Rows::new(coefficients.geometry().parity().into(), shard_bytes_max);
        Self { coefficients, kernel, shard_bytes_max, width: 0, added: 0, parity }
    }

    /// Takes the next data shard into the parity; returns false, and takes nothing, when the block is
    /// full or the shard longer than `shard_bytes_max`.
    #[must_use]
    pub fn add(&mut self, shard: &[u8]) -> bool {
        if self.added >= self.coefficients.geometry().data() || shard.len() > self.shard_bytes_max {
            return false;
        }
        let term = Term { factors: self.coefficients.column(self.added), source: shard };
        // Rows are zeros, or nothing yet, behind the longest shard.
        let before = if self.added == 0 { Before::Forget } else { Before::Add };
        if before == Before::Add && shard.len() > self.width {
            self.parity.clear(self.width.next_multiple_of(crate::rows::BLOCK_BYTES)..shard.len());
        }
        self.kernel.sum_some(&mut self.parity, shard.len(), before, &[term]);
        self.width = self.width.max(shard.len());
        self.added += 1;
        true
    }

    /// Starts a block and takes all its data shards at once, which costs less than one at a time; returns
    /// false, and has an empty block, when one of them is too long or there are too many.
    #[must_use]
    pub fn encode(&mut self, shards: &[&[u8]]) -> bool {
        self.clear();
        let width = shards.iter().map(|shard| shard.len()).max().unwrap_or(0);
        let Ok(count) = u8::try_from(shards.len()) else { return false };
        if count > self.coefficients.geometry().data() || width > self.shard_bytes_max {
            return false;
        }
        // The other way round, the count would run past 255 after 255 shards.
        let terms = shards
            .iter()
            .zip(0..)
            .map(|(source, column)| Term { factors: self.coefficients.column(column), source });
        self.kernel.sum(&mut self.parity, width, Before::Forget, terms);
        (self.width, self.added) = (width, count);
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
        self.parity.row(row.into()).map(|shard| &shard[..self.width])
    }

    /// Starts the next block.
    pub const fn clear(&mut self) {
        self.width = 0;
        self.added = 0;
    }
}
