//! Names: records of a source wait, within bounds, until the box has announced what it is called.

use std::collections::BTreeMap;
use std::sync::Arc;

use noreturn_link::Arrival;
use noreturn_wire::SourceId;

use super::{EngineCounters, Entry};
use crate::config::Limits;
use crate::item::{Item, Origin, Source};

#[derive(Debug)]
pub(super) struct Naming {
    wait_us: u64,
    waiting_max: usize,
    waiting: usize,
    sources: BTreeMap<SourceId, Name>,
}

#[derive(Debug)]
enum Name {
    /// Announced.
    Known(Arc<Source>),
    /// Not announced in time.
    Substitute(Arc<Source>),
    /// Not announced yet; entries in order.
    Awaited { since_us: u64, entries: Vec<Entry> },
}

impl Naming {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            wait_us: limits.name_wait_us,
            waiting_max: limits.waiting_records_max,
            waiting: 0,
            sources: BTreeMap::new(),
        }
    }

    /// Whether nothing waits for a name.
    pub(super) const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Learns a name; what waited for it goes out.
    pub(super) fn announce(
        &mut self,
        origin: &Arc<Origin>,
        number: SourceId,
        tag: String,
        unit: String,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        let is_known = matches!(self.sources.get(&number),
            Some(Name::Known(source)) if source.tag == tag && source.unit == unit);
        if is_known {
            return;
        }
        let source = Arc::new(Source { number: number.0, tag, unit });
        if let Some(Name::Awaited { entries, .. }) = self.sources.insert(number, Name::Known(source.clone()))
        {
            self.waiting -= entries.len();
            entries.into_iter().for_each(|entry| pass(origin, &source, entry, counters, out));
        }
    }

    /// Passes an entry on, or holds it.
    pub(super) fn handle_entry(
        &mut self,
        origin: &Arc<Origin>,
        entry: Entry,
        now_us: u64,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        let awaited = || Name::Awaited { since_us: now_us, entries: Vec::new() };
        match self.sources.entry(entry.source()).or_insert_with(awaited) {
            Name::Known(source) => pass(origin, source, entry, counters, out),
            Name::Substitute(source) => {
                count_unnamed(&entry, counters);
                pass(origin, source, entry, counters, out);
            }
            Name::Awaited { entries, .. } => {
                entries.push(entry);
                self.waiting += 1;
                if self.waiting > self.waiting_max {
                    self.substitute_oldest(origin, counters, out);
                }
            }
        }
    }

    /// Stops waiting for names that should have come by now.
    pub(super) fn handle_timeout(
        &mut self,
        origin: &Arc<Origin>,
        now_us: u64,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        if self.waiting > 0 {
            let wait_us = self.wait_us;
            self.substitute_if(origin, |since_us| since_us.saturating_add(wait_us) <= now_us, counters, out);
        }
    }

    /// Nothing more will come: everything goes out.
    pub(super) fn end(&mut self, origin: &Arc<Origin>, counters: &mut EngineCounters, out: &mut Vec<Item>) {
        self.substitute_if(origin, |_| true, counters, out);
    }

    /// The boot is refused: nothing that waits goes out.
    pub(super) fn refuse(&mut self, counters: &mut EngineCounters) {
        for name in self.sources.values_mut() {
            if let Name::Awaited { entries, .. } = name {
                let records = entries.iter().filter(|entry| matches!(entry, Entry::Record { .. })).count();
                counters.records_refused_mismatch += records as u64;
                entries.clear();
            }
        }
        self.waiting = 0;
    }

    fn substitute_oldest(
        &mut self,
        origin: &Arc<Origin>,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        let oldest = self.sources.values().filter_map(Name::since_us).min();
        if let Some(oldest) = oldest {
            self.substitute_if(origin, |since_us| since_us == oldest, counters, out);
        }
    }

    fn substitute_if(
        &mut self,
        origin: &Arc<Origin>,
        condition: impl Fn(u64) -> bool,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        for (&number, name) in &mut self.sources {
            if !name.since_us().is_some_and(&condition) {
                continue;
            }
            let source = Arc::new(substitute(number));
            if let Name::Awaited { entries, .. } = std::mem::replace(name, Name::Substitute(source.clone())) {
                self.waiting -= entries.len();
                for entry in entries {
                    count_unnamed(&entry, counters);
                    pass(origin, &source, entry, counters, out);
                }
            }
        }
    }
}

impl Name {
    const fn since_us(&self) -> Option<u64> {
        match self {
            Self::Awaited { since_us, .. } => Some(*since_us),
            Self::Known(_) | Self::Substitute(_) => None,
        }
    }
}

fn substitute(number: SourceId) -> Source {
    Source { number: number.0, tag: format!("source/{}", number.0), unit: String::new() }
}

fn count_unnamed(entry: &Entry, counters: &mut EngineCounters) {
    counters.records_passed_unnamed += u64::from(matches!(entry, Entry::Record { .. }));
}

fn pass(
    origin: &Arc<Origin>,
    source: &Arc<Source>,
    entry: Entry,
    counters: &mut EngineCounters,
    out: &mut Vec<Item>,
) {
    let (origin, source) = (origin.clone(), source.clone());
    match entry {
        Entry::Record { record, arrival } => {
            counters.records_passed += 1;
            counters.records_passed_recovered += u64::from(arrival == Arrival::Parity);
            counters.records_passed_delayed += u64::from(arrival == Arrival::Delayed);
            out.push(Item::Record { origin, source, record, arrival });
        }
        Entry::Gap { first, last, .. } => {
            counters.gaps_passed += 1;
            // Numbers are what the box says: two gaps may be more than can be counted.
            let missing = last.saturating_sub(first).saturating_add(1);
            counters.records_missing_passed = counters.records_missing_passed.saturating_add(missing);
            out.push(Item::Gap { origin, source, first, last });
        }
    }
}
