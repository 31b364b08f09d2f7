//! One block under construction: takes data shards, then gives its parity.

use alloc::sync::Arc;
use alloc::vec::Vec;

use noreturn_fec::{Coefficients, Encoder};
use noreturn_wire::frame::{SHARD_BYTES_MAX, SHARD_LENGTH_BYTES};

/// Bytes of a data shard at most, length first.
const ROOM_BYTES: usize = SHARD_LENGTH_BYTES + SHARD_BYTES_MAX;
/// Data shards that wait, so that four go through the code at once, which costs half as much.
pub(super) const WAITING: usize = 3;

/// A place where blocks are made, one after the other.
#[derive(Debug)]
pub(super) struct Lane {
    encoder: Encoder,
    /// Data shards that wait, one after another, and where each ends.
    waiting: Vec<u8>,
    ends: Vec<usize>,
    number: u64,
    opened_us: u64,
    /// When the last data shard was added.
    last_us: u64,
    /// When the next parity shard leaves.
    parity_us: u64,
    parity_sent: u8,
    parity_wanted: u8,
}

impl Lane {
    pub(super) fn new(coefficients: Arc<Coefficients>) -> Self {
        Self {
            encoder: Encoder::new(coefficients, ROOM_BYTES),
            waiting: Vec::with_capacity(WAITING * ROOM_BYTES),
            ends: Vec::with_capacity(WAITING),
            number: 0,
            opened_us: 0,
            last_us: 0,
            parity_us: 0,
            parity_sent: 0,
            parity_wanted: 0,
        }
    }

    /// Starts block `number`.
    pub(super) fn open(&mut self, number: u64, now_us: u64) {
        self.encoder.clear();
        self.waiting.clear();
        self.ends.clear();
        self.number = number;
        (self.opened_us, self.last_us) = (now_us, now_us);
        (self.parity_sent, self.parity_wanted) = (0, 0);
    }

    /// Takes a data shard, length first, and returns its index.
    pub(super) fn add(&mut self, now_us: u64, shard: &[u8]) -> u8 {
        let index = self.added();
        if self.ends.len() < WAITING {
            self.waiting.extend_from_slice(shard);
            self.ends.push(self.waiting.len());
        } else {
            self.encode(Some(shard));
        }
        self.last_us = now_us;
        index
    }

    /// Takes what waits into the parity, and one more.
    fn encode(&mut self, last: Option<&[u8]>) {
        let mut shards = [&[][..]; WAITING + 1];
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        let waiting = starts.zip(&self.ends).map(|(start, &end)| &self.waiting[start..end]);
        let mut count = 0;
        for (place, shard) in shards.iter_mut().zip(waiting.chain(last)) {
            *place = shard;
            count += 1;
        }
        let added = self.encoder.add_all(&shards[..count]);
        debug_assert!(added, "a full block is closed before the next shard");
        self.waiting.clear();
        self.ends.clear();
    }

    /// Ends the data; so many parity shards follow, the first `spacing_us` after the last data shard.
    pub(super) fn close(&mut self, parity: u8, spacing_us: u64) {
        self.encode(None);
        self.parity_wanted = parity;
        self.parity_us = self.last_us.saturating_add(spacing_us);
    }

    /// The next parity shard's row, written to `payload`, and its length. The one after it leaves at `next_us`.
    pub(super) fn parity(&mut self, next_us: u64, payload: &mut [u8]) -> Option<(u8, usize)> {
        let row = self.parity_sent;
        let shard = self.encoder.parity(row)?;
        let length = shard.len();
        payload.get_mut(..length)?.copy_from_slice(shard);
        self.parity_sent = row + 1;
        self.parity_us = next_us;
        Some((row, length))
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Data shards taken.
    pub(super) fn added(&self) -> u8 {
        self.encoder.added() + self.ends.len() as u8
    }

    pub(super) const fn opened_us(&self) -> u64 {
        self.opened_us
    }

    /// When the last data shard of this block left.
    pub(super) const fn last_us(&self) -> u64 {
        self.last_us
    }

    /// When a closed block gives its next parity shard.
    pub(super) const fn parity_us(&self) -> u64 {
        self.parity_us
    }

    /// Whether a closed block has given all its parity.
    pub(super) const fn is_over(&self) -> bool {
        self.parity_sent >= self.parity_wanted
    }
}
