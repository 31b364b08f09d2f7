//! Knows what is true, sees what a receiver says, and stops the run at the first lie.

use std::collections::BTreeMap;

use noreturn_link::receiver::{Arrival, EventKind, FileAbout, FileEvent, StreamEvent};
use noreturn_wire::{BootId, Record, StreamStep};

use crate::plant;

/// What has numbered items: a source of records or a stream of steps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Line {
    /// A source.
    Source(u32),
    /// A stream.
    Stream(u32),
}

/// One of them.
pub(crate) type Item = (Line, u64);

/// What one receiver has said so far, over all its restarts.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    lines: BTreeMap<(BootId, Line), Course>,
    files: BTreeMap<(BootId, u32), FileCourse>,
    pub(crate) tally: Tally,
}

/// How often what happened.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Items delivered.
    pub delivered: u64,
    /// Of these, through parity.
    pub recovered: u64,
    /// Of these, late, into a hole that had been reported or through history.
    pub delayed: u64,
    /// Gaps reported.
    pub gaps: u64,
    /// Items in them.
    pub missing: u64,
    /// Of these, never delivered.
    pub lost: u64,
    /// Files completed.
    pub files: u64,
    /// Streams that ended, gracefully or not.
    pub streams: u64,
}

/// A line: every number below `end` was delivered or reported, once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Course {
    /// One more than the highest number that was delivered or reported.
    pub end: u64,
    /// What was reported and has not been delivered since: first to last.
    pub missing: BTreeMap<u64, u64>,
}

#[derive(Debug, Default)]
struct FileCourse {
    /// Bytes delivered: start to end.
    covered: BTreeMap<u64, u64>,
    is_started: bool,
    is_over: bool,
}

impl Judge {
    /// Everything that is known of every line, the journal in short.
    pub(crate) const fn lines(&self) -> &BTreeMap<(BootId, Line), Course> {
        &self.lines
    }

    /// Whether an item was delivered.
    pub(crate) fn has(&self, boot: BootId, (line, number): Item) -> bool {
        self.lines.get(&(boot, line)).is_some_and(|course| course.has(number))
    }

    /// The receiver has been restarted: files that were not complete start again.
    pub(crate) fn restart(&mut self) {
        self.files.retain(|_, file| file.is_over);
    }

    pub(crate) fn handle(&mut self, boot: BootId, kind: &EventKind) {
        match kind {
            EventKind::Record { record, arrival } => self.record(boot, record, *arrival),
            EventKind::Gap { source, first, last } => self.gap(boot, Line::Source(source.0), *first, *last),
            EventKind::StreamGap { stream, first, last } => {
                self.gap(boot, Line::Stream(stream.0), *first, *last);
            }
            EventKind::Stream { stream, sequence, step, arrival } => {
                check_step(boot, stream.0, *sequence, step);
                self.tally.streams +=
                    u64::from(matches!(step, StreamEvent::Closed(_) | StreamEvent::Aborted(_)));
                self.item(boot, (Line::Stream(stream.0), *sequence), *arrival);
            }
            EventKind::File { file, step } => self.file(boot, file.0, step),
            _ => {}
        }
    }

    fn record(&mut self, boot: BootId, record: &Record, arrival: Arrival) {
        let (source, sequence) = (record.source.0, record.sequence);
        assert_eq!(*record, plant::record(boot, source, sequence), "an altered record");
        self.item(boot, (Line::Source(source), sequence), arrival);
    }

    fn item(&mut self, boot: BootId, (line, number): Item, arrival: Arrival) {
        let course = self.lines.entry((boot, line)).or_default();
        if number >= course.end {
            assert_eq!(number, course.end, "{line:?} of {boot}: a hole was not reported");
            course.end += 1;
        } else {
            assert!(course.fill(number), "{line:?} of {boot}: {number} was delivered before");
            assert_eq!(
                arrival,
                Arrival::Delayed,
                "{line:?} of {boot}: {number} is out of order and not delayed"
            );
            self.tally.lost -= 1;
        }
        self.tally.delivered += 1;
        self.tally.recovered += u64::from(arrival == Arrival::Parity);
        self.tally.delayed += u64::from(arrival == Arrival::Delayed);
    }

    fn gap(&mut self, boot: BootId, line: Line, first: u64, last: u64) {
        let course = self.lines.entry((boot, line)).or_default();
        assert!(first <= last, "an empty gap");
        assert_eq!(first, course.end, "{line:?} of {boot}: a gap that is none, or is reported twice");
        course.missing.insert(first, last);
        course.end = last + 1;
        self.tally.gaps += 1;
        self.tally.missing += last - first + 1;
        self.tally.lost += last - first + 1;
    }

    fn file(&mut self, boot: BootId, file: u32, step: &FileEvent) {
        let course = self.files.entry((boot, file)).or_default();
        assert!(!course.is_over, "file {file} of {boot} goes on after its end");
        let truth = || FileAbout {
            name: plant::object_name(file),
            length: plant::file_length(boot, file),
            sha256: plant::file_sha256(boot, file),
        };
        match step {
            FileEvent::Started(about) => {
                assert_eq!(*about, truth(), "file {file}");
                course.is_started = true;
            }
            FileEvent::Data { offset, bytes } => {
                assert!(course.is_started, "data of file {file} before it has started");
                let length = bytes.len() as u64;
                assert_eq!(*bytes, plant::file_bytes(boot, file, *offset, length), "an altered file {file}");
                course.cover(*offset, offset + length);
            }
            FileEvent::Completed(about) => {
                assert_eq!(*about, truth(), "file {file}");
                let covered: u64 = course.covered.iter().map(|(start, end)| end - start).sum();
                assert_eq!(covered, about.length, "file {file} is not complete");
                course.is_over = true;
                self.tally.files += 1;
            }
            FileEvent::Aborted => panic!("nobody aborts files here"),
            FileEvent::Abandoned => *course = FileCourse::default(),
        }
    }
}

fn check_step(boot: BootId, stream: u32, sequence: u64, step: &StreamEvent) {
    let (name, bytes) = (plant::object_name(stream), plant::stream_bytes(boot, stream, sequence));
    let truth = plant::stream_step(boot, stream, sequence, &name, &bytes);
    let is_true = match (step, truth) {
        (StreamEvent::Opened(said), StreamStep::Open(name)) => said == name,
        (StreamEvent::Data { offset, bytes }, StreamStep::Data { offset: at, bytes: truth }) => {
            *offset == at && bytes == truth.0
        }
        (StreamEvent::Closed(said), StreamStep::Close(length)) => *said == length,
        (StreamEvent::Aborted(said), StreamStep::Abort(length)) => *said == length,
        _ => false,
    };
    assert!(is_true, "stream {stream}, step {sequence}: {step:?} is not {truth:?}");
}

impl Course {
    fn has(&self, number: u64) -> bool {
        let hole = self.missing.range(..=number).next_back();
        number < self.end && hole.is_none_or(|(_, &last)| last < number)
    }

    /// Takes a number out of what is missing; false if it was not.
    fn fill(&mut self, number: u64) -> bool {
        let Some((&first, &last)) = self.missing.range(..=number).next_back() else { return false };
        if last < number {
            return false;
        }
        self.missing.remove(&first);
        if first < number {
            self.missing.insert(first, number - 1);
        }
        if number < last {
            self.missing.insert(number + 1, last);
        }
        true
    }
}

impl FileCourse {
    fn cover(&mut self, start: u64, end: u64) {
        let before = self.covered.range(..end).next_back();
        assert!(before.is_none_or(|(_, &other)| other <= start), "bytes {start} to {end} came twice");
        self.covered.insert(start, end);
    }
}
