//! The order of one lane: what may be delivered, what must wait, what is missing.

use alloc::collections::BTreeMap;

use super::progress::Progress;
use super::{Arrival, EventKind, Output, ReceiverCounters};

/// What a lane puts in order.
pub(super) trait Item {
    /// What numbers such lanes.
    type Id: Copy;
    /// Bytes that the item holds besides itself.
    fn bytes(&self) -> usize;
    /// The event that delivers it.
    fn delivered(self, id: Self::Id, sequence: u64, arrival: Arrival) -> EventKind;
    /// The event that reports a hole.
    fn gap(id: Self::Id, first: u64, last: u64) -> EventKind;
    /// Where such lanes are counted.
    fn counters(counters: &mut ReceiverCounters) -> LaneCounters<'_>;
}

/// The counters of one kind of lane.
pub(super) struct LaneCounters<'a> {
    pub(super) delivered: &'a mut u64,
    pub(super) recovered: &'a mut u64,
    pub(super) delayed: &'a mut u64,
    pub(super) repeated: &'a mut u64,
    pub(super) impossible: &'a mut u64,
    pub(super) gaps: &'a mut u64,
    pub(super) missing: &'a mut u64,
    pub(super) gaps_forgotten: &'a mut u64,
    pub(super) lost: &'a mut u64,
}

/// What the lanes of a session share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Items held back, and the bytes that they hold.
    pub(super) items: usize,
    pub(super) bytes: usize,
    /// No lane waits for anything before this; it may be too early, never too late.
    pub(super) due_us: u64,
}

/// One lane.
#[derive(Debug)]
pub(super) struct Sequence<T> {
    progress: Progress,
    held: BTreeMap<u64, Held<T>>,
    /// How far the lane has counted, and since when we know.
    head: Option<(u64, u64)>,
}

/// An item before its turn.
#[derive(Debug)]
pub(super) struct Held<T> {
    item: T,
    arrival: Arrival,
    /// When the first arrived of this item and those held behind it: all of them wait for the holes before this one.
    since_us: u64,
}

impl Shared {
    pub(super) const fn new() -> Self {
        Self { items: 0, bytes: 0, due_us: u64::MAX }
    }

    fn is_full(&self, out: &Output<'_>) -> bool {
        self.items > out.config.held_records_max || self.bytes > out.config.held_bytes_max
    }

    fn wake_at(&mut self, due_us: u64) {
        self.due_us = self.due_us.min(due_us);
    }
}

impl<T: Item> Sequence<T> {
    pub(super) const fn new() -> Self {
        Self { progress: Progress::new(), held: BTreeMap::new(), head: None }
    }

    /// How far it has come.
    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The same, to be taken up or asked for marks.
    pub(super) const fn progress_mut(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// Whether nothing is held back, awaited or missing.
    pub(super) fn is_settled(&self) -> bool {
        self.held.is_empty() && self.head.is_none() && self.progress.is_complete()
    }

    /// Takes an item: delivers it now or later, once.
    pub(super) fn handle(
        &mut self,
        id: T::Id,
        (sequence, item): (u64, T),
        arrival: Arrival,
        shared: &mut Shared,
        out: &mut Output<'_>,
    ) {
        let next = self.progress.next();
        // The last number has no next one, so that it could not be told from its own repetition.
        if sequence == u64::MAX {
            *T::counters(out.counters).impossible += 1;
        } else if sequence < next && self.progress.fill(sequence) {
            deliver(id, (sequence, item), Arrival::Delayed, out);
            self.forget(out.config.gaps_max, sequence, out);
        } else if sequence < next || self.held.contains_key(&sequence) {
            *T::counters(out.counters).repeated += 1;
        } else if sequence == next {
            self.progress.advance(sequence + 1);
            deliver(id, (sequence, item), arrival, out);
            self.deliver_held(id, shared, out);
        } else {
            self.hold((sequence, item), arrival, shared, out);
            while shared.is_full(out) && self.give_up_first(id, shared, out) {}
        }
    }

    /// Learns that the lane has counted to `head`.
    pub(super) fn handle_head(&mut self, head: u64, shared: &mut Shared, out: &Output<'_>) {
        if head > self.progress.next() && self.head.is_none() {
            self.head = Some((head, out.now_us));
            shared.wake_at(out.now_us.saturating_add(out.config.hold_us));
        }
    }

    /// Reports what has been missing for too long.
    pub(super) fn handle_timeout(&mut self, id: T::Id, shared: &mut Shared, out: &mut Output<'_>) {
        while let Some(end) = self.overdue(out) {
            self.give_up(end, id, shared, out);
        }
        if let Some(due_us) = self.due_us(out.config.hold_us) {
            shared.wake_at(due_us);
        }
    }

    /// Reports everything that is missing and delivers what is held, since the lane is given up; what is missing then
    /// is lost for good.
    pub(super) fn end(&mut self, id: T::Id, shared: &mut Shared, out: &mut Output<'_>) {
        while self.give_up_first(id, shared, out) {}
        self.forget(0, 0, out);
    }

    /// The first item that is held, and since when anything waits for what is missing before it.
    fn first_held(&self) -> Option<(u64, u64)> {
        self.held.first_key_value().map(|(&sequence, held)| (sequence, held.since_us))
    }

    /// When the first hole has been missing for too long.
    fn due_us(&self, hold_us: u64) -> Option<u64> {
        let since = [self.first_held(), self.head].into_iter().flatten().map(|(_, since_us)| since_us).min();
        since.map(|since_us| since_us.saturating_add(hold_us))
    }

    /// Where the first hole ends, if it has been missing for too long; what is not known for so long yet does not count.
    fn overdue(&self, out: &Output<'_>) -> Option<u64> {
        let is_over = |&(_, since_us): &(u64, u64)| since_us.saturating_add(out.config.hold_us) <= out.now_us;
        let held = self.first_held();
        let head = self.head.filter(is_over).map(|(head, _)| held.map_or(head, |(first, _)| first.min(head)));
        held.filter(is_over).map(|(first, _)| first).or(head)
    }

    fn hold(&mut self, (sequence, item): (u64, T), arrival: Arrival, shared: &mut Shared, out: &Output<'_>) {
        shared.items += 1;
        shared.bytes += item.bytes();
        shared.wake_at(out.now_us.saturating_add(out.config.hold_us));
        let behind = self.held.range(sequence..).next().map(|(_, behind)| behind.since_us);
        let since_us = behind.unwrap_or(out.now_us).min(out.now_us);
        self.held.insert(sequence, Held { item, arrival, since_us });
    }

    /// Reports the first hole now, and delivers what follows; whether anything was held or awaited.
    fn give_up_first(&mut self, id: T::Id, shared: &mut Shared, out: &mut Output<'_>) -> bool {
        let first = self.first_held().or(self.head).map(|(end, _)| end);
        first.into_iter().for_each(|end| self.give_up(end, id, shared, out));
        first.is_some()
    }

    /// Reports what is missing before `end`, and delivers what follows.
    fn give_up(&mut self, end: u64, id: T::Id, shared: &mut Shared, out: &mut Output<'_>) {
        let first = self.progress.next();
        if end > first {
            let counters = T::counters(out.counters);
            *counters.gaps += 1;
            *counters.missing = counters.missing.saturating_add(end - first);
            out.emit(T::gap(id, first, end - 1));
            self.progress.skip(end);
            self.forget(out.config.gaps_max, end, out);
        }
        self.deliver_held(id, shared, out);
    }

    fn deliver_held(&mut self, id: T::Id, shared: &mut Shared, out: &mut Output<'_>) {
        while let Some(held) = self.held.remove(&self.progress.next()) {
            let sequence = self.progress.next();
            self.progress.advance(sequence + 1);
            shared.items = shared.items.saturating_sub(1);
            shared.bytes = shared.bytes.saturating_sub(held.item.bytes());
            deliver(id, (sequence, held.item), held.arrival, out);
        }
        if self.held.is_empty() {
            // An empty map may keep a node, which is more than all the rest of an idle lane.
            self.held = BTreeMap::new();
        }
        self.head = self.head.filter(|(head, _)| *head > self.progress.next());
    }

    /// Gives up missing ranges for good until no more than `gaps_max` are left, rather not those that adjoin `spared`.
    fn forget(&mut self, gaps_max: usize, spared: u64, out: &mut Output<'_>) {
        while let Some((first, last)) = self.progress.forget(gaps_max, spared) {
            let counters = T::counters(out.counters);
            *counters.gaps_forgotten += 1;
            *counters.lost = counters.lost.saturating_add((last - first).saturating_add(1));
        }
    }
}

fn deliver<T: Item>(id: T::Id, (sequence, item): (u64, T), arrival: Arrival, out: &mut Output<'_>) {
    let counters = T::counters(out.counters);
    *counters.delivered += 1;
    *counters.recovered += u64::from(arrival == Arrival::Parity);
    *counters.delayed += u64::from(arrival == Arrival::Delayed);
    out.emit(item.delivered(id, sequence, arrival));
}
