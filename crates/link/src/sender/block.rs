//! The block under construction: hands out places for data shards, then its parity.

use noreturn_fec::{Coefficients, Encoder, Geometry};
use noreturn_wire::frame::{SHARD_BYTES_MAX, SHARD_LENGTH_BYTES};
use noreturn_wire::{Body, Class, Code};

#[derive(Debug)]
pub(super) struct Block {
    encoder: Encoder,
    geometry: Geometry,
    code: Code,
    latency_us_max: u64,
    number: u64,
    /// When the open block must close; `None` while it is empty.
    deadline_us: Option<u64>,
    /// Parity rows already sent of a closed block; `None` while it is open.
    parity_sent: Option<u8>,
}

impl Block {
    pub(super) fn new(coefficients: Coefficients, latency_us_max: u64) -> Self {
        let geometry = coefficients.geometry();
        Self {
            encoder: Encoder::new(coefficients, SHARD_LENGTH_BYTES + SHARD_BYTES_MAX),
            geometry,
            code: wire_code(geometry),
            latency_us_max,
            number: 0,
            deadline_us: None,
            parity_sent: None,
        }
    }

    /// Number of the open block, which is also how many were closed before it.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// When parity is due, if nothing is added before.
    pub(super) fn due_us(&self) -> Option<u64> {
        if self.parity_sent.is_some() { Some(0) } else { self.deadline_us }
    }

    /// Adds a data shard, length first. Parity that is due must have been taken before.
    pub(super) fn add(&mut self, now_us: u64, shard: &[u8]) -> Body {
        let body = Body::Data {
            class: Class::Telemetry,
            block: self.number,
            index: self.encoder.added(),
            code: self.code,
        };
        let added = self.encoder.add(shard);
        debug_assert!(added, "a full block closes before the next shard");
        self.deadline_us.get_or_insert(now_us + self.latency_us_max);
        if self.encoder.added() == self.geometry.data() {
            self.close();
        }
        body
    }

    /// The next parity shard, if the block is closed or its deadline has come.
    pub(super) fn next_parity(&mut self, now_us: u64, payload: &mut [u8]) -> Option<(Body, usize)> {
        if self.parity_sent.is_none() && self.deadline_us.is_some_and(|deadline| deadline <= now_us) {
            self.close();
        }
        let row = self.parity_sent?;
        let data_sent = self.encoder.added();
        let shard = self.encoder.parity(row)?;
        let length = shard.len();
        payload[..length].copy_from_slice(shard);
        let body = Body::Parity {
            class: Class::Telemetry,
            block: self.number,
            index: row,
            data_sent,
            code: self.code,
        };
        self.parity_sent = Some(row + 1);
        if row + 1 == self.geometry.parity_for(data_sent) {
            self.open_next();
        }
        Some((body, length))
    }

    fn close(&mut self) {
        self.parity_sent = Some(0);
        if self.geometry.parity() == 0 {
            self.open_next();
        }
    }

    fn open_next(&mut self) {
        self.encoder.clear();
        self.number += 1;
        self.deadline_us = None;
        self.parity_sent = None;
    }
}

fn wire_code(geometry: Geometry) -> Code {
    match Code::new(geometry.data(), geometry.parity()) {
        Some(code) => code,
        // fec and wire accept the same geometries; a test goes through all of them.
        None => unreachable!(),
    }
}
