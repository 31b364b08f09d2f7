//! The order of one source: what may be delivered, what must wait, what is missing.

use alloc::collections::BTreeMap;

use noreturn_wire::{Record, SourceId};

use super::{EventKind, Output};

#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The sequence number that is delivered next.
    next: u64,
    held: BTreeMap<u64, Held>,
    /// How far the source has counted, and since when we know.
    head: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Held {
    record: Record,
    recovered: bool,
    arrived_us: u64,
}

impl Sequence {
    /// Takes a record; how many records more are held than before.
    pub(super) fn handle_record(
        &mut self,
        record: Record,
        recovered: bool,
        now_us: u64,
        out: &mut Output<'_>,
    ) -> isize {
        // The last number has no next one, so that it could not be told from its own repetition.
        let unreachable = record.sequence == u64::MAX;
        if record.sequence < self.next || unreachable || self.held.contains_key(&record.sequence) {
            out.counters.records_old += 1;
            return 0;
        }
        if record.sequence == self.next {
            self.deliver(record, recovered, out);
            return -self.deliver_held(out);
        }
        self.held.insert(record.sequence, Held { record, recovered, arrived_us: now_us });
        1
    }

    /// Learns that the source has counted to `head`.
    pub(super) fn handle_head(&mut self, head: u64, now_us: u64) {
        if head > self.next && self.head.is_none() {
            self.head = Some((head, now_us));
        }
    }

    /// Reports what has been missing since before `now_us - hold_us`; how many records are held no more.
    pub(super) fn handle_timeout(
        &mut self,
        now_us: u64,
        hold_us: u64,
        out: &mut Output<'_>,
        source: SourceId,
    ) -> isize {
        let mut released = 0;
        while self.due_us(hold_us).is_some_and(|due| due <= now_us) {
            released += self.give_up_first(out, source);
        }
        released
    }

    /// Reports the first hole now, and delivers what follows; how many records are held no more.
    pub(super) fn give_up_first(&mut self, out: &mut Output<'_>, source: SourceId) -> isize {
        let held = self.held.first_key_value().map(|(&first, _)| first);
        let Some(end) = held.or_else(|| self.head.take().map(|(head, _)| head)) else { return 0 };
        if end > self.next {
            out.counters.gaps += 1;
            out.counters.records_missing = out.counters.records_missing.saturating_add(end - self.next);
            out.emit(EventKind::Gap { source, first: self.next, last: end - 1 });
            self.next = end;
        }
        self.deliver_held(out)
    }

    /// When the first hole has been missing for too long.
    pub(super) fn due_us(&self, hold_us: u64) -> Option<u64> {
        let held = self.held.values().next().map(|held| held.arrived_us);
        let since = held.or_else(|| self.head.map(|(_, since)| since));
        since.map(|since| since + hold_us)
    }

    fn deliver_held(&mut self, out: &mut Output<'_>) -> isize {
        let mut delivered = 0;
        while let Some(held) = self.held.remove(&self.next) {
            self.deliver(held.record, held.recovered, out);
            delivered += 1;
        }
        self.head = self.head.filter(|(head, _)| *head > self.next);
        delivered
    }

    fn deliver(&mut self, record: Record, recovered: bool, out: &mut Output<'_>) {
        out.counters.records += 1;
        out.counters.records_recovered += u64::from(recovered);
        out.emit(EventKind::Record { record, recovered });
        self.next = record.sequence + 1;
    }
}
