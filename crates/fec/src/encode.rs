//! The encoder: takes data shards one or some at a time, as they are sent, and has the parity ready at any moment.

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
        self.add_all(&[shard])
    }

    /// Takes the next data shards into the parity, which costs less than one at a time; returns false, and takes
    /// nothing, when one of them is longer than `shard_bytes_max` or there are too many for the block.
    #[must_use]
    pub fn add_all(&mut self, shards: &[&[u8]]) -> bool {
        let width = shards.iter().map(|shard| shard.len()).max().unwrap_or(0);
        let room = usize::from(self.coefficients.geometry().data() - self.added);
        if shards.len() > room || width > self.shard_bytes_max {
            return false;
        }
        // Rows are zeros, or nothing yet, behind the longest shard.
        let before = if self.added == 0 { Before::Forget } else { Before::Add };
        if before == Before::Add && width > self.width {
            self.parity.clear(self.width.next_multiple_of(crate::rows::BLOCK_BYTES)..width);
        }
        // The other way round, the count would run past 255 after 255 shards.
        let terms = shards
            .iter()
            .zip(self.added..)
            .map(|(source, column)| Term { factors: self.coefficients.column(column), source });
        self.kernel.sum(&mut self.parity, width, before, terms);
        self.width = self.width.max(width);
        self.added += shards.len() as u8;
        true
    }

    /// Starts a block and takes all its data shards at once, which costs less than one at a time; returns
    /// false, and has an empty block, when one of them is too long or there are too many.
    #[must_use]
    pub fn encode(&mut self, shards: &[&[u8]]) -> bool {
        self.clear();
        self.add_all(shards)
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
