//! What was sent, kept in memory to be sent again: nobody can ask for it, so it goes round and round.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;

use super::config::{HistoryConfig, HistoryOrder, SEGMENT_BYTES, SenderConfig};
use super::pacer::Pacer;

const LENGTH_BYTES: usize = 2;
const CLASSES: usize = 3;
/// Frames in a row at most: history has lower priority.
const BURST_FRAMES: u64 = 2;
const ETHERNET_BYTES_MAX: u64 = 1514;

/// Places among the sweeps.
const OUTAGE: usize = 0;
const PASS: usize = 1;

/// The kept messages of all classes, and what is being sent again of them.
#[derive(Debug)]
pub(super) struct History {
    config: HistoryConfig,
    pacer: Pacer,
    stores: [Store; CLASSES],
    /// Over what was kept while the link was out, which goes first; and the pass over everything.
    sweeps: [Sweep; 2],
    next_pass_us: u64,
    /// What was kept without a link since the last sweep over an outage began: segments per class, from the first
    /// outage to the end of the last.
    outages: Option<[Range<u64>; CLASSES]>,
    /// The pass has a segment to send before the next sweep over an outage, so that a link that flaps cannot hold it up.
    pass_is_owed: bool,
    forgotten: u64,
}

/// Segments that are sent again, and how far that has come.
#[derive(Debug)]
struct Sweep {
    order: HistoryOrder,
    /// What is left: segments per class, and how far into the current one.
    left: [Range<u64>; CLASSES],
    offset: usize,
    /// Sweeps that came to their end.
    completed: u64,
}

/// The kept messages of one class, in segments numbered from 0.
#[derive(Debug)]
struct Store {
    segments: VecDeque<Segment>,
    /// Number of the first segment in `segments`.
    first: u64,
}

#[derive(Debug)]
struct Segment {
    /// Messages, each with its length in front.
    bytes: Vec<u8>,
    messages: u64,
}

impl History {
    pub(super) fn new(config: &SenderConfig) -> Self {
        let rate = u128::from(config.rate_bytes_per_s) * u128::from(config.history.share_per_mille) / 1000;
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        Self {
            config: config.history,
            pacer: Pacer::new(rate, BURST_FRAMES * ETHERNET_BYTES_MAX * config.copies.max(1)),
            stores: config.classes().map(|class| Store::new(class.history_segments())),
            sweeps: [Sweep::new(config.history.order), Sweep::new(config.history.order)],
            next_pass_us: config.history.interval_us,
            outages: None,
            pass_is_owed: false,
            forgotten: 0,
        }
    }

    /// Passes completed; sweeps over outages are none.
    pub(super) const fn passes(&self) -> u64 {
        self.sweeps[PASS].completed
    }

    /// Messages that made room for others.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Keeps a message of class `class`; false if that class keeps none.
    pub(super) fn keep(&mut self, class: usize, message: &[u8]) -> bool {
        let Some(store) = self.stores.get_mut(class).filter(|store| !store.segments.is_empty()) else {
            return false;
        };
        self.forgotten += store.keep(message);
        true
    }

    /// The outside has lost its link: what comes from here on has not been sent.
    pub(super) fn link_lost(&mut self) {
        let newest = |store: &Store| store.end().saturating_sub(1)..store.end();
        self.outages.get_or_insert(self.stores.each_ref().map(newest));
    }

    /// The outside has its link back: what was kept since it lost it goes first.
    pub(super) fn link_restored(&mut self) {
        for (outage, store) in self.outages.iter_mut().flatten().zip(&self.stores) {
            outage.end = store.end();
        }
    }

    /// When there will be something to send again; `None` while nothing is kept or nothing may be sent.
    pub(super) fn ready_us(&self) -> Option<u64> {
        if self.config.share_per_mille == 0 || self.stores.iter().all(Store::is_empty) {
            return None;
        }
        let is_sweeping = self.outages.is_some() || self.sweeps.iter().any(|sweep| !sweep.is_over());
        let pass_us = if is_sweeping { 0 } else { self.next_pass_us };
        Some(pass_us.max(self.pacer.ready_us()))
    }

    /// Whether a shard may be sent now; starts a pass when its time has come.
    pub(super) fn is_ready(&mut self, now_us: u64) -> bool {
        // Asked first and always: parity, which does not wait, is to be paid for from now on and not from long ago.
        let allows = self.pacer.allows(now_us);
        if !allows || self.ready_us().is_none_or(|ready| ready > now_us) {
            return false;
        }
        // What was left of a pass may have been forgotten meanwhile; then the next has its own time.
        if self.sweeps[PASS].segment(&self.stores).is_none() && self.next_pass_us <= now_us {
            self.sweeps[PASS].begin(self.stores.each_ref().map(|store| store.first..store.end()));
            self.next_pass_us = now_us.saturating_add(self.config.interval_us);
        }
        self.segment().is_some()
    }

    /// Counts a frame against the history's share.
    pub(super) fn spend(&mut self, bytes: u64) {
        self.pacer.spend(bytes);
    }

    /// Copies as many whole messages as fit into `shard`: bytes used, messages copied.
    pub(super) fn fill(&mut self, shard: &mut [u8]) -> (usize, u64) {
        let (mut used, mut messages) = (0, 0);
        while let Some((place, class, number)) = self.segment() {
            let sweep = &mut self.sweeps[place];
            let (bytes, count, end) = self.stores[class].copy(number, sweep.offset, &mut shard[used..]);
            used += bytes;
            messages += count;
            sweep.offset = end;
            if self.stores[class].has_more(number, end) {
                break;
            }
            sweep.advance(class);
            self.pass_is_owed = place == OUTAGE && (self.pass_is_owed || sweep.is_over());
        }
        (used, messages)
    }

    /// The segment that is being sent: place of its sweep, class and number. Starts the sweep over outages when it is its
    /// turn.
    fn segment(&mut self) -> Option<(usize, usize, u64)> {
        if let Some((class, number)) = self.sweeps[OUTAGE].segment(&self.stores) {
            return Some((OUTAGE, class, number));
        }
        let of_pass = self.sweeps[PASS].segment(&self.stores).map(|(class, number)| (PASS, class, number));
        if self.pass_is_owed && of_pass.is_some() {
            return of_pass;
        }
        let Some(outages) = self.outages.take() else { return of_pass };
        self.sweeps[OUTAGE].begin(outages);
        let of_outage = self.sweeps[OUTAGE].segment(&self.stores);
        of_outage.map(|(class, number)| (OUTAGE, class, number)).or(of_pass)
    }
}

impl Sweep {
    fn new(order: HistoryOrder) -> Self {
        Self { order, left: core::array::from_fn(|_| 0..0), offset: 0, completed: 0 }
    }

    fn begin(&mut self, segments: [Range<u64>; CLASSES]) {
        (self.left, self.offset) = (segments, 0);
    }

    fn is_over(&self) -> bool {
        self.left.iter().all(Range::is_empty)
    }

    /// The segment that is being sent: class and number. Segments forgotten meanwhile are skipped.
    fn segment(&mut self, stores: &[Store; CLASSES]) -> Option<(usize, u64)> {
        let was_over = self.is_over();
        for (class, (left, store)) in self.left.iter_mut().zip(stores).enumerate() {
            let first = store.first;
            // A class of which nothing is left says nothing about the segment that is being sent.
            if !left.is_empty() && left.start < first {
                // Oldest first, the segment at the offset is the one that went.
                if self.order == HistoryOrder::OldestFirst || left.end <= first {
                    self.offset = 0;
                }
                left.start = first.min(left.end);
            }
            if !left.is_empty() {
                let number = match self.order {
                    HistoryOrder::OldestFirst => left.start,
                    HistoryOrder::NewestFirst => left.end - 1,
                };
                return Some((class, number));
            }
        }
        self.completed += u64::from(!was_over);
        None
    }

    /// Goes on to the next segment.
    fn advance(&mut self, class: usize) {
        self.offset = 0;
        match self.order {
            HistoryOrder::OldestFirst => self.left[class].start += 1,
            HistoryOrder::NewestFirst => self.left[class].end -= 1,
        }
        self.completed += u64::from(self.is_over());
    }
}

impl Store {
    fn new(segments_max: usize) -> Self {
        let segment = || Segment { bytes: Vec::with_capacity(SEGMENT_BYTES), messages: 0 };
        // All memory is taken now: the segments lie ready, empty, and the last is the newest.
        Self { segments: (0..segments_max).map(|_| segment()).collect(), first: 0 }
    }

    fn is_empty(&self) -> bool {
        self.segments.iter().all(|segment| segment.messages == 0)
    }

    /// One more than the number of the newest segment.
    fn end(&self) -> u64 {
        self.first + self.segments.len() as u64
    }

    /// Keeps a message; how many others were forgotten for it.
    fn keep(&mut self, message: &[u8]) -> u64 {
        let Ok(length) = u16::try_from(message.len()) else { return 0 };
        let needed = LENGTH_BYTES + message.len();
        let mut forgotten = 0;
        if self.segments.back().is_none_or(|newest| newest.bytes.len() + needed > SEGMENT_BYTES) {
            forgotten = self.turn();
        }
        if let Some(newest) = self.segments.back_mut() {
            newest.bytes.extend_from_slice(&length.to_be_bytes());
            newest.bytes.extend_from_slice(message);
            newest.messages += 1;
        }
        forgotten
    }

    /// Makes the oldest segment the newest; how many messages it had.
    fn turn(&mut self) -> u64 {
        let Some(mut segment) = self.segments.pop_front() else { return 0 };
        let forgotten = core::mem::take(&mut segment.messages);
        segment.bytes.clear();
        self.segments.push_back(segment);
        self.first += 1;
        forgotten
    }

    fn segment(&self, number: u64) -> Option<&Segment> {
        self.segments.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn has_more(&self, number: u64, offset: usize) -> bool {
        self.segment(number).is_some_and(|segment| offset < segment.bytes.len())
    }

    /// Copies messages of a segment from `offset` on: bytes and messages copied, and where the rest starts.
    fn copy(&self, number: u64, offset: usize, to: &mut [u8]) -> (usize, u64, usize) {
        let mut rest =
            self.segment(number).and_then(|segment| segment.bytes.get(offset..)).unwrap_or_default();
        let (mut used, mut messages, mut at) = (0, 0, offset);
        while let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let (Some(message), Some(place)) = (after.get(..length), to.get_mut(used..used + length)) else {
                break;
            };
            place.copy_from_slice(message);
            used += length;
            messages += 1;
            at += LENGTH_BYTES + length;
            rest = &after[length..];
        }
        (used, messages, at)
    }
}
