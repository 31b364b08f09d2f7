//! The receiver's marks as a damaged or forged journal would have them: whatever is understood is taken, and the
//! receiver that took it goes on, within its memory, with what is true afterwards.

use std::collections::{BTreeMap, BTreeSet};

use noreturn_link::receiver::{Arrival, EventKind, Lane, Mark};
use noreturn_link::{DiodeKey, Receiver, ReceiverConfig, Refusal};
use noreturn_simulator::seal::Seal;
use noreturn_wire::{Body, BootId, Class, Code, DiodeId, Header, Message, SourceId, Suite};

use super::receiver::{encoded, record};

/// The diodes that have a key; marks may name others, whose keys may come later.
const DIODES: [u32; 2] = [1, 2];
const KEY: DiodeKey = DiodeKey([7; 32]);
/// Marks taken from one input at most.
const MARKS_MAX: usize = 256;
/// Records of each source that come afterwards, and how many of them repeat what has been.
const RECORDS: u64 = 8;
const REPEATED: u64 = 4;

/// Reads the input as marks, each with its length in front.
pub(super) fn marks(data: &[u8]) {
    let mut receiver = receiver();
    let mut rest = data;
    for _ in 0..MARKS_MAX {
        let Some((&length, after)) = rest.split_first() else { break };
        let (mark, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        if let Ok(mark) = Mark::decode(mark) {
            assert_eq!(Mark::decode(&mark.encode()).as_ref(), Ok(&mark), "it is not what was written");
            receiver.restore(&mark, 0);
        }
    }
    check(&receiver);
    go_on(&mut receiver);
    check(&receiver);
}

/// What it remembers is bounded, and means the same to another receiver.
fn check(receiver: &Receiver) {
    let known = remembered(receiver);
    let mut other = self::receiver();
    receiver.all_marks().for_each(|mark| other.restore(&mark, 0));
    let boots: BTreeSet<(DiodeId, BootId)> = known.iter().map(Mark::session).collect();
    let diodes: BTreeSet<DiodeId> = boots.iter().map(|(diode, _)| *diode).collect();
    let limit = diodes.len() * (config().sessions_per_diode_max + config().boots_max);
    assert!(boots.len() <= limit, "{} boots of {} diodes are remembered", boots.len(), diodes.len());
    let lanes =
        |id| known.iter().filter(move |mark| mark.session() == id && matches!(mark, Mark::Next { .. }));
    let lanes_max = config().sources_max + config().streams_max;
    assert!(boots.iter().all(|&id| lanes(id).count() <= lanes_max), "too many lanes: {known:?}");
    known.iter().for_each(|mark| check_ranges(mark, &known));
    assert_eq!(remembered(&other), known, "another receiver remembers something else");
}

/// Ranges are no more than there may be, in order, with numbers between them; what is missing has been passed.
fn check_ranges(mark: &Mark, known: &[Mark]) {
    let (ranges, limit) = match mark {
        Mark::Missing { ranges, .. } => (ranges, config().gaps_max),
        Mark::Over { ranges, .. } => (ranges, config().gaps_max + config().files_max),
        _ => return,
    };
    let is_sound = ranges.iter().all(|(first, last)| first <= last)
        && ranges.windows(2).all(|pair| pair[0].1 < u64::MAX && pair[0].1 + 1 < pair[1].0);
    assert!(is_sound && ranges.len() <= limit, "{mark:?}");
    if let Mark::Missing { lane, .. } = mark {
        let next = next_of(*lane, known.iter().filter(|other| other.session() == mark.session()));
        assert!(ranges.last().is_none_or(|&(_, last)| last < next), "missing, and not passed: {mark:?}");
    }
}

/// Every boot that is followed goes on honestly, and so does a new one.
fn go_on(receiver: &mut Receiver) {
    let known = remembered(receiver);
    for diode in DIODES.map(DiodeId) {
        let followed = known.iter().filter(|mark| mark.session().0 == diode);
        let ended = known.iter().filter(|mark| matches!(mark, Mark::Ended { .. })).map(Mark::session);
        let ended: BTreeSet<_> = ended.collect();
        let boots: BTreeSet<_> = followed.map(Mark::session).filter(|id| !ended.contains(id)).collect();
        boots.into_iter().for_each(|id| go_on_with(receiver, id, &known));
        for id in ended.into_iter().filter(|id| id.0 == diode) {
            assert_eq!(receiver.handle_datagram(&frame(id, 9, &[]), 1), Err(Refusal::EndedBoot));
        }
        let fresh = (diode, BootId([0x5f; 16]));
        if known.iter().all(|mark| mark.session() != fresh) {
            go_on_with(receiver, fresh, &[]);
        }
    }
}

/// What a boot says from where it was: nothing comes twice, and nothing of it is lost.
fn go_on_with(receiver: &mut Receiver, id: (DiodeId, BootId), known: &[Mark]) {
    let of_boot = || known.iter().filter(|mark| mark.session() == id);
    let end = of_boot().find_map(|mark| match mark {
        Mark::Session { frames_end, .. } => Some(*frames_end),
        _ => None,
    });
    let frame_number = end.unwrap_or(0);
    if let Some(before) = frame_number.checked_sub(1) {
        let replayed = receiver.handle_datagram(&frame(id, before, &[]), 1);
        assert!(replayed.is_err(), "frame {before} may have been accepted before");
    }
    if frame_number == u64::MAX {
        return;
    }
    let next: BTreeMap<SourceId, u64> = (0..config().sources_max as u32)
        .map(|source| (SourceId(source), next_of(Lane::Source(SourceId(source)), of_boot())))
        .collect();
    let said = next.iter().flat_map(|(&source, next)| {
        let first = next.saturating_sub(REPEATED);
        (first..first.saturating_add(RECORDS)).map(move |sequence| (source, sequence))
    });
    let said: Vec<_> = said.collect();
    assert_eq!(receiver.handle_datagram(&frame(id, frame_number, &said), 1), Ok(()));
    let mut delivered = BTreeSet::new();
    while let Some(event) = receiver.poll_event() {
        let EventKind::Record { record, arrival } = event.kind else { continue };
        let (source, sequence) = (record.source, record.sequence);
        assert_eq!((event.diode, event.boot), id);
        assert!(delivered.insert((source, sequence)), "{source:?} {sequence} twice");
        if sequence < next[&source] {
            let was_missing = is_missing(Lane::Source(source), sequence, of_boot());
            assert!(was_missing && arrival == Arrival::Delayed, "{source:?} {sequence} was delivered before");
        }
    }
    let is_new = |(source, sequence): &&(SourceId, u64)| *sequence >= next[source];
    assert!(said.iter().filter(is_new).all(|record| delivered.contains(record)), "a record is lost");
    let _ = receiver.handle_datagram(&frame(id, frame_number + 1, &said), 1);
    while let Some(event) = receiver.poll_event() {
        assert!(!matches!(event.kind, EventKind::Record { .. }), "again: {event:?}");
    }
}

/// What comes next in a lane.
fn next_of<'a>(of: Lane, mut marks: impl Iterator<Item = &'a Mark>) -> u64 {
    let next = marks.find_map(|mark| match mark {
        Mark::Next { lane, next, .. } if *lane == of => Some(*next),
        _ => None,
    });
    next.unwrap_or(0)
}

fn is_missing<'a>(of: Lane, sequence: u64, mut marks: impl Iterator<Item = &'a Mark>) -> bool {
    marks.any(|mark| match mark {
        Mark::Missing { lane, ranges, .. } if *lane == of => {
            ranges.iter().any(|&(first, last)| (first..=last).contains(&sequence))
        }
        _ => false,
    })
}

/// An authentic frame with these records.
fn frame((diode, boot): (DiodeId, BootId), frame: u64, records: &[(SourceId, u64)]) -> Vec<u8> {
    let code = Code::new(4, 2).expect("there is such a code");
    let body = Body::Data { class: Class::Telemetry, block: frame, index: 0, code };
    let messages = records.iter().map(|&(source, sequence)| Message::Record(record(source, sequence)));
    let mut payload: Vec<u8> = messages.flat_map(|message| encoded(&message)).collect();
    if payload.is_empty() {
        payload = encoded(&Message::Record(record(SourceId(0), 0)));
    }
    let header = Header { suite: Suite::default(), diode, boot, frame, body };
    Seal::of(&KEY, &header).seal(&header, &payload)
}

/// So little that a short input reaches every limit.
fn config() -> ReceiverConfig {
    ReceiverConfig {
        sessions_per_diode_max: 2,
        boots_max: 3,
        sources_max: 3,
        gaps_max: 3,
        streams_max: 2,
        files_max: 2,
        ..ReceiverConfig::default()
    }
}

fn receiver() -> Receiver {
    Receiver::new(config(), DIODES.map(|diode| (DiodeId(diode), KEY)))
}

/// What it remembers, but for what it would know anyway.
fn remembered(receiver: &Receiver) -> Vec<Mark> {
    let is_news = |mark: &Mark| !matches!(mark, Mark::Next { next: 0, .. });
    let mut marks: Vec<_> = receiver.all_marks().filter(is_news).collect();
    marks.sort_by_key(|mark| format!("{mark:?}"));
    marks
}
