//! The file: bytes that either end can tell at any place without having the file.

use noreturn_simulator::random::Random;

/// Bytes after which it repeats: a prime, so that no part lands in the right place by chance.
const PERIOD: usize = 1_048_573;

pub(super) struct Contents(Vec<u8>);

impl Contents {
    pub(super) fn new() -> Self {
        let mut random = Random(42);
        let period: Vec<u8> = (0..PERIOD).map(|_| random.draw() as u8).collect();
        Self(period.iter().chain(&period[..1 << 16]).copied().collect())
    }

    /// Its bytes from `offset` on; at most 64 KiB of them.
    pub(super) fn at(&self, offset: u64, length: usize) -> &[u8] {
        let start = (offset % PERIOD as u64) as usize;
        &self.0[start..start + length.min(1 << 16)]
    }
}
