//! The blocks of one class: spreads the shards of each over time, so that a burst of losses takes few of any.
//!
//! A block takes a shard every `span / shards` at most. How many blocks that makes at once follows from how much was
//! sent lately: a quiet class has one, which closes soon, and a busy one takes turns between dozens. One that is too
//! busy for its blocks has them all, spread over as much time as that gives.

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
    open: VecDeque<Open>,
    closed: Vec<usize>,
    /// Blocks opened so far.
    blocks: u64,
    recent: Recent,
    /// Data shards taken so far.
    turns: u64,
    /// When the first of `closed` gives parity.
    parity_us: u64,
    /// Nothing is due before this; it may be too early, never too late.
    quiet_until_us: u64,
}

/// A block that takes data.
#[derive(Clone, Copy, Debug)]
struct Open {
    lane: usize,
    /// When it had its turn, counted in data shards of all blocks.
    turn: u64,
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
            turns: 0,
            parity_us: u64::MAX,
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
        let is_full = wants_data && self.open.is_empty() && self.free.is_empty();
        is_full || self.parity_us <= now_us
    }

    /// The next parity shard, if [`Interleaver::has_parity`].
    pub(super) fn next_parity(&mut self, now_us: u64, payload: &mut [u8]) -> Option<(Body, usize)> {
        let next_us = now_us.saturating_add(self.spacing_us(now_us));
        let place = self.first_closed()?;
        let lane = self.lanes.get_mut(*self.closed.get(place)?)?;
        let (index, length) = lane.parity(next_us, payload)?;
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
        self.parity_us = self.first_closed().map_or(u64::MAX, |place| self.parity_us(place));
        Some((body, length))
    }

    /// Puts a data shard, length first, into a block. Only if [`Interleaver::has_parity`] was false with data wanted.
    pub(super) fn add(&mut self, now_us: u64, shard: &[u8]) -> Option<Body> {
        self.recent.count(now_us);
        let place = self.place(now_us)?;
        let open = self.open.get_mut(place)?;
        open.turn = self.turns;
        self.turns += 1;
        let open = open.lane;
        let lane = self.lanes.get_mut(open)?;
        let index = lane.add(now_us, shard);
        let body = Body::Data { class: self.class, block: lane.number(), index, code: self.code };
        if index + 1 == self.config.geometry.data() {
            self.close(now_us, place);
        } else {
            self.quiet_until_us = self.quiet_until_us.min(self.closes_us(open));
        }
        Some(body)
    }

    /// Where in `open` the next shard belongs: the block of those in use that waited longest, or a new one.
    fn place(&mut self, now_us: u64) -> Option<usize> {
        let wanted = (self.spread_frames(now_us) / self.config.shards()).max(1);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if self.open.len() < wanted
            && let Some(free) = self.free.pop()
        {
            self.lanes.get_mut(free)?.open(self.blocks, now_us);
            self.blocks += 1;
            self.open.push_back(Open { lane: free, turn: self.turns });
            return Some(self.open.len() - 1);
        }
        let in_use = self.open.iter().take(wanted).enumerate();
        in_use.min_by_key(|(_, open)| open.turn).map(|(place, _)| place)
    }

    /// Data shards of a span, as many as all blocks together can take.
    fn spread_frames(&mut self, now_us: u64) -> u64 {
        let most = self.lanes.len() as u64 * u64::from(self.config.geometry.data());
        self.recent.frames(now_us).min(most)
    }

    /// Time from one shard of a block to the next: less when there is more to send than blocks to spread it over.
    fn spacing_us(&mut self, now_us: u64) -> u64 {
        let (frames, spread) = (self.recent.frames(now_us), self.spread_frames(now_us));
        self.config.spacing_us() * spread.max(1) / frames.max(1)
    }

    /// Where in `closed` the block is that gives parity next.
    fn first_closed(&self) -> Option<usize> {
        (0..self.closed.len()).min_by_key(|&place| self.parity_us(place))
    }

    /// When the block at `place` of `closed` gives its next parity shard.
    fn parity_us(&self, place: usize) -> u64 {
        let lane = self.closed.get(place).and_then(|&lane| self.lanes.get(lane));
        lane.map_or(u64::MAX, Lane::parity_us)
    }

    fn close_due(&mut self, now_us: u64) {
        let mut place = 0;
        while let Some(&Open { lane, .. }) = self.open.get(place) {
            if self.closes_us(lane) <= now_us {
                self.close(now_us, place);
            } else {
                place += 1;
            }
        }
    }

    fn close(&mut self, now_us: u64, place: usize) {
        let spacing_us = self.spacing_us(now_us);
        let Some(Open { lane: index, .. }) = self.open.remove(place) else { return };
        let Some(lane) = self.lanes.get_mut(index) else { return };
        lane.close(self.config.parity_for(lane.added()), spacing_us);
        if lane.is_over() {
            self.free.push(index);
        } else {
            self.closed.push(index);
            self.parity_us = self.parity_us.min(lane.parity_us());
            self.quiet_until_us = self.quiet_until_us.min(self.parity_us);
        }
    }

    fn earliest_us(&self) -> u64 {
        let closes = self.open.iter().map(|open| self.closes_us(open.lane));
        closes.fold(self.parity_us, u64::min)
    }

    /// When an open block must close.
    fn closes_us(&self, lane: usize) -> u64 {
        self.lanes.get(lane).map_or(u64::MAX, |lane| {
            let quiet_us = lane.last_us().saturating_add(self.config.latency_us_max);
            quiet_us.min(lane.opened_us().saturating_add(self.config.data_span_us()))
        })
    }
}

fn wire_code(config: BlockConfig) -> Code {
    match Code::new(config.geometry.data(), config.geometry.parity()) {
        Some(code) => code,
        // fec and wire accept the same geometries; a test goes through all of them.
        None => unreachable!(),
    }
}
