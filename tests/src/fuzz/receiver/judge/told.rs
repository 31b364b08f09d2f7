//! What was told of a boot, and what may still be told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use noreturn_link::receiver::{Arrival, FileEvent, Lane};
use noreturn_wire::{FileId, StreamId};

use super::CONFIG;

/// What was told of a boot.
#[derive(Clone, Default)]
pub(super) struct Followed {
    /// Whether it was heard since the receiver was started.
    pub(super) has_started: bool,
    lanes: BTreeMap<Lane, Told>,
    /// Streams of which nothing may be told any more.
    evicted: BTreeSet<StreamId>,
    /// Files that have started and are not over: their length, and the bytes told.
    files: BTreeMap<FileId, (u64, Vec<RangeInclusive<u64>>)>,
    over: BTreeSet<FileId>,
}

/// What was told of a source or a stream.
#[derive(Clone, Default)]
struct Told {
    /// What must come next. Beyond 64 bits: nothing.
    next: u128,
    /// What was reported as missing, and may come once.
    missing: Vec<RangeInclusive<u64>>,
}

impl Followed {
    /// The receiver is another; files that were not over start again.
    pub(super) fn restart(&mut self) {
        self.has_started = false;
        self.files.clear();
    }

    /// A number comes once: in order, or delayed out of what was missing.
    pub(super) fn deliver(&mut self, lane: Lane, sequence: u64, arrival: Arrival) {
        let told = self.lane(lane);
        if u128::from(sequence) == told.next {
            told.next += 1;
            return;
        }
        assert_eq!(arrival, Arrival::Delayed, "{lane:?}: {sequence} is not what comes next");
        let place = told.missing.iter().position(|range| range.contains(&sequence));
        let range = told.missing.swap_remove(place.expect("it was not missing, or has come before"));
        if sequence > *range.start() {
            told.missing.push(*range.start()..=sequence - 1);
        }
        if sequence < *range.end() {
            told.missing.push(sequence + 1..=*range.end());
        }
    }

    /// A gap begins with what comes next.
    pub(super) fn skip(&mut self, lane: Lane, first: u64, last: u64) {
        let told = self.lane(lane);
        assert!(first <= last, "a gap that ends before it starts");
        assert_eq!(u128::from(first), told.next, "{lane:?}: not what comes next");
        told.next = u128::from(last) + 1;
        told.missing.push(first..=last);
    }

    pub(super) fn evict(&mut self, stream: StreamId) {
        assert!(self.evicted.insert(stream), "{stream:?}: evicted twice");
    }

    fn lane(&mut self, lane: Lane) -> &mut Told {
        match lane {
            Lane::Source(source) => {
                assert!((source.0 as usize) < CONFIG.sources_max, "{source:?} is over the limit");
            }
            Lane::Stream(stream) => assert!(!self.evicted.contains(&stream), "{stream:?} was evicted"),
        }
        self.lanes.entry(lane).or_default()
    }

    /// A file starts, has every byte at most once, and is over once.
    pub(super) fn file(&mut self, file: FileId, step: &FileEvent) {
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
