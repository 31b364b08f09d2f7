//! Shards that are being computed: rows of the same length in one piece of memory.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

/// Rows begin at multiples of this, in bytes: a cache line, and the widest vector.
pub(crate) const BLOCK_BYTES: usize = 64;

#[derive(Debug)]
pub(crate) struct Rows {
    memory: Vec<u8>,
    /// Where the first row begins, so that it begins with a cache line.
    start: usize,
    count: usize,
    stride: usize,
}

impl Rows {
    /// `count` rows of at least `bytes_max` bytes.
    pub(crate) fn new(count: usize, bytes_max: usize) -> Self {
        let stride = bytes_max.next_multiple_of(BLOCK_BYTES);
        let memory = vec![0; count * stride + BLOCK_BYTES];
        // Where nothing is known of addresses, rows are merely not aligned.
        let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Self { memory, start, count, stride }
    }

    /// Gives the rows another shape, and whatever bytes; takes new memory only to grow.
    pub(crate) fn reshape(&mut self, count: usize, bytes_max: usize) {
        let stride = bytes_max.next_multiple_of(BLOCK_BYTES);
        if self.start + count * stride > self.memory.len() {
            *self = Self::new(count, bytes_max);
        }
        (self.count, self.stride) = (count, stride);
    }

    /// Fills these bytes of every row with zeros, to the end of their last block.
    pub(crate) fn clear(&mut self, bytes: Range<usize>) {
        let end = bytes.end.next_multiple_of(BLOCK_BYTES);
        let stride = self.stride.max(1);
        self.bytes_mut().chunks_exact_mut(stride).for_each(|row| row[bytes.start..end].fill(0));
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Bytes from a row to the next.
    pub(crate) const fn stride(&self) -> usize {
        self.stride
    }

    /// All rows, each as long as the stride.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.count * self.stride]
    }

    /// The same, to be changed.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.count * self.stride]
    }

    /// Row `index`, as long as the stride.
    pub(crate) fn row(&self, index: usize) -> Option<&[u8]> {
        if index < self.count {
            Some(&self.bytes()[index * self.stride..(index + 1) * self.stride])
        } else {
            None
        }
    }
}
