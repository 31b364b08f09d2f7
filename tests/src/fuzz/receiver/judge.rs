//! Knows what was sent, and holds the receiver to what it promises about it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use noreturn_link::receiver::{Arrival, EventKind, FileEvent, Lane};
use noreturn_link::{Event, Receiver, Refusal};
use noreturn_wire::{BootId, DiodeId, FileId, SourceId, StreamId};

use super::{BOOTS, CONFIG, SOURCES, record};

#[derive(Default)]
pub(super) struct Judge {
    boots: [Boot; BOOTS.len()],
    /// Every boot that the receiver follows.
    following: BTreeMap<(DiodeId, BootId), Followed>,
    datagrams: u64,
    refused: u64,
    records: u64,
    gaps: u64,
    missing: u128,
    steps: u64,
    step_gaps: u64,
    steps_missing: u128,
}

/// What was told of a boot.
#[derive(Default)]
struct Followed {
    lanes: BTreeMap<Lane, Told>,
    /// Streams of which nothing may be told any more.
    evicted: BTreeSet<StreamId>,
    /// Files that have started and are not over: their length, and the bytes told.
    files: BTreeMap<FileId, (u64, Vec<RangeInclusive<u64>>)>,
    over: BTreeSet<FileId>,
}

/// What was told of a source or a stream.
#[derive(Default)]
struct Told {
    /// What must come next. Beyond 64 bits: nothing.
    next: u128,
    /// What was reported as missing, and may come once.
    missing: Vec<RangeInclusive<u64>>,
}

#[derive(Default)]
struct Boot {
    /// Records of each source so far.
    sent: [u64; SOURCES],
    /// Whether the liar has spoken for it: then values may be wrong, but the order may not.
    lied: bool,
}

impl Judge {
    /// How many records of a source were sent, which is also the number of the next.
    pub(super) const fn sent(&self, place: usize, source: usize) -> u64 {
        self.boots[place].sent[source]
    }

    pub(super) const fn has_sent(&mut self, place: usize, source: usize) {
        self.boots[place].sent[source] += 1;
    }

    pub(super) const fn has_lied(&mut self, place: usize) {
        self.boots[place].lied = true;
    }

    pub(super) fn datagram(&mut self, result: Result<(), Refusal>) {
        self.datagrams += 1;
        self.refused += u64::from(result.is_err());
    }

    /// Takes all events.
    pub(super) fn hear(&mut self, receiver: &mut Receiver) {
        while let Some(event) = receiver.poll_event() {
            self.event(event);
        }
        let followed = |diode| self.following.keys().filter(|(of, _)| *of == diode).count();
        assert!([1, 2].into_iter().all(|id| followed(DiodeId(id)) <= CONFIG.sessions_per_diode_max));
    }

    fn event(&mut self, Event { diode, boot, kind }: Event) {
        let place =
            BOOTS.iter().position(|&(of, is, _)| (of, is) == (diode, boot)).expect("a boot that never was");
        match kind {
            EventKind::Started => {
                assert!(self.following.insert((diode, boot), Followed::default()).is_none(), "started twice");
            }
            EventKind::Ended => assert!(self.following.remove(&(diode, boot)).is_some(), "ended twice"),
            EventKind::Beacon(_) => assert!(self.following.contains_key(&(diode, boot)), "before it started"),
            EventKind::Announced { source, name, unit } => {
                let honest = name == "tank/level" && unit == "m";
                assert!(honest || self.boots[place].lied, "{source:?} was never called {name:?}");
                assert!((source.0 as usize) < CONFIG.sources_max, "{source:?} is over the limit");
            }
            EventKind::Record { record: found, arrival } => {
                self.records += 1;
                let lane = Lane::Source(found.source);
                self.lane((diode, boot), lane).deliver(lane, found.sequence, arrival);
                let expected = record(found.source, found.sequence);
                let boot = &self.boots[place];
                assert!(boot.lied || found == expected, "altered: {found:?}, sent was {expected:?}");
                assert!(boot.has_sent(found.source, found.sequence), "invented: {found:?}");
            }
            EventKind::Gap { source, first, last } => {
                self.gaps += 1;
                self.missing += u128::from(last - first) + 1;
                let lane = Lane::Source(source);
                self.lane((diode, boot), lane).skip(lane, first, last);
                assert!(
                    self.boots[place].has_sent(source, last),
                    "a gap where nothing was sent: {source:?} {last}"
                );
            }
            EventKind::Stream { stream, sequence, arrival, .. } => {
                self.steps += 1;
                assert!(self.boots[place].lied, "honest senders have no streams");
                let lane = Lane::Stream(stream);
                self.lane((diode, boot), lane).deliver(lane, sequence, arrival);
            }
            EventKind::StreamGap { stream, first, last } => {
                self.step_gaps += 1;
                self.steps_missing += u128::from(last - first) + 1;
                let lane = Lane::Stream(stream);
                self.lane((diode, boot), lane).skip(lane, first, last);
            }
            EventKind::StreamEvicted { stream } => {
                assert!(self.followed((diode, boot)).evicted.insert(stream), "{stream:?}: evicted twice");
            }
            EventKind::File { file, step } => {
                assert!(self.boots[place].lied, "honest senders have no files");
                self.followed((diode, boot)).file(file, &step);
            }
        }
    }

    fn followed(&mut self, boot: (DiodeId, BootId)) -> &mut Followed {
        self.following.get_mut(&boot).expect("a boot that has not started")
    }

    fn lane(&mut self, boot: (DiodeId, BootId), lane: Lane) -> &mut Told {
        let followed = self.followed(boot);
        match lane {
            Lane::Source(source) => {
                assert!((source.0 as usize) < CONFIG.sources_max, "{source:?} is over the limit");
            }
            Lane::Stream(stream) => assert!(!followed.evicted.contains(&stream), "{stream:?} was evicted"),
        }
        followed.lanes.entry(lane).or_default()
    }

    /// Holds the counters against what was seen.
    pub(super) fn conclude(&self, receiver: &Receiver) {
        let counters = receiver.counters();
        let refused: u64 =
            counters.named().filter(|(name, _)| name.starts_with("refused_")).map(|(_, count)| count).sum();
        assert_eq!((counters.datagrams, refused), (self.datagrams, self.refused));
        assert_eq!((counters.records, counters.gaps), (self.records, self.gaps));
        let missing = u64::try_from(self.missing).unwrap_or(u64::MAX);
        assert_eq!(counters.records_missing, missing);
        assert!(counters.records_recovered + counters.records_delayed <= counters.records);
        assert_eq!((counters.stream_steps, counters.stream_gaps), (self.steps, self.step_gaps));
        assert_eq!(counters.stream_steps_missing, u64::try_from(self.steps_missing).unwrap_or(u64::MAX));
        assert!(counters.records_lost <= counters.records_missing);
    }
}

impl Boot {
    fn has_sent(&self, source: SourceId, sequence: u64) -> bool {
        self.lied || self.sent.get(source.0 as usize).is_some_and(|&sent| sequence < sent)
    }
}

impl Told {
    /// A number comes once: in order, or delayed out of what was missing.
    fn deliver(&mut self, lane: Lane, sequence: u64, arrival: Arrival) {
        if u128::from(sequence) == self.next {
            self.next += 1;
            return;
        }
        assert_eq!(arrival, Arrival::Delayed, "{lane:?}: {sequence} is not what comes next");
        let place = self.missing.iter().position(|range| range.contains(&sequence));
        let range = self.missing.swap_remove(place.expect("it was not missing, or has come before"));
        if sequence > *range.start() {
            self.missing.push(*range.start()..=sequence - 1);
        }
        if sequence < *range.end() {
            self.missing.push(sequence + 1..=*range.end());
        }
    }

    /// A gap begins with what comes next.
    fn skip(&mut self, lane: Lane, first: u64, last: u64) {
        assert!(first <= last, "a gap that ends before it starts");
        assert_eq!(u128::from(first), self.next, "{lane:?}: not what comes next");
        self.next = u128::from(last) + 1;
        self.missing.push(first..=last);
    }
}

impl Followed {
    /// A file starts, has every byte at most once, and is over once.
    fn file(&mut self, file: FileId, step: &FileEvent) {
        assert!(!self.over.contains(&file), "{file:?} was over: {step:?}");
        match step {
            FileEvent::Started(about) => {
                assert!(self.files.insert(file, (about.length, Vec::new())).is_none(), "started twice");
                assert!(self.files.len() <= CONFIG.files_max, "too many files at once");
            }
            FileEvent::Data { offset, bytes } => {
                let (length, told) = self.files.get_mut(&file).expect("a file that has not started");
                let end = offset + bytes.len() as u64;
                assert!(!bytes.is_empty() && end <= *length, "{file:?}: bytes beyond the end");
                let new = told.iter().all(|range| end <= *range.start() || *range.end() < *offset);
                assert!(new, "{file:?}: bytes {offset} to {end} were told before");
                told.push(*offset..=end - 1);
            }
            FileEvent::Completed(about) => {
                let (length, told) = self.files.remove(&file).expect("a file that has not started");
                let sum: u64 = told.iter().map(|range| range.end() - range.start() + 1).sum();
                assert_eq!((sum, about.length), (length, length), "{file:?} is not complete");
                self.over.insert(file);
            }
            FileEvent::Aborted => {
                assert!(self.files.remove(&file).is_some(), "{file:?} has not started");
                self.over.insert(file);
            }
            FileEvent::Abandoned => assert!(self.files.remove(&file).is_some(), "{file:?} has not started"),
        }
    }
}
