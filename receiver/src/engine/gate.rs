//! The gate before the image check: records of a boot wait until a beacon tells which image it runs.

use std::collections::{BTreeMap, VecDeque};

use noreturn_wire::SourceId;

use super::{EngineCounters, Entry};

#[derive(Debug)]
pub(super) struct Gate(State);

#[derive(Debug)]
enum State {
    Open,
    Waiting(Waiting),
    Refused,
}

#[derive(Debug)]
struct Waiting {
    entries_max: usize,
    entries: VecDeque<Entry>,
    /// First and last sequence number per source of what found the queue full.
    dropped: BTreeMap<SourceId, (u64, u64)>,
}

impl Gate {
    pub(super) const fn open() -> Self {
        Self(State::Open)
    }

    pub(super) const fn waiting(entries_max: usize) -> Self {
        Self(State::Waiting(Waiting { entries_max, entries: VecDeque::new(), dropped: BTreeMap::new() }))
    }

    pub(super) const fn is_refused(&self) -> bool {
        matches!(self.0, State::Refused)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.0, State::Waiting(_))
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.0 {
            State::Waiting(waiting) => waiting.entries.is_empty() && waiting.dropped.is_empty(),
            State::Open | State::Refused => true,
        }
    }

    /// The entry, if it may pass now.
    pub(super) fn admit(&mut self, entry: Entry, counters: &mut EngineCounters) -> Option<Entry> {
        match &mut self.0 {
            State::Open => Some(entry),
            State::Waiting(waiting) => {
                waiting.push(entry, counters);
                None
            }
            State::Refused => {
                counters.records_refused_mismatch += records(&entry);
                None
            }
        }
    }

    /// Opens; what had waited, and gaps for what had found no room.
    pub(super) fn pass(&mut self) -> impl Iterator<Item = Entry> + use<> {
        let (entries, dropped) = match std::mem::replace(&mut self.0, State::Open) {
            State::Waiting(waiting) => (waiting.entries, waiting.dropped),
            State::Open | State::Refused => Default::default(),
        };
        let gaps = dropped.into_iter().map(|(source, (first, last))| Entry::Gap { source, first, last });
        entries.into_iter().chain(gaps)
    }

    /// Closes for good.
    pub(super) fn refuse(&mut self, counters: &mut EngineCounters) {
        if let State::Waiting(waiting) = std::mem::replace(&mut self.0, State::Refused) {
            counters.records_refused_mismatch += waiting.records();
        }
    }

    /// No beacon will come any more.
    pub(super) fn end(&mut self, counters: &mut EngineCounters) {
        if let State::Waiting(waiting) = &mut self.0 {
            counters.records_refused_unknown += waiting.records();
            waiting.entries.clear();
        }
    }
}

impl Waiting {
    fn push(&mut self, entry: Entry, counters: &mut EngineCounters) {
        let (first, last) = entry.range();
        // Once a source has lost something here, what follows is lost too, so that it stays in order.
        if let Some(range) = self.dropped.get_mut(&entry.source()) {
            range.1 = last;
        } else if self.entries.len() < self.entries_max {
            self.entries.push_back(entry);
            return;
        } else {
            self.dropped.insert(entry.source(), (first, last));
        }
        counters.records_dropped_waiting += records(&entry);
    }

    fn records(&self) -> u64 {
        self.entries.iter().map(records).sum()
    }
}

/// How many records an entry holds; a gap holds none.
const fn records(entry: &Entry) -> u64 {
    matches!(entry, Entry::Record { .. }) as u64
}
