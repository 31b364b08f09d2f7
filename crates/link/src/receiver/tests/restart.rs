//! Restarts: what marks remember, and that nothing is believed or delivered twice.

use noreturn_wire::{Bytes, FileId, FilePart, FileStep, StreamId, StreamPart, StreamStep};

use super::*;

const HOLD_US: u64 = 300_000;

fn sequences(events: &[EventKind]) -> Vec<(u64, Arrival)> {
    let records = events.iter().filter_map(|event| match event {
        EventKind::Record { record, arrival } => Some((record.sequence, *arrival)),
        _ => None,
    });
    records.collect()
}

const fn stream(sequence: u64, step: StreamStep<'_>) -> Message<'_> {
    Message::Stream(StreamPart { stream: StreamId(3), sequence, step })
}

const fn file(step: FileStep<'_>) -> Message<'_> {
    Message::File(FilePart { file: FileId(5), step })
}

const fn about() -> Message<'static> {
    file(FileStep::About { name: "f", length: 1, sha256: [0; 32] })
}

/// A receiver with a bit of everything behind it.
fn busy() -> Line {
    let mut line = Line::new(ReceiverConfig { sessions_per_diode_max: 2, ..ReceiverConfig::default() });
    for boot in [8, 9] {
        line.boot = boot;
        line.tell(&[record(0, 0)]);
    }
    line.boot = 1;
    line.tell(&[record(0, 0), record(0, 4), record(0, 6), record(1, 0)]);
    line.tell(&[stream(0, StreamStep::Open("s")), stream(2, StreamStep::Head)]);
    line.tell(&[about(), file(FileStep::Data { offset: 0, bytes: Bytes(b"x") })]);
    line.pass(HOLD_US);
    line.repeat(&[record(0, 2)]);
    line
}

/// What must hold after a restart, whichever marks it had.
fn check(line: &mut Line, earlier: &[Vec<u8>]) {
    for frame in earlier {
        let refused = line.receiver.handle_datagram(frame, line.now_us);
        assert!(matches!(refused, Err(Refusal::Replayed | Refusal::EndedBoot)), "{refused:?}");
    }
    assert_eq!(line.events(), []);
    line.repeat(&[record(0, 0), record(0, 1), record(0, 2), record(0, 4), record(1, 0)]);
    line.tell(&[record(0, 7), record(1, 1)]);
    let delivered = [(1, Arrival::Delayed), (7, Arrival::Direct), (1, Arrival::Direct)];
    assert_eq!(sequences(&line.events()), delivered);
    line.repeat(&[stream(0, StreamStep::Open("s")), stream(1, StreamStep::Close(0)), about()]);
    let closed = EventKind::Stream {
        stream: StreamId(3),
        sequence: 1,
        step: StreamEvent::Closed(0),
        arrival: Arrival::Delayed,
    };
    assert_eq!(line.events(), [closed]);
    line.repeat(&[record(0, 5), record(0, 3), record(0, 3)]);
    assert_eq!(sequences(&line.events()), [(5, Arrival::Delayed), (3, Arrival::Delayed)]);
    assert_eq!(line.counters().gaps, 0, "nothing is missing twice");
}

/// The frames that [`busy`] has received, but for their contents: all numbers, all boots.
fn earlier() -> Vec<Vec<u8>> {
    let numbers = [(8, 0..1), (9, 1..2), (1, 2..6)];
    let frames = numbers.into_iter().flat_map(|(boot, frames)| frames.map(move |frame| (boot, frame)));
    frames.map(|(boot, frame)| seal(boot, frame, data(frame, 0), &[record(0, 1), record(0, 9)])).collect()
}

#[test]
fn a_restart_with_all_marks_goes_on_where_it_was() {
    let mut line = busy();
    let marks: Vec<_> = line.receiver.all_marks().collect();
    line.restart(marks.clone());
    assert_eq!(line.receiver.all_marks().collect::<Vec<_>>(), marks, "and the same marks come out");
    assert_eq!(line.receiver.drain_marks().count(), 0, "which were written down already");
    check(&mut line, &earlier());
}

#[test]
fn a_restart_with_the_marks_of_every_step_is_the_same() {
    let mut line = Line::new(ReceiverConfig { sessions_per_diode_max: 2, ..ReceiverConfig::default() });
    let mut journal = Vec::new();
    for boot in [8, 9] {
        line.boot = boot;
        line.tell(&[record(0, 0)]);
        journal.extend(line.receiver.drain_marks());
    }
    line.boot = 1;
    let shards = [
        &[record(0, 0), record(0, 4), record(0, 6), record(1, 0)][..],
        &[stream(0, StreamStep::Open("s")), stream(2, StreamStep::Head)],
        &[about(), file(FileStep::Data { offset: 0, bytes: Bytes(b"x") })],
    ];
    for shard in shards {
        line.tell(shard);
        journal.extend(line.receiver.drain_marks());
    }
    line.pass(HOLD_US);
    journal.extend(line.receiver.drain_marks());
    line.repeat(&[record(0, 2)]);
    journal.extend(line.receiver.drain_marks());
    assert_eq!(line.receiver.drain_marks().count(), 0, "nothing has changed since");
    let all: Vec<_> = line.receiver.all_marks().collect();
    line.restart(journal);
    assert_eq!(line.receiver.all_marks().collect::<Vec<_>>(), all);
    check(&mut line, &earlier());
}

#[test]
fn what_a_timeout_reports_is_marked() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[record(0, 2)]);
    assert_eq!(line.receiver.drain_marks().count(), 1);
    line.pass(HOLD_US);
    let (diode, boot, lane) = (DIODE, BootId([1; 16]), Lane::Source(SourceId(0)));
    let frames = Mark::Session { diode, boot, frames_end: 1 };
    let next = Mark::Next { diode, boot, lane, next: 3 };
    let missing = Mark::Missing { diode, boot, lane, ranges: [(0, 1)].to_vec() };
    assert_eq!(line.receiver.drain_marks().collect::<Vec<_>>(), [frames, next, missing]);
}

#[test]
fn a_stream_that_is_over_stays_over() {
    let mut line = Line::new(ReceiverConfig::default());
    let mut journal = Vec::new();
    for message in [stream(0, StreamStep::Open("s")), stream(1, StreamStep::Close(0))] {
        line.tell(&[message]);
        journal.extend(line.receiver.drain_marks());
    }
    let all: Vec<_> = line.receiver.all_marks().collect();
    assert!(matches!(all[..], [Mark::Session { .. }, Mark::Over { .. }]), "{all:?}");
    line.restart(journal);
    assert_eq!(line.receiver.all_marks().collect::<Vec<_>>(), all);
}

#[test]
fn marks_of_one_time_end_no_boot_but_the_one_that_ended() {
    let mut line = Line::new(ReceiverConfig { sessions_per_diode_max: 2, ..ReceiverConfig::default() });
    let mut journal = Vec::new();
    // The boot unheard for longest has the greatest id, and makes room for one between the two.
    for boots in [&[9, 1][..], &[5]] {
        for &boot in boots {
            line.boot = boot;
            line.tell(&[record(0, 0)]);
        }
        journal.extend(line.receiver.drain_marks());
    }
    line.restart(journal);
    for boot in [1, 5] {
        line.boot = boot;
        line.tell(&[record(0, 1)]);
    }
    line.boot = 9;
    assert_eq!(line.send(Class::Telemetry, &[record(0, 1)]), Err(Refusal::EndedBoot));
}

#[test]
fn marks_of_one_time_evict_no_stream_but_the_one_that_was_evicted() {
    let mut line = Line::new(ReceiverConfig { streams_max: 2, ..ReceiverConfig::default() });
    let step =
        |stream, sequence, step| Message::Stream(StreamPart { stream: StreamId(stream), sequence, step });
    let mut journal = Vec::new();
    for steps in [&[(1, 0), (0, 0)][..], &[(2, 0)]] {
        for &(stream, sequence) in steps {
            line.pass(1);
            line.tell(&[step(stream, sequence, StreamStep::Open("s"))]);
        }
        journal.extend(line.receiver.drain_marks());
    }
    line.restart(journal);
    assert_eq!(line.events(), []);
    line.tell(&[step(1, 1, StreamStep::Close(0)), step(0, 1, StreamStep::Close(0))]);
    let streams = line.events().into_iter().filter_map(|event| match event {
        EventKind::Stream { stream, .. } => Some(stream.0),
        _ => None,
    });
    assert_eq!(streams.collect::<Vec<_>>(), [0], "stream 1 was evicted, and no other");
}

#[test]
fn marks_are_one_for_each_lane_however_many_frames_came() {
    let mut line = Line::new(ReceiverConfig::default());
    for sequence in 0..100 {
        line.tell(&[record(0, sequence), record(1, sequence)]);
    }
    let (diode, boot) = (DIODE, BootId([1; 16]));
    let next = |source| Mark::Next { diode, boot, lane: Lane::Source(SourceId(source)), next: 100 };
    let expected = [Mark::Session { diode, boot, frames_end: 100 }, next(0), next(1)];
    assert_eq!(line.receiver.drain_marks().collect::<Vec<_>>(), expected);
}

#[test]
fn a_restored_boot_starts_with_its_first_authentic_frame() {
    let mut line = busy();
    let marks: Vec<_> = line.receiver.all_marks().collect();
    line.restart(marks);
    let mut forged = seal(1, 50, data(50, 0), &[record(0, 7)]);
    *forged.last_mut().expect("it has a tag") ^= 1;
    assert_eq!(line.receiver.handle_datagram(&forged, 0), Err(Refusal::Forged));
    assert_eq!(line.receiver.poll_event(), None);
    assert_eq!(line.counters().frames_missing, 0, "what an earlier receiver missed it has counted");
    line.tell(&[record(0, 7)]);
    assert_eq!(line.receiver.poll_event().map(|event| event.kind), Some(EventKind::Started));
}

#[test]
fn the_boot_heard_last_before_a_restart_stays_longest() {
    let mut line = busy();
    // Boot 9 is older than boot 1, but is heard again.
    line.boot = 9;
    line.tell(&[record(0, 1)]);
    let marks: Vec<_> = line.receiver.all_marks().collect();
    line.restart(marks);
    line.boot = 2;
    line.tell(&[record(0, 0)]);
    let ended = [8, 1].map(|boot| Mark::Ended { diode: DIODE, boot: BootId([boot; 16]) });
    let marks: Vec<_> = line.receiver.all_marks().filter(|mark| matches!(mark, Mark::Ended { .. })).collect();
    assert_eq!(marks, ended);
    let kinds: Vec<_> = core::iter::from_fn(|| line.receiver.poll_event()).map(|event| event.kind).collect();
    assert!(!kinds.contains(&EventKind::Ended), "a boot that has not started does not end");
}

#[test]
fn marks_survive_their_encoding_and_nothing_else_is_a_mark() {
    let line = busy();
    for mark in line.receiver.all_marks() {
        let bytes = mark.encode();
        assert_eq!(Mark::decode(&bytes), Ok(mark));
        for length in 0..bytes.len() {
            assert_eq!(Mark::decode(&bytes[..length]), Err(MarkError));
        }
        assert_eq!(Mark::decode(&[&bytes[..], &[0]].concat()), Err(MarkError));
    }
}

#[test]
fn marks_that_contradict_each_other_deliver_nothing_twice() {
    let (diode, boot, lane) = (DIODE, BootId([1; 16]), Lane::Source(SourceId(0)));
    let marks = [
        Mark::Next { diode, boot, lane, next: 5 },
        // Beyond what comes next, and not in order.
        Mark::Missing { diode, boot, lane, ranges: [(8, 9), (3, 6), (2, 1)].to_vec() },
        Mark::Next { diode, boot, lane: Lane::Source(SourceId(u32::MAX)), next: 5 },
    ];
    let mut line = Line::new(ReceiverConfig::default());
    line.restart(marks);
    line.repeat(&[record(0, 2), record(0, 5), record(0, 3), record(0, 5), record(0, 3)]);
    assert_eq!(sequences(&line.events()), [(5, Arrival::Delayed), (3, Arrival::Delayed)]);
}
