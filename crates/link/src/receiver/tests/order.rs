//! Order, gaps, and what comes later.

use super::*;

const HOLD_US: u64 = 300_000;

fn got(source: u32, sequence: u64, arrival: Arrival) -> EventKind {
    let Message::Record(record) = record(source, sequence) else { unreachable!() };
    EventKind::Record { record, arrival }
}

const fn gap(first: u64, last: u64) -> EventKind {
    EventKind::Gap { source: SourceId(0), first, last }
}

fn records(sequences: impl IntoIterator<Item = u64>) -> Vec<Message<'static>> {
    sequences.into_iter().map(|sequence| record(0, sequence)).collect()
}

#[test]
fn what_comes_before_its_turn_waits() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&records([0, 2, 3]));
    assert_eq!(line.events(), [got(0, 0, Arrival::Direct)]);
    line.pass(HOLD_US - 1);
    assert_eq!(line.events(), []);
    line.tell(&records([1]));
    assert_eq!(line.events(), [1, 2, 3].map(|sequence| got(0, sequence, Arrival::Direct)));
    assert_eq!(line.receiver.poll_at(), Some(1_000_000 + HOLD_US), "maybe a little early");
    line.pass(1);
    assert_eq!(line.receiver.poll_at(), None);
    assert_eq!(line.counters().gaps, 0);
}

#[test]
fn a_hole_is_given_up_for_the_item_that_waits_for_longest() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&records([0, 1000]));
    line.events();
    // Each is lower than the one before, as the history brings them newest first.
    for sequence in (501..=520).rev() {
        line.pass(10_000);
        line.repeat(&records([2 * sequence - 100]));
        assert_eq!(line.events(), []);
    }
    line.pass(HOLD_US - 200_000);
    let events = line.events();
    assert_eq!(events[0], gap(1, 901));
    assert_eq!(events.last(), Some(&got(0, 1000, Arrival::Direct)), "it came {HOLD_US} us ago");
    assert_eq!(line.receiver.poll_at(), None);
    assert_eq!((line.counters().gaps, line.counters().records), (21, 22));
}

#[test]
fn what_is_held_behind_the_first_that_waited_has_its_own_time() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&records([0, 4]));
    line.pass(100_000);
    line.tell(&records([8, 2]));
    line.events();
    line.pass(HOLD_US - 100_000);
    let got = |sequence| got(0, sequence, Arrival::Direct);
    assert_eq!(line.events(), [gap(1, 1), got(2), gap(3, 3), got(4)]);
    line.pass(99_999);
    assert_eq!(line.events(), []);
    line.pass(1);
    assert_eq!(line.events(), [gap(5, 7), got(8)]);
}

#[test]
fn a_head_gives_up_what_is_missing_before_it_and_no_more() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[record(0, 0), heads(&[4])]);
    line.pass(100_000);
    line.tell(&records([6]));
    line.events();
    line.pass(HOLD_US - 100_000);
    assert_eq!(line.events(), [gap(1, 3)]);
    line.pass(99_999);
    assert_eq!(line.events(), []);
    line.pass(1);
    assert_eq!(line.events(), [gap(4, 5), got(0, 6, Arrival::Direct)]);
    assert_eq!(line.receiver.poll_at(), None);
}

#[test]
fn a_reported_hole_is_filled_once_and_marked_as_delayed() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&records([0, 4]));
    line.pass(HOLD_US);
    assert_eq!(line.events(), [got(0, 0, Arrival::Direct), gap(1, 3), got(0, 4, Arrival::Direct)]);
    // From the history, and from a slow frame of a live class.
    line.repeat(&records([0, 1, 2, 4, 2]));
    line.tell(&records([3, 3]));
    assert_eq!(line.events(), [1, 2, 3].map(|sequence| got(0, sequence, Arrival::Delayed)));
    let counters = line.counters();
    assert_eq!((counters.records, counters.records_delayed, counters.records_repeated), (5, 3, 4));
    assert_eq!((counters.records_missing, counters.records_lost), (3, 0));
}

#[test]
fn the_history_is_delivered_in_order_where_nothing_has_come_yet() {
    let mut line = Line::new(ReceiverConfig::default());
    line.repeat(&records([0, 1]));
    line.tell(&records([2]));
    let arrivals = [got(0, 0, Arrival::Delayed), got(0, 1, Arrival::Delayed), got(0, 2, Arrival::Direct)];
    assert_eq!(line.events(), arrivals);
}

#[test]
fn an_outage_is_filled_from_its_end_while_small_gaps_come_and_go() {
    let config = ReceiverConfig { gaps_max: 3, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    line.tell(&records([1000]));
    line.pass(HOLD_US);
    assert_eq!(line.events(), [gap(0, 999), got(0, 1000, Arrival::Direct)]);
    // Holes that nothing fills any more, beyond what is remembered.
    for sequence in (1002..1020).step_by(2) {
        line.tell(&records([sequence]));
        line.pass(HOLD_US);
    }
    assert_eq!(line.counters().gaps_forgotten, 7);
    assert_eq!(line.counters().records_lost, 7);
    line.events();
    for start in (0..20).rev().map(|segment| segment * 50) {
        line.repeat(&records(start..start + 50));
        assert_eq!(line.events().len(), 50, "from {start} on");
    }
    assert_eq!(line.counters().records_delayed, 1000);
    // The outage was split while it was filled, for which the oldest of the small ones went.
    line.repeat(&records([1001, 1015, 1017]));
    assert_eq!(line.events(), [got(0, 1017, Arrival::Delayed)]);
}

#[test]
fn a_hole_that_is_split_too_often_loses_no_more_than_a_piece() {
    let config = ReceiverConfig { gaps_max: 2, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    line.tell(&records([100]));
    line.pass(HOLD_US);
    line.events();
    line.repeat(&records([10, 20]));
    assert_eq!(line.counters().gaps_forgotten, 1);
    assert_eq!(line.counters().records_lost, 10, "0 to 9 are the oldest, and 21 to 99 the longest");
    line.repeat(&records([5, 15, 25]));
    let kept = [10, 20, 15, 25].map(|sequence| got(0, sequence, Arrival::Delayed));
    assert_eq!(line.events(), kept);
}

#[test]
fn a_head_tells_of_what_is_missing_at_the_end() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[record(0, 0), heads(&[3])]);
    line.pass(HOLD_US);
    assert_eq!(line.events(), [got(0, 0, Arrival::Direct), gap(1, 2)]);
    line.repeat(&records([2]));
    assert_eq!(line.events(), [got(0, 2, Arrival::Delayed)]);
}

#[test]
fn held_records_are_bounded_and_every_one_of_them_is_delivered() {
    let config = ReceiverConfig { held_records_max: 3, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    line.tell(&records([1, 3, 5]));
    assert_eq!(line.events(), []);
    line.tell(&records([7]));
    assert_eq!(line.events(), [gap(0, 0), got(0, 1, Arrival::Direct)]);
    line.tell(&[record(1, 9)]);
    let other = EventKind::Gap { source: SourceId(1), first: 0, last: 8 };
    assert_eq!(line.events(), [other, got(1, 9, Arrival::Direct)], "whoever asks for more gives up");
}

#[test]
fn the_classes_have_blocks_of_their_own() {
    let mut receiver = receiver();
    let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
    for (frame, class) in (0..).zip(Class::ALL) {
        let body = Body::Data { class, block: 0, index: 0, code };
        assert_eq!(receiver.handle_datagram(&seal(1, frame, body, &[record(0, frame)]), 0), Ok(()));
    }
    let arrivals = [Arrival::Direct, Arrival::Direct, Arrival::Direct, Arrival::Delayed];
    let expected: Vec<_> = (0..).zip(arrivals).map(|(sequence, arrival)| got(0, sequence, arrival)).collect();
    assert_eq!(events(&mut receiver), expected);
}

#[test]
fn a_full_block_is_complete_without_parity_and_idle_ones_are_given_up() {
    let mut line = Line::new(ReceiverConfig::default());
    // The first block is closed by its parity with a shard missing; the second is full.
    let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
    let class = Class::Telemetry;
    let parity = Body::Parity { class, block: 0, index: 0, data_sent: 2, code };
    // What contradicts a complete block does not matter any more.
    let late = Body::Parity { class, block: 1, index: 0, data_sent: 1, code };
    let bodies = [parity, data(1, 0), data(1, 1), late];
    for (frame, body) in (0..).zip(bodies) {
        let frame = seal(1, frame, body, &[record(0, frame)]);
        assert_eq!(line.receiver.handle_datagram(&frame, line.now_us), Ok(()));
    }
    line.pass(59_999_999);
    assert_eq!(line.counters().blocks_incomplete, 0);
    line.pass(60_000_000);
    assert_eq!(line.counters().blocks_incomplete, 1);
}

#[test]
fn blocks_are_bounded_however_small_they_are() {
    let mut line = Line::new(ReceiverConfig::default());
    for block in 0..1025 {
        let frame = seal(1, block, data(block, 1), &[record(0, block)]);
        assert_eq!(line.receiver.handle_datagram(&frame, 0), Ok(()));
        assert_eq!(line.counters().blocks_incomplete, u64::from(block == 1024));
    }
}
