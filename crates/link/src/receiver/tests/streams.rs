//! Streams: their steps in order, their end, and too many of them.

use noreturn_wire::{Bytes, StreamId, StreamPart, StreamStep};

use super::*;

const HOLD_US: u64 = 300_000;

const fn step(stream: u32, sequence: u64, step: StreamStep<'_>) -> Message<'_> {
    Message::Stream(StreamPart { stream: StreamId(stream), sequence, step })
}

const fn open(stream: u32) -> Message<'static> {
    step(stream, 0, StreamStep::Open("plc-1:502"))
}

const fn bytes(stream: u32, sequence: u64) -> Message<'static> {
    step(stream, sequence, StreamStep::Data { offset: 3 * (sequence - 1), bytes: Bytes(b"abc") })
}

fn got(stream: u32, sequence: u64, step: StreamEvent, arrival: Arrival) -> EventKind {
    EventKind::Stream { stream: StreamId(stream), sequence, step, arrival }
}

fn opened(stream: u32, arrival: Arrival) -> EventKind {
    got(stream, 0, StreamEvent::Opened("plc-1:502".into()), arrival)
}

fn got_bytes(stream: u32, sequence: u64, arrival: Arrival) -> EventKind {
    let event = StreamEvent::Data { offset: 3 * (sequence - 1), bytes: b"abc".to_vec() };
    got(stream, sequence, event, arrival)
}

#[test]
fn steps_are_delivered_in_order_and_holes_are_filled_later() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[bytes(0, 1), open(0), bytes(0, 3)]);
    assert_eq!(line.events(), [opened(0, Arrival::Direct), got_bytes(0, 1, Arrival::Direct)]);
    line.pass(HOLD_US);
    let gap = EventKind::StreamGap { stream: StreamId(0), first: 2, last: 2 };
    assert_eq!(line.events(), [gap, got_bytes(0, 3, Arrival::Direct)]);
    line.tell(&[step(0, 4, StreamStep::Close(9))]);
    assert_eq!(line.events(), [got(0, 4, StreamEvent::Closed(9), Arrival::Direct)]);
    line.repeat(&[open(0), bytes(0, 1), bytes(0, 2), bytes(0, 3), step(0, 4, StreamStep::Close(9))]);
    assert_eq!(line.events(), [got_bytes(0, 2, Arrival::Delayed)]);
    // Now it is over, and only its number is remembered.
    line.repeat(&[open(0), bytes(0, 2)]);
    assert_eq!(line.events(), []);
    let counters = line.counters();
    assert_eq!((counters.stream_steps, counters.stream_steps_repeated), (5, 6));
    assert_eq!((counters.stream_gaps, counters.stream_steps_missing), (1, 1));
    assert_eq!((counters.stream_steps_delayed, counters.records), (1, 0));
}

#[test]
fn a_head_tells_of_what_is_missing_at_the_end_of_a_stream() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[open(0), step(0, 3, StreamStep::Head)]);
    line.pass(HOLD_US);
    let gap = EventKind::StreamGap { stream: StreamId(0), first: 1, last: 2 };
    assert_eq!(line.events(), [opened(0, Arrival::Direct), gap]);
}

#[test]
fn nothing_comes_after_the_end() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[step(0, 2, StreamStep::Abort(0))]);
    assert_eq!(line.send(Class::Bulk, &[bytes(0, 3), open(0)]), Err(Refusal::Inconsistent));
    assert_eq!(line.events(), [opened(0, Arrival::Direct)], "what else is in the shard counts");
    assert_eq!(line.send(Class::Bulk, &[step(0, 4, StreamStep::Head)]), Err(Refusal::Inconsistent));
    line.tell(&[step(0, 3, StreamStep::Head), bytes(0, 1)]);
    let aborted = got(0, 2, StreamEvent::Aborted(0), Arrival::Direct);
    assert_eq!(line.events(), [got_bytes(0, 1, Arrival::Direct), aborted]);
}

#[test]
fn the_stream_that_is_idle_for_longest_makes_room_and_does_not_come_back() {
    let config = ReceiverConfig { streams_max: 2, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    for stream in [0, 1] {
        line.tell(&[open(stream)]);
        line.pass(1);
    }
    line.tell(&[bytes(0, 1), bytes(1, 2)]);
    line.events();
    line.pass(1);
    line.tell(&[bytes(0, 2)]);
    line.tell(&[open(2)]);
    let gap = EventKind::StreamGap { stream: StreamId(1), first: 1, last: 1 };
    let evicted = EventKind::StreamEvicted { stream: StreamId(1) };
    let expected = [
        got_bytes(0, 2, Arrival::Direct),
        gap,
        got_bytes(1, 2, Arrival::Direct),
        evicted,
        opened(2, Arrival::Direct),
    ];
    assert_eq!(line.events(), expected);
    line.repeat(&[open(1), bytes(1, 1), bytes(1, 2)]);
    assert_eq!(line.events(), []);
    assert_eq!((line.counters().streams_evicted, line.counters().stream_gaps_forgotten), (1, 1));
}

#[test]
fn held_bytes_are_bounded_and_every_one_of_them_is_delivered() {
    let config = ReceiverConfig { held_bytes_max: 7, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    line.tell(&[bytes(0, 2), bytes(0, 4)]);
    assert_eq!(line.events(), []);
    line.tell(&[bytes(0, 6)]);
    let gap = |number| EventKind::StreamGap { stream: StreamId(0), first: number, last: number };
    let first = EventKind::StreamGap { stream: StreamId(0), first: 0, last: 1 };
    assert_eq!(line.events(), [first, got_bytes(0, 2, Arrival::Direct)]);
    line.pass(HOLD_US);
    let rest = [gap(3), got_bytes(0, 4, Arrival::Direct), gap(5), got_bytes(0, 6, Arrival::Direct)];
    assert_eq!(line.events(), rest);
}

#[test]
fn many_streams_that_are_over_are_few_ranges() {
    let config = ReceiverConfig { streams_max: 2, gaps_max: 2, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    // Every other one, so that no two numbers adjoin.
    for stream in (0..200).step_by(2) {
        line.tell(&[open(stream), step(stream, 1, StreamStep::Close(0))]);
    }
    assert_eq!(line.events().len(), 200);
    let marks: Vec<_> = line.receiver.all_marks().collect();
    let over = [(0, 192), (194, 194), (196, 196), (198, 198)];
    assert!(marks.iter().any(|mark| matches!(mark, Mark::Over { ranges, .. } if ranges[..] == over)));
    line.repeat(&[open(0), open(101), open(198)]);
    assert_eq!(line.events(), []);
    line.tell(&[open(197)]);
    assert_eq!(line.events(), [opened(197, Arrival::Direct)]);
}
