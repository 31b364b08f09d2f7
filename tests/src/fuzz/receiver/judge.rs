//! Knows what was sent, and holds the receiver to what it promises about it.

mod told;

use std::collections::BTreeMap;

use noreturn_link::receiver::{EventKind, FileEvent, Lane, Mark, StreamEvent};
use noreturn_link::{Event, Receiver, Refusal};
use noreturn_wire::{BootId, Bytes, DiodeId, FileId, SourceId, StreamId, StreamStep};

use super::said::{self, CONTENTS, FILE_BYTES, FILE_NAME, SOURCE_NAME, record};
use super::{BOOTS, CONFIG, OBJECTS, SOURCES};
use told::Followed;

type Id = (DiodeId, BootId);

#[derive(Default)]
pub(super) struct Judge {
    boots: [Boot; BOOTS.len()],
    /// Every boot that the receiver follows.
    following: BTreeMap<Id, Followed>,
    /// The same when its marks were written down last.
    saved: BTreeMap<Id, Followed>,
    /// What was seen of this receiver.
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    datagrams: u64,
    refused: u64,
    records: u64,
    gaps: u64,
    missing: u128,
    steps: u64,
    step_gaps: u64,
    steps_missing: u128,
}

#[derive(Default)]
struct Boot {
    said: Said,
    /// Whether the liar has spoken for it: then values may be wrong, but the order may not.
    lied: bool,
}

/// How much an honest sender has said.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    /// Records of each source, which is also the number of the next.
    pub(super) records: [u64; SOURCES],
    /// Steps of each stream.
    pub(super) steps: [u64; OBJECTS],
}

impl Judge {
    pub(super) const fn said(&mut self, place: usize) -> &mut Said {
        &mut self.boots[place].said
    }

    pub(super) const fn has_lied(&mut self, place: usize) {
        self.boots[place].lied = true;
    }

    pub(super) fn datagram(&mut self, result: Result<(), Refusal>) {
        self.seen.datagrams += 1;
        self.seen.refused += u64::from(result.is_err());
    }

    /// The receiver's marks were written down.
    pub(super) fn save(&mut self) {
        self.saved = self.following.clone();
    }

    /// Another receiver goes on where the marks were written down.
    pub(super) fn restart(&mut self) {
        self.following = self.saved.clone();
        self.following.values_mut().for_each(Followed::restart);
        self.seen = Seen::default();
    }

    /// Takes all events of a receiver that has these keys of the first diode; whether a boot has started, so that another
    /// may have ended.
    pub(super) fn hear(&mut self, receiver: &mut Receiver, keys: &[[u8; 32]]) -> bool {
        let mut has_started = false;
        while let Some(event) = receiver.poll_event() {
            has_started |= event.kind == EventKind::Started;
            self.event(event, keys);
        }
        if self.following.values().any(|followed| !followed.has_started) {
            // Of a boot that has not been heard since the restart, nobody is told that it ends.
            let live: Vec<Id> = receiver
                .all_marks()
                .filter(|mark| matches!(mark, Mark::Session { .. }))
                .map(|mark| mark.session())
                .collect();
            self.following.retain(|id, followed| followed.has_started || live.contains(id));
        }
        let followed = |diode| self.following.keys().filter(|(of, _)| *of == diode).count();
        assert!([1, 2].into_iter().all(|id| followed(DiodeId(id)) <= CONFIG.sessions_per_diode_max));
        has_started
    }

    fn event(&mut self, Event { diode, boot, kind }: Event, keys: &[[u8; 32]]) {
        let id = (diode, boot);
        let place = BOOTS.iter().position(|of| (of.diode, of.boot) == id).expect("a boot that never was");
        match kind {
            EventKind::Started => {
                assert!(diode != DiodeId(1) || keys.contains(&BOOTS[place].key), "started without its key");
                let followed = self.following.entry(id).or_default();
                assert!(!followed.has_started, "started twice");
                followed.has_started = true;
            }
            EventKind::Ended => {
                let ended = self.following.remove(&id);
                assert!(ended.is_some_and(|followed| followed.has_started), "ended before it started");
            }
            EventKind::Beacon(_) => drop(self.followed(id)),
            EventKind::Announced { source, name, unit } => {
                let honest = name == SOURCE_NAME && unit == "m";
                assert!(honest || self.boots[place].lied, "{source:?} was never called {name:?}");
                assert!((source.0 as usize) < CONFIG.sources_max, "{source:?} is over the limit");
            }
            EventKind::Record { record: found, arrival } => {
                self.seen.records += 1;
                self.followed(id).deliver(Lane::Source(found.source), found.sequence, arrival);
                let expected = record(found.source, found.sequence);
                let boot = &self.boots[place];
                assert!(boot.lied || found == expected, "altered: {found:?}, sent was {expected:?}");
                assert!(boot.has_said_record(found.source, found.sequence), "invented: {found:?}");
            }
            EventKind::Gap { source, first, last } => {
                self.seen.gaps += 1;
                self.seen.missing += u128::from(last - first) + 1;
                self.followed(id).skip(Lane::Source(source), first, last);
                assert!(self.boots[place].has_said_record(source, last), "{source:?}: a gap after {last}");
            }
            EventKind::Stream { stream, sequence, step, arrival } => {
                self.seen.steps += 1;
                self.followed(id).deliver(Lane::Stream(stream), sequence, arrival);
                self.boots[place].check_step(stream, sequence, &step);
            }
            EventKind::StreamGap { stream, first, last } => {
                self.seen.step_gaps += 1;
                self.seen.steps_missing += u128::from(last - first) + 1;
                self.followed(id).skip(Lane::Stream(stream), first, last);
                assert!(self.boots[place].has_said_step(stream, last), "{stream:?}: a gap after {last}");
            }
            EventKind::StreamEvicted { stream } => self.followed(id).evict(stream),
            EventKind::File { file, step } => {
                self.followed(id).file(file, &step);
                self.boots[place].check_file(file, &step);
            }
        }
    }

    fn followed(&mut self, id: Id) -> &mut Followed {
        let followed = self.following.get_mut(&id).filter(|followed| followed.has_started);
        followed.expect("a boot that has not started")
    }

    /// Holds the counters against what was seen.
    pub(super) fn conclude(&self, receiver: &Receiver) {
        let (counters, seen) = (receiver.counters(), &self.seen);
        let refused: u64 =
            counters.named().filter(|(name, _)| name.starts_with("refused_")).map(|(_, count)| count).sum();
        assert_eq!((counters.datagrams, refused), (seen.datagrams, seen.refused));
        assert_eq!((counters.records, counters.gaps), (seen.records, seen.gaps));
        let missing = u64::try_from(seen.missing).unwrap_or(u64::MAX);
        assert_eq!(counters.records_missing, missing);
        assert!(counters.records_recovered + counters.records_delayed <= counters.records);
        assert_eq!((counters.stream_steps, counters.stream_gaps), (seen.steps, seen.step_gaps));
        assert_eq!(counters.stream_steps_missing, u64::try_from(seen.steps_missing).unwrap_or(u64::MAX));
    }
}

impl Boot {
    fn has_said_record(&self, source: SourceId, sequence: u64) -> bool {
        self.lied || self.said.records.get(source.0 as usize).is_some_and(|&said| sequence < said)
    }

    fn has_said_step(&self, stream: StreamId, sequence: u64) -> bool {
        self.lied || self.said.steps.get(stream.0 as usize).is_some_and(|&said| sequence < said)
    }

    fn check_step(&self, stream: StreamId, sequence: u64, step: &StreamEvent) {
        assert!(self.has_said_step(stream, sequence), "invented: step {sequence} of {stream:?}");
        let same = match (step, said::step(sequence)) {
            (StreamEvent::Opened(name), StreamStep::Open(said)) => name == said,
            (StreamEvent::Data { offset, bytes }, StreamStep::Data { offset: at, bytes: Bytes(said) }) => {
                *offset == at && bytes == said
            }
            (StreamEvent::Closed(length), StreamStep::Close(said)) => *length == said,
            _ => false,
        };
        assert!(same || self.lied, "altered: step {sequence} of {stream:?} is {step:?}");
    }

    fn check_file(&self, file: FileId, step: &FileEvent) {
        let same = match step {
            FileEvent::Started(about) | FileEvent::Completed(about) => {
                (about.name.as_str(), about.length, about.sha256) == (FILE_NAME, FILE_BYTES, [7; 32])
            }
            FileEvent::Data { offset, bytes } => {
                let start = usize::try_from(*offset).unwrap_or(usize::MAX);
                CONTENTS.get(start..).is_some_and(|contents| contents.starts_with(bytes))
            }
            FileEvent::Aborted => false,
            FileEvent::Abandoned => true,
        };
        assert!(same || self.lied, "altered: {file:?}: {step:?}");
    }
}
