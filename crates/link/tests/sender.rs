//! The sender by itself: who goes first, how blocks are spread, what is sent again. Seen in the headers and lengths of
//! its frames, since nothing else is on the wire.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use noreturn_fec::Geometry;
use noreturn_link::{DiodeKey, HistoryOrder, Sender, SenderConfig, SenderError};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::{FRAME_BYTES_MAX, HEADER_BYTES, TAG_BYTES};
use noreturn_wire::{Body, BootId, Class, Counter, DiodeId, Header};

const MS: u64 = 1000;
const S: u64 = 1_000_000;

/// A frame on the wire: when it left, what it is, and how long its payload is.
#[derive(Clone, Copy, Debug)]
struct Seen {
    now_us: u64,
    body: Body,
    payload_bytes: usize,
    wire_bytes: u64,
}

impl Seen {
    fn class(&self) -> Option<Class> {
        match self.body {
            Body::Data { class, .. } | Body::Parity { class, .. } => Some(class),
            Body::Beacon => None,
        }
    }

    fn is_data_of(&self, wanted: Class) -> bool {
        matches!(self.body, Body::Data { class, .. } if class == wanted)
    }
}

fn config(rate_bytes_per_s: u64) -> SenderConfig {
    let mut config = SenderConfig::new(DiodeId(1), rate_bytes_per_s);
    config.burst_bytes = 3028;
    config.history.share_per_mille = 0;
    config
}

fn sender(config: &SenderConfig) -> Sender {
    Sender::new(config, BootId([5; 16]), &DiodeKey([1; 32]))
}

fn push(sender: &mut Sender, class: Class, bytes: usize) -> Result<(), SenderError> {
    sender.push(Sending { class, kept: true }, &vec![7; bytes])
}

fn frame(sender: &mut Sender, now_us: u64) -> Option<Seen> {
    let mut buffer = [0; FRAME_BYTES_MAX];
    let length = sender.poll_transmit(now_us, &mut buffer)?;
    let body = Header::parse(&buffer[..length]).unwrap().0.body;
    let payload_bytes = length - HEADER_BYTES - TAG_BYTES;
    Some(Seen { now_us, body, payload_bytes, wire_bytes: length as u64 + 42 })
}

/// Lets the sender send from one time to another, in steps, keeping queues filled by `feed`.
fn watch(
    sender: &mut Sender,
    times: std::ops::Range<u64>,
    mut feed: impl FnMut(&mut Sender, u64),
) -> Vec<Seen> {
    let mut seen = Vec::new();
    for now_us in times.step_by(25) {
        feed(sender, now_us);
        seen.extend(std::iter::from_fn(|| frame(sender, now_us)));
    }
    seen
}

fn fill(sender: &mut Sender, classes: &[Class]) {
    for &class in classes {
        while sender.has_room(class) {
            push(sender, class, 1300).unwrap();
        }
    }
}

fn bytes_of(seen: &[Seen], class: Class) -> f64 {
    seen.iter().filter(|seen| seen.class() == Some(class)).map(|seen| seen.wire_bytes as f64).sum()
}

#[test]
fn an_alarm_is_the_next_frame_whatever_else_waits() {
    let mut config = config(12_500_000);
    config.history.share_per_mille = 200;
    config.history.interval_us = 0;
    let mut sender = sender(&config);
    let mut alarms = 0;
    for step in 0..200_000_u64 {
        let now_us = step * 17;
        fill(&mut sender, &[Class::Telemetry, Class::Bulk]);
        let is_alarm = step % 997 == 0;
        if is_alarm {
            push(&mut sender, Class::Alarm, 30).unwrap();
            let wait = (now_us..).find_map(|at| frame(&mut sender, at)).unwrap();
            assert!(wait.is_data_of(Class::Alarm), "{wait:?} went before an alarm");
            assert!(wait.now_us - now_us <= 1514 * S / 12_500_000 + 1, "more than one frame's time");
            alarms += 1;
        }
        while frame(&mut sender, now_us).is_some() {}
    }
    assert!(alarms > 100);
}

#[test]
fn classes_share_a_full_link_by_weight_and_history_has_its_share() {
    let mut config = config(12_500_000);
    config.history.share_per_mille = 200;
    config.history.interval_us = 0;
    let mut sender = sender(&config);
    let seen = watch(&mut sender, 0..4 * S, |sender, _| {
        fill(sender, &[Class::Alarm, Class::Telemetry, Class::Bulk]);
    });
    let total: f64 = seen.iter().map(|seen| seen.wire_bytes as f64).sum();
    let share = |class| bytes_of(&seen, class) / total;
    assert!((total / 4.0 - 12_500_000.0).abs() < 50_000.0, "the pace is {total} bytes in 4 s");
    // A fifth is history's; the rest goes 8 : 4 : 1.
    for (class, wanted) in [(Class::Alarm, 8), (Class::Telemetry, 4), (Class::Bulk, 1)] {
        let wanted = 0.8 * f64::from(wanted) / 13.0;
        assert!((share(class) - wanted).abs() < 0.01, "{class:?} has {}, not {wanted}", share(class));
    }
    assert!((share(Class::History) - 0.2).abs() < 0.01, "history has {}", share(Class::History));
}

#[test]
fn a_class_that_was_silent_has_saved_nothing_up() {
    let mut sender = sender(&config(12_500_000));
    watch(&mut sender, 0..3 * S, |sender, _| fill(sender, &[Class::Bulk]));
    let seen = watch(&mut sender, 3 * S..4 * S, |sender, _| fill(sender, &[Class::Telemetry, Class::Bulk]));
    let ratio = bytes_of(&seen, Class::Telemetry) / bytes_of(&seen, Class::Bulk);
    assert!((3.8..4.2).contains(&ratio), "telemetry has {ratio} times what bulk has");
}

/// Telemetry at 8,000 frames/s, parity included, for three seconds.
fn busy() -> Vec<Seen> {
    let mut sender = sender(&config(125_000_000));
    watch(&mut sender, 0..3 * S, |sender, now_us| {
        if now_us % 175 == 0 {
            push(sender, Class::Telemetry, 200).unwrap();
        }
    })
}

#[test]
fn a_burst_of_a_hundred_frames_takes_at_most_six_of_any_block() {
    let seen = busy();
    let frames_per_s = seen.len() / 3;
    assert!((7_400..8_200).contains(&frames_per_s), "{frames_per_s} frames/s");
    let block = |seen: &Seen| match seen.body {
        Body::Data { block, .. } | Body::Parity { block, .. } => block,
        Body::Beacon => u64::MAX,
    };
    // The first second is what it takes to find out how busy the class is.
    let steady: Vec<u64> = seen.iter().filter(|seen| seen.now_us > S).map(block).collect();
    for burst in steady.windows(100) {
        let mut hits: BTreeMap<u64, u32> = BTreeMap::new();
        burst.iter().for_each(|block| *hits.entry(*block).or_default() += 1);
        assert!(hits.values().all(|&hits| hits <= 6), "{hits:?}");
    }
}

#[test]
fn parity_costs_forty_percent_of_a_busy_class_at_most() {
    let seen = busy();
    let (mut data, mut parity) = (0, 0);
    for seen in &seen {
        match seen.body {
            Body::Data { .. } => data += seen.wire_bytes,
            _ => parity += seen.wire_bytes,
        }
    }
    assert!(parity * 10 <= data * 4, "{parity} bytes of parity for {data}");
}

#[test]
fn a_lonely_record_leaves_at_once_and_has_its_parity_after_the_latency() {
    let mut sender = sender(&config(12_500_000));
    push(&mut sender, Class::Telemetry, 30).unwrap();
    let seen = watch(&mut sender, 0..S, |_, _| {});
    let spacing_us = 200 * MS / 62;
    assert_eq!(seen.len(), 4, "one data shard and three of parity: {seen:?}");
    assert!(seen[0].is_data_of(Class::Telemetry) && seen[0].now_us == 0);
    for (seen, number) in seen[1..].iter().zip(0..) {
        assert!(matches!(seen.body, Body::Parity { data_sent: 1, index, .. } if u64::from(index) == number));
        let due_us = 20 * MS + number * spacing_us;
        assert!((due_us..due_us + 100).contains(&seen.now_us), "{} instead of {due_us}", seen.now_us);
    }
    assert_eq!(sender.poll_at(), None);
}

#[test]
fn parity_grows_on_a_line_from_the_least_to_the_whole() {
    for (data, parity, least) in
        [(42, 16, 3), (10, 4, 1), (1, 5, 2), (5, 0, 3), (8, 2, 7), (255, 1, 1), (2, 254, 9)]
    {
        let mut config = config(1 << 40);
        let blocks = &mut config.telemetry.blocks;
        blocks.geometry = Geometry::new(data, parity).unwrap();
        (blocks.parity_min, blocks.span_us, blocks.blocks_max) = (least, 0, 1);
        for sent in 1..=data {
            let mut sender = sender(&config);
            for _ in 0..sent {
                push(&mut sender, Class::Telemetry, 1390).unwrap();
            }
            let seen = watch(&mut sender, 0..30 * MS, |_, _| {});
            let made = seen.iter().filter(|seen| matches!(seen.body, Body::Parity { .. })).count();
            let (k, m, s) = (f64::from(data), f64::from(parity), f64::from(sent));
            let start = f64::from(least.max(1).min(parity));
            let line = if sent == data { m } else { start + ((m - start) * (s - 1.0) / (k - 1.0)).ceil() };
            assert_eq!(made as f64, line, "{sent} of {data}+{parity}");
        }
    }
}

#[test]
fn too_few_blocks_for_the_span_shorten_the_spread_and_lose_nothing() {
    let mut config = config(125_000_000);
    config.telemetry.blocks.blocks_max = 2;
    let mut sender = sender(&config);
    let seen = watch(&mut sender, 0..S, |sender, now_us| {
        if now_us % 100 == 0 && now_us < S / 2 {
            push(sender, Class::Telemetry, 200).unwrap();
        }
    });
    let data = seen.iter().filter(|seen| seen.is_data_of(Class::Telemetry)).count();
    assert_eq!(data, 5000);
    // 5000 / 46 blocks with 16 each, and the last ones.
    assert!((1736..1790).contains(&(seen.len() - data)), "{} parity frames", seen.len() - data);
    assert_eq!(sender.poll_at(), None, "nothing is left");
}

#[test]
fn a_class_too_busy_for_its_span_still_takes_turns_between_all_its_blocks() {
    let mut config = config(12_500_000);
    config.bulk.blocks.geometry = Geometry::new(10, 4).unwrap();
    config.bulk.blocks.blocks_max = 8;
    let mut sender = sender(&config);
    let seen = watch(&mut sender, 0..2 * S, |sender, _| fill(sender, &[Class::Bulk]));
    let block = |seen: &Seen| match seen.body {
        Body::Data { block, .. } | Body::Parity { block, .. } => block,
        Body::Beacon => u64::MAX,
    };
    let steady: Vec<u64> = seen.iter().filter(|seen| seen.now_us > S / 2).map(block).collect();
    assert!(steady.len() > 10_000, "{} frames", steady.len());
    // Eight blocks with four parity shards each can bear 32 frames in a row at best.
    for burst in steady.windows(28) {
        let mut hits: BTreeMap<u64, u32> = BTreeMap::new();
        burst.iter().for_each(|block| *hits.entry(*block).or_default() += 1);
        assert!(hits.values().all(|&hits| hits <= 4), "{hits:?}");
    }
}

/// Messages that fill a shard alone and tell their number by their length.
const FIRST_BYTES: usize = 704;

fn numbered(config: &mut SenderConfig, order: HistoryOrder) {
    config.history.order = order;
    config.history.share_per_mille = 500;
    config.history.interval_us = 100 * MS;
    config.telemetry.history_bytes_max = 128 << 10;
}

fn history_numbers(seen: &[Seen]) -> Vec<usize> {
    seen.iter()
        .filter(|seen| seen.is_data_of(Class::History))
        .map(|seen| seen.payload_bytes - FIRST_BYTES)
        .collect()
}

#[test]
fn history_is_sent_again_in_order_pass_after_pass() {
    let mut config = config(12_500_000);
    numbered(&mut config, HistoryOrder::OldestFirst);
    let mut sender = sender(&config);
    (0..100).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
    let seen = watch(&mut sender, 0..450 * MS, |_, _| {});
    let passes: Vec<usize> = (0..100).collect();
    assert_eq!(history_numbers(&seen), passes.repeat(4));
    assert_eq!(sender.counters().get(Counter::LinkHistoryPasses), 4);
    assert_eq!(sender.counters().get(Counter::LinkHistoryFrames), 400);
    assert_eq!(sender.counters().get(Counter::LinkMessages), 100, "only what is new is counted as taken");
}

#[test]
fn newest_first_goes_backwards_by_segment() {
    let mut config = config(12_500_000);
    numbered(&mut config, HistoryOrder::NewestFirst);
    let mut sender = sender(&config);
    (0..150).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
    let seen = watch(&mut sender, 0..195 * MS, |_, _| {});
    let numbers = history_numbers(&seen);
    // A segment of 64 KiB holds the first 87 of them.
    assert_eq!(numbers, (87..150).chain(0..87).collect::<Vec<_>>());
}

#[test]
fn a_full_history_forgets_the_oldest_and_says_so() {
    let mut config = config(12_500_000);
    numbered(&mut config, HistoryOrder::OldestFirst);
    let mut sender = sender(&config);
    for number in 0..600 {
        push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap();
        watch(&mut sender, 0..25, |_, _| {});
    }
    let forgotten = sender.counters().get(Counter::LinkHistoryForgotten) as usize;
    assert!((400..600).contains(&forgotten), "{forgotten}");
    let seen = watch(&mut sender, 100 * MS..190 * MS, |_, _| {});
    assert_eq!(history_numbers(&seen), (forgotten..600).collect::<Vec<_>>());
}

#[test]
fn a_class_that_has_forgotten_its_part_of_a_pass_does_not_hold_up_the_next() {
    let mut config = config(12_500_000);
    numbered(&mut config, HistoryOrder::NewestFirst);
    config.bulk.history_bytes_max = 128 << 10;
    let mut sender = sender(&config);
    (0..100).for_each(|number| push(&mut sender, Class::Bulk, FIRST_BYTES + number).unwrap());
    (100..150).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
    let begun = watch(&mut sender, 0..102 * MS, |_, _| {});
    assert!((1..50).contains(&history_numbers(&begun).len()), "the pass is in its first class");
    // Kept, whether the queue has room or not: more than there is room for, so that all of the pass is forgotten.
    (150..450).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number % 250).unwrap());
    let seen = history_numbers(&watch(&mut sender, 102 * MS..180 * MS, |_, _| {}));
    assert!((0..100).all(|number| seen.contains(&number)), "{seen:?}");
}

#[test]
fn late_parity_of_the_history_is_paid_for_by_its_share() {
    const SHARE_BYTES_PER_S: u64 = 125_000;
    const BURST_BYTES: u64 = 3028;
    let mut config = config(12_500_000);
    config.history.share_per_mille = 10;
    config.history.interval_us = S;
    // One data shard a pass; a hundred shards of parity follow just before the next pass.
    let blocks = &mut config.history.blocks;
    blocks.geometry = Geometry::new(2, 100).unwrap();
    (blocks.parity_min, blocks.latency_us_max, blocks.span_us) = (100, 900 * MS, 0);
    let mut sender = sender(&config);
    push(&mut sender, Class::Telemetry, 1000).unwrap();
    let seen = watch(&mut sender, 0..4 * S, |_, _| {});
    let history: Vec<&Seen> = seen.iter().filter(|seen| seen.class() == Some(Class::History)).collect();
    let mut passes = history.split(|seen| seen.is_data_of(Class::History)).skip(1);
    let parity = passes.next().unwrap();
    assert_eq!(parity.len(), 100);
    let next = history.iter().filter(|seen| seen.is_data_of(Class::History)).nth(1).unwrap();
    let bytes: u64 = parity.iter().map(|seen| seen.wire_bytes).sum();
    let paid_us = parity[0].now_us + (bytes - BURST_BYTES) * S / SHARE_BYTES_PER_S;
    assert!(next.now_us >= paid_us, "the next pass at {}, but paid for at {paid_us}", next.now_us);
    assert!(next.now_us <= paid_us + 100 * MS, "the next pass at {}, paid for at {paid_us}", next.now_us);
}

#[test]
fn without_a_link_nothing_leaves_and_after_it_the_outage_goes_first() {
    let mut config = config(12_500_000);
    numbered(&mut config, HistoryOrder::OldestFirst);
    config.history.interval_us = 10 * S;
    let mut sender = sender(&config);
    (0..170).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
    assert!(watch(&mut sender, 0..50 * MS, |_, _| {}).len() > 170);
    sender.set_link_up(false);
    for number in 170..180 {
        push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap();
    }
    let repeated = sender.push(Sending { class: Class::Telemetry, kept: false }, &[2, 0, 0]);
    assert_eq!(repeated, Err(SenderError::LinkDown));
    assert_eq!(watch(&mut sender, 50 * MS..S, |_, _| {}).len(), 0);
    assert_eq!(sender.poll_at(), None);
    assert_eq!(sender.counters().get(Counter::LinkHeld), 10);
    assert_eq!(sender.counters().get(Counter::LinkDownDropped), 1);
    sender.set_link_up(true);
    let seen = watch(&mut sender, S..2 * S, |_, _| {});
    // From the segment on in which the link was lost, which starts with 165.
    assert_eq!(history_numbers(&seen), (165..180).collect::<Vec<_>>());
}

#[test]
fn a_second_outage_leaves_nothing_of_the_first_one_out() {
    for order in [HistoryOrder::OldestFirst, HistoryOrder::NewestFirst] {
        let mut config = config(12_500_000);
        numbered(&mut config, order);
        config.history.interval_us = 1000 * S;
        config.telemetry.history_bytes_max = 1 << 20;
        let mut sender = sender(&config);
        let push = |sender: &mut Sender, numbers: std::ops::Range<usize>| {
            numbers.for_each(|number| push(sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
        };
        push(&mut sender, 0..10);
        let mut seen = watch(&mut sender, 0..50 * MS, |_, _| {});
        sender.set_link_up(false);
        push(&mut sender, 10..310);
        sender.set_link_up(true);
        // Time for a part of it only.
        seen.extend(watch(&mut sender, 50 * MS..55 * MS, |_, _| {}));
        assert!((1..100).contains(&history_numbers(&seen).len()), "{order:?}");
        for outage in 0..5 {
            sender.set_link_up(false);
            push(&mut sender, 310 + outage..311 + outage);
            sender.set_link_up(true);
            let start_us = (55 + outage as u64) * MS;
            seen.extend(watch(&mut sender, start_us..start_us + MS, |_, _| {}));
        }
        seen.extend(watch(&mut sender, 60 * MS..500 * MS, |_, _| {}));
        let again = history_numbers(&seen);
        assert!((10..315).all(|number| again.contains(&number)), "{order:?}: {again:?}");
        assert!(again.len() < 2 * 315, "{order:?}: {} sent again", again.len());
        assert_eq!(sender.counters().get(Counter::LinkHistoryPasses), 0);
    }
}

#[test]
fn a_link_that_flaps_does_not_hold_up_the_pass() {
    for order in [HistoryOrder::OldestFirst, HistoryOrder::NewestFirst] {
        let mut config = config(12_500_000);
        numbered(&mut config, order);
        let mut sender = sender(&config);
        (0..100).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
        let mut seen = watch(&mut sender, 0..50 * MS, |_, _| {});
        // Faster than the interval of the passes, and than it takes to send a segment.
        for start_us in (50 * MS..2 * S).step_by(10 * MS as usize) {
            sender.set_link_up(false);
            sender.set_link_up(true);
            seen.extend(watch(&mut sender, start_us..start_us + 5 * MS, |_, _| {}));
        }
        let again = history_numbers(&seen);
        let times = (0..100).map(|number| again.iter().filter(|&&seen| seen == number).count()).min();
        assert!(times >= Some(3), "{order:?}: {times:?} times in 2 s");
        assert!(sender.counters().get(Counter::LinkHistoryPasses) >= 3, "{order:?}");
    }
}

#[test]
fn what_finds_its_queue_full_waits_in_the_history() {
    let mut config = config(12_500_000);
    numbered(&mut config, HistoryOrder::OldestFirst);
    config.telemetry.queue_bytes_max = 8_000;
    let mut sender = sender(&config);
    (0..50).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
    assert_eq!(sender.counters().get(Counter::LinkHeld), 39);
    assert_eq!(sender.counters().get(Counter::LinkQueueFull), 0);
    let seen = watch(&mut sender, 0..180 * MS, |_, _| {});
    assert_eq!(history_numbers(&seen), (0..50).collect::<Vec<_>>());
}

#[test]
fn history_takes_its_share_and_no_more() {
    let mut config = config(12_500_000);
    numbered(&mut config, HistoryOrder::NewestFirst);
    config.history.share_per_mille = 50;
    config.history.interval_us = 0;
    let mut sender = sender(&config);
    (0..100).for_each(|number| push(&mut sender, Class::Telemetry, FIRST_BYTES + number).unwrap());
    let seen = watch(&mut sender, 0..2 * S, |_, _| {});
    let bytes_per_s = bytes_of(&seen, Class::History) / 2.0;
    assert!((610_000.0..630_000.0).contains(&bytes_per_s), "{bytes_per_s} bytes/s of 625,000");
}

#[test]
fn a_message_that_no_shard_holds_and_history_from_outside_are_refused() {
    let mut sender = sender(&config(12_500_000));
    assert_eq!(push(&mut sender, Class::Bulk, 0), Err(SenderError::Message));
    assert_eq!(push(&mut sender, Class::Bulk, 1399), Err(SenderError::Message));
    assert_eq!(push(&mut sender, Class::History, 10), Err(SenderError::Message));
    assert_eq!(push(&mut sender, Class::Bulk, 1398), Ok(()));
}
