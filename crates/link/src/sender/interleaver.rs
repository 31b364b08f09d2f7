//! The blocks of one class: spreads the shards of each over time, so that a burst of losses takes few of any.
//!
//! A block takes a shard every `span / shards` at most. How many blocks that makes at once follows from how much was
//! sent lately: a quiet class has one, which closes soon, and a busy one takes turns between dozens.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use noreturn_fec::Coefficients;
use noreturn_wire::{Body, Class, Code};

use super::config::BlockConfig;
use super::lane::Lane;
use super::recent::Recent;

#[derive(Debug)]
pub(super) struct Interleaver {
    class: Class,
    config: BlockConfig,
    code: Code,
    lanes: Vec<Lane>,
    /// Lanes by place in `lanes`: without a block, taking data (oldest block first), giving parity.
    free: Vec<usize>,
    open: VecDeque<usize>,
    closed: Vec<usize>,
    /// Blocks opened so far.
    blocks: u64,
    recent: Recent,
    /// Nothing is due before this; it may be too early, never too late.
    quiet_until_us: u64,
}

impl Interleaver {
    pub(super) fn new(class: Class, config: BlockConfig) -> Self {
        let coefficients = Arc::new(Coefficients::new(config.geometry));
        let lanes: Vec<Lane> =
            (0..config.blocks_max.max(1)).map(|_| Lane::new(coefficients.clone())).collect();
        Self {
            class,
            config,
            code: wire_code(config),
            free: (0..lanes.len()).rev().collect(),
            open: VecDeque::with_capacity(lanes.len()),
            closed: Vec::with_capacity(lanes.len()),
            lanes,
            blocks: 0,
            recent: Recent::new(config.span_us),
            quiet_until_us: u64::MAX,
        }
    }

    /// Blocks opened so far.
    pub(super) const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// When parity will be due, if nothing is added before; maybe a little early.
    pub(super) fn due_us(&self) -> Option<u64> {
        (!self.open.is_empty() || !self.closed.is_empty()).then_some(self.quiet_until_us)
    }

    /// Whether parity must go before data, because it is due or because data has no place otherwise.
    pub(super) fn has_parity(&mut self, now_us: u64, wants_data: bool) -> bool {
        if self.quiet_until_us <= now_us {
            self.close_due(now_us);
            self.quiet_until_us = self.earliest_us();
        }
        self.next_closed(now_us, wants_data).is_some()
    }

    /// The next parity shard, if [`Interleaver::has_parity`].
    pub(super) fn next_parity(
        &mut self,
        now_us: u64,
        wants_data: bool,
        payload: &mut [u8],
    ) -> Option<(Body, usize)> {
        let place = self.next_closed(now_us, wants_data)?;
        let lane = self.lanes.get_mut(*self.closed.get(place)?)?;
        let (index, length) = lane.parity(now_us, payload)?;
        let body = Body::Parity {
            class: self.class,
            block: lane.number(),
            index,
            data_sent: lane.added(),
            code: self.code,
        };
        if lane.is_over() {
            self.free.push(self.closed.swap_remove(place));
        }
        self.quiet_until_us = self.earliest_us();
        Some((body, length))
    }

    /// Puts a data shard, length first, into a block. Only if [`Interleaver::has_parity`] was false with data wanted.
    pub(super) fn add(&mut self, now_us: u64, shard: &[u8]) -> Option<Body> {
        self.recent.count(now_us);
        let place = self.place(now_us)?;
        let lane = self.lanes.get_mut(*self.open.get(place)?)?;
        let index = lane.add(now_us, shard);
        let body = Body::Data { class: self.class, block: lane.number(), index, code: self.code };
        self.quiet_until_us = self.quiet_until_us.min(self.closes_us(*self.open.get(place)?));
        if index + 1 == self.config.geometry.data() {
            self.close(place);
        }
        Some(body)
    }

    /// Where in `open` the next shard belongs: the block of those in use that waited longest, or a new one.
    fn place(&mut self, now_us: u64) -> Option<usize> {
        let wanted = (self.recent.frames(now_us) / self.config.shards()).max(1);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(self.lanes.len());
        if self.open.len() < wanted
            && let Some(free) = self.free.pop()
        {
            self.lanes.get_mut(free)?.open(self.blocks, now_us);
            self.blocks += 1;
            self.open.push_back(free);
            return Some(self.open.len() - 1);
        }
        let in_use = self.open.iter().take(wanted).enumerate();
        let oldest = in_use.min_by_key(|&(_, &lane)| self.lanes.get(lane).map(Lane::last_us));
        oldest.map(|(place, _)| place)
    }

    /// Where in `closed` the block is that gives parity now; before its time if data has no place otherwise.
    fn next_closed(&self, now_us: u64, wants_data: bool) -> Option<usize> {
        let at = |&lane: &usize| self.parity_us(lane);
        let (place, lane) = self.closed.iter().enumerate().min_by_key(|(_, lane)| at(lane))?;
        let is_full = wants_data && self.open.is_empty() && self.free.is_empty();
        (is_full || at(lane) <= now_us).then_some(place)
    }

    fn close_due(&mut self, now_us: u64) {
        let mut place = 0;
        while let Some(&lane) = self.open.get(place) {
            if self.closes_us(lane) <= now_us {
                self.close(place);
            } else {
                place += 1;
            }
        }
    }

    fn close(&mut self, place: usize) {
        let Some(index) = self.open.remove(place) else { return };
        let Some(lane) = self.lanes.get_mut(index) else { return };
        lane.close(self.config.parity_for(lane.added()));
        if lane.is_over() {
            self.free.push(index);
        } else {
            self.closed.push(index);
            self.quiet_until_us = self.quiet_until_us.min(self.parity_us(index));
        }
    }

    fn earliest_us(&self) -> u64 {
        let closes = self.open.iter().map(|&lane| self.closes_us(lane));
        closes.chain(self.closed.iter().map(|&lane| self.parity_us(lane))).min().unwrap_or(u64::MAX)
    }

    /// When an open block must close.
    fn closes_us(&self, lane: usize) -> u64 {
        self.lanes.get(lane).map_or(u64::MAX, |lane| {
            let quiet_us = lane.last_us().saturating_add(self.config.latency_us_max);
            quiet_us.min(lane.opened_us().saturating_add(self.config.data_span_us()))
        })
    }

    /// When a closed block should give its next parity shard.
    fn parity_us(&self, lane: usize) -> u64 {
        self.lanes.get(lane).map_or(u64::MAX, |lane| lane.last_us().saturating_add(self.config.spacing_us()))
    }
}

fn wire_code(config: BlockConfig) -> Code {
    match Code::new(config.geometry.data(), config.geometry.parity()) {
        Some(code) => code,
        // fec and wire accept the same geometries; a test goes through all of them.
        None => unreachable!(),
    }
}
