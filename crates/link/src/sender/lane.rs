//! One block under construction: takes data shards, then gives its parity.

use alloc::sync::Arc;

use noreturn_fec::{Coefficients, Encoder};
use noreturn_wire::frame::{SHARD_BYTES_MAX, SHARD_LENGTH_BYTES};

/// A place where blocks are made, one after the other.
#[derive(Debug)]
pub(super) struct Lane {
    encoder: Encoder,
    number: u64,
    opened_us: u64,
    /// When the last data shard was added.
    last_us: u64,
    /// The same, counted in data shards of all blocks.
    turn: u64,
    /// When the next parity shard leaves.
    parity_us: u64,
    parity_sent: u8,
    parity_wanted: u8,
}

impl Lane {
    pub(super) fn new(coefficients: Arc<Coefficients>) -> Self {
        Self {
            encoder: Encoder::new(coefficients, SHARD_LENGTH_BYTES + SHARD_BYTES_MAX),
            number: 0,
            opened_us: 0,
            last_us: 0,
            turn: 0,
            parity_us: 0,
            parity_sent: 0,
            parity_wanted: 0,
        }
    }

    /// Starts block `number`.
    pub(super) const fn open(&mut self, number: u64, now_us: u64) {
        self.encoder.clear();
        self.number = number;
        (self.opened_us, self.last_us) = (now_us, now_us);
        (self.parity_sent, self.parity_wanted) = (0, 0);
    }

    /// Takes a data shard, length first, and returns its index.
    pub(super) fn add(&mut self, now_us: u64, turn: u64, shard: &[u8]) -> u8 {
        let index = self.encoder.added();
        let added = self.encoder.add(shard);
        debug_assert!(added, "a full block is closed before the next shard");
        (self.last_us, self.turn) = (now_us, turn);
        index
    }

    /// Ends the data; so many parity shards follow, the first `spacing_us` after the last data shard.
    pub(super) const fn close(&mut self, parity: u8, spacing_us: u64) {
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
    pub(super) const fn added(&self) -> u8 {
        self.encoder.added()
    }

    pub(super) const fn opened_us(&self) -> u64 {
        self.opened_us
    }

    /// When the last data shard of this block left.
    pub(super) const fn last_us(&self) -> u64 {
        self.last_us
    }

    /// The same, counted in data shards of all blocks.
    pub(super) const fn turn(&self) -> u64 {
        self.turn
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
