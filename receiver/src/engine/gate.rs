//! The gate before the image check: records of a boot wait until a beacon tells which image it runs.

use std::collections::{BTreeMap, VecDeque};

use noreturn_wire::SourceId;

use super::{EngineCounters, Entry};

/// Missing ranges that are told of a source at most.
const RANGES_MAX: usize = 64;

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
    sources: BTreeMap<SourceId, Source>,
}

/// How far a source has come at the gate.
#[derive(Default, Debug)]
struct Source {
    /// One more than the highest sequence number that waits, is told as a gap by what waits, or was dropped.
    end: u64,
    /// What was dropped and is not told as a gap yet: ranges in order, first and last sequence number.
    dropped: Vec<(u64, u64)>,
}

impl Gate {
    pub(super) const fn open() -> Self {
        Self(State::Open)
    }

    pub(super) const fn waiting(entries_max: usize) -> Self {
        Self(State::Waiting(Waiting { entries_max, entries: VecDeque::new(), sources: BTreeMap::new() }))
    }

    pub(super) const fn is_refused(&self) -> bool {
        matches!(self.0, State::Refused)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.0, State::Waiting(_))
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.0 {
            State::Waiting(waiting) => waiting.sources.is_empty(),
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
        let (entries, sources) = match std::mem::replace(&mut self.0, State::Open) {
            State::Waiting(waiting) => (waiting.entries, waiting.sources),
            State::Open | State::Refused => Default::default(),
        };
        let gaps = sources.into_iter().flat_map(|(source, state)| {
            state.dropped.into_iter().map(move |(first, last)| Entry::Gap { source, first, last })
        });
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
        let source = self.sources.entry(entry.source()).or_default();
        // Once a source has lost something here, what follows is lost too, so that it stays in order.
        if source.dropped.is_empty() && self.entries.len() < self.entries_max {
            source.end = source.end.max(entry.range().1.saturating_add(1));
            self.entries.push_back(entry);
        } else {
            source.drop_range(entry.range());
            counters.records_dropped_waiting += records(&entry);
        }
    }

    fn records(&self) -> u64 {
        self.entries.iter().map(records).sum()
    }
}

impl Source {
    /// Notes what was dropped. A delayed record that is below the end was told as a gap before it came: by what waits
    /// here, by what was dropped here, or by an earlier daemon.
    fn drop_range(&mut self, (first, last): (u64, u64)) {
        if first < self.end {
            return;
        }
        match self.dropped.last_mut() {
            Some(range) if range.1.checked_add(1) == Some(first) => range.1 = last,
            _ => self.dropped.push((first, last)),
        }
        self.end = last.saturating_add(1);
        if self.dropped.len() > RANGES_MAX {
            // What comes in order adjoins. What does not fills holes that an earlier daemon has told of, and is below it.
            self.dropped.remove(0);
        }
    }
}

/// How many records an entry holds; a gap holds none.
const fn records(entry: &Entry) -> u64 {
    matches!(entry, Entry::Record { .. }) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use noreturn_link::receiver::Arrival;
    use noreturn_wire::{Quality, Record, TimeQuality, Value};

    use super::*;

    const SOURCES: u32 = 3;

    fn record(source: u32, sequence: u64, arrival: Arrival) -> Entry {
        let (time_quality, quality, value) = (TimeQuality::NONE, Quality::Good, Value::U64(sequence));
        let source = SourceId(source);
        Entry::Record {
            record: Record { source, sequence, acquired_us: 0, time_quality, quality, value },
            arrival,
        }
    }

    const fn gap(source: u32, first: u64, last: u64) -> Entry {
        Entry::Gap { source: SourceId(source), first, last }
    }

    /// What passes of `entries` through a gate with room for so many, and what was counted as dropped.
    fn through(entries_max: usize, entries: &[Entry]) -> (Vec<Entry>, u64) {
        let (mut gate, mut counters) = (Gate::waiting(entries_max), EngineCounters::default());
        for entry in entries {
            assert_eq!(gate.admit(*entry, &mut counters), None);
        }
        assert_eq!(gate.is_empty(), entries.is_empty());
        (gate.pass().collect(), counters.records_dropped_waiting)
    }

    #[test]
    fn a_delayed_record_that_finds_the_gate_full_stays_in_the_gap_that_told_of_it() {
        let live = |sequence| record(0, sequence, Arrival::Direct);
        let entries = [live(0), gap(0, 1, 4), live(5), live(6), record(0, 3, Arrival::Delayed)];
        let (passed, dropped) = through(3, &entries);
        assert_eq!(passed, [live(0), gap(0, 1, 4), live(5), gap(0, 6, 6)]);
        assert_eq!(dropped, 2);
        // The gap itself found no room.
        let (passed, dropped) = through(1, &entries);
        assert_eq!((passed, dropped), (vec![live(0), gap(0, 1, 6)], 3));
    }

    #[test]
    fn what_an_earlier_daemon_missed_and_what_is_new_are_ranges_of_their_own() {
        let late = |sequence| record(0, sequence, Arrival::Delayed);
        let entries =
            [late(3), late(4), late(9), record(0, 100, Arrival::Direct), gap(0, 101, 120), late(50)];
        let (passed, dropped) = through(0, &entries);
        assert_eq!((passed, dropped), (vec![gap(0, 3, 4), gap(0, 9, 9), gap(0, 100, 120)], 5));
        let holes: Vec<Entry> = (0..1000).map(|hole| late(2 * hole)).collect();
        let (passed, dropped) = through(0, &holes);
        assert_eq!((passed.len(), dropped), (RANGES_MAX, 1000));
        assert_eq!(passed.last(), Some(&gap(0, 1998, 1998)), "the newest stays");
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(state: &mut u64, below: u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// What the protocol tells of some sources: records and gaps in order, and delayed records out of these gaps.
    fn told(state: &mut u64) -> (Vec<Entry>, [u64; SOURCES as usize]) {
        let mut next = [0; SOURCES as usize];
        let mut missing: Vec<(u32, u64)> = Vec::new();
        let mut entries = Vec::new();
        for _ in 0..draw(state, 60) {
            let source = draw(state, u64::from(SOURCES)) as u32;
            let end = &mut next[source as usize];
            match draw(state, 4) {
                0 => {
                    let last = *end + draw(state, 6);
                    missing.extend((*end..=last).map(|sequence| (source, sequence)));
                    entries.push(gap(source, *end, last));
                    *end = last + 1;
                }
                1 if !missing.is_empty() => {
                    let place = draw(state, missing.len() as u64) as usize;
                    let (source, sequence) = missing.swap_remove(place);
                    entries.push(record(source, sequence, Arrival::Delayed));
                }
                _ => {
                    entries.push(record(source, *end, Arrival::Direct));
                    *end += 1;
                }
            }
        }
        (entries, next)
    }

    #[test]
    fn every_number_passes_or_is_in_one_gap_whatever_finds_no_room() {
        for seed in 0..5_000 {
            let mut state = seed;
            let (entries, next) = told(&mut state);
            let (passed, dropped) = through(draw(&mut state, 40) as usize, &entries);
            let sent: u64 = entries.iter().map(records).sum();
            assert_eq!(sent - passed.iter().map(records).sum::<u64>(), dropped, "seed {seed}");
            let (mut seen, mut in_gaps) = (BTreeSet::new(), BTreeSet::new());
            for entry in passed {
                let ((first, last), source) = (entry.range(), entry.source());
                assert!(first <= last, "seed {seed}: {entry:?}");
                for sequence in first..=last {
                    let is_new = match entry {
                        Entry::Gap { .. } => in_gaps.insert((source, sequence)),
                        // A delayed record fills a place in a gap before it.
                        Entry::Record { arrival: Arrival::Delayed, .. } => {
                            assert!(in_gaps.contains(&(source, sequence)), "seed {seed}: {entry:?}");
                            seen.insert((source, sequence))
                        }
                        Entry::Record { .. } => seen.insert((source, sequence)),
                    };
                    assert!(is_new, "seed {seed}: {sequence} of {source:?} twice");
                }
            }
            let all = (0..SOURCES).flat_map(|source| {
                (0..next[source as usize]).map(move |sequence| (SourceId(source), sequence))
            });
            assert!(seen.union(&in_gaps).copied().eq(all), "seed {seed}: not all accounted for");
        }
    }
}
