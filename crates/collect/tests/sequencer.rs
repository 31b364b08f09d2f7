//! Sequence numbers have no holes, and announcements reach every source in every period.

use noreturn_collect::{Announcer, Output, Recorder, Sample, Sequencer};
use noreturn_image_format::config::{self, Source};
use noreturn_wire::message::HEADS_MAX;
use noreturn_wire::{Class, Counter, Counters, Message, Quality, Record, SourceId, TimeQuality, Value};
use proptest::prelude::*;

fn sample(source: u32) -> Sample {
    Sample {
        source: SourceId(source),
        acquired_us: 5,
        time_quality: TimeQuality::NONE,
        quality: Quality::Good,
        value: Value::U64(1),
    }
}

fn sources(count: usize) -> Vec<Source> {
    let class = config::Class::Telemetry;
    (0..count).map(|i| Source { name: format!("tag-{i}"), unit: "m".into(), class }).collect()
}

#[test]
fn records_are_numbered_per_source() {
    let mut sequencer = Sequencer::new(2);
    let mut number = |source| sequencer.record(sample(source)).map(|record: Record| record.sequence);
    assert_eq!([number(0), number(0), number(1), number(0)], [Some(0), Some(1), Some(0), Some(2)]);
    assert_eq!(number(2), None);
    assert_eq!(sequencer.heads(SourceId(0)).next.as_slice(), [3, 1]);
}

#[test]
fn the_recorder_writes_and_counts_every_record() {
    let (mut sequencer, mut counters, mut written) = (Sequencer::new(2), Counters::default(), Vec::new());
    let write = |class, message: &Message<'_>| match message {
        Message::Record(record) => written.push((class, *record)),
        other => panic!("{other:?} is no record"),
    };
    let classes = &[Class::Telemetry, Class::Alarm];
    let mut recorder = Recorder { sequencer: &mut sequencer, classes, counters: &mut counters, write };
    recorder.sample(sample(0));
    recorder.sample(sample(1));
    recorder.sample(sample(0));
    recorder.sample(sample(9));
    recorder.count(Counter::ModbusRequests, 4);
    let record = |source, sequence| Record {
        source: SourceId(source),
        sequence,
        acquired_us: 5,
        time_quality: TimeQuality::NONE,
        quality: Quality::Good,
        value: Value::U64(1),
    };
    let (telemetry, alarm) = (Class::Telemetry, Class::Alarm);
    assert_eq!(written, [(telemetry, record(0, 0)), (alarm, record(1, 0)), (telemetry, record(0, 1))]);
    assert_eq!((counters.get(Counter::Records), counters.get(Counter::ModbusRequests)), (3, 4));
}

/// What a round says: names by source, and sources covered by sequence numbers.
fn round(
    announcer: &mut Announcer,
    sequencer: &Sequencer,
    at_us: impl Iterator<Item = u64>,
) -> (Vec<u32>, Vec<u32>) {
    let (mut named, mut counted) = (Vec::new(), Vec::new());
    for uptime_us in at_us {
        while let Some(message) = announcer.poll(uptime_us, sequencer) {
            match message {
                Message::Announce(announce) => {
                    assert_eq!((announce.name, announce.unit), (&*format!("tag-{}", announce.source.0), "m"));
                    named.push(announce.source.0);
                }
                Message::Heads(heads) => counted.extend((heads.first.0..).take(heads.next.len())),
                other => panic!("an announcer does not say {other:?}"),
            }
        }
    }
    (named, counted)
}

#[test]
fn nothing_is_announced_where_there_is_no_source() {
    let mut announcer = Announcer::new(vec![], 100, 0);
    assert_eq!(announcer.poll(u64::MAX, &Sequencer::new(0)), None);
    assert_eq!(announcer.poll_at(), u64::MAX);
}

#[test]
fn a_link_that_comes_up_has_everyone_named_at_once() {
    let (sequencer, mut announcer) = (Sequencer::new(40), Announcer::new(sources(40), 5000, 0));
    let everyone: Vec<u32> = (0..40).collect();
    announcer.see_link(true, 0);
    assert_eq!(round(&mut announcer, &sequencer, 0..100_000).0, everyone, "the round at boot");
    announcer.see_link(false, 100_000);
    let second = round(&mut announcer, &sequencer, 100_000..1_000_000).0;
    assert!(second.len() < 10, "{second:?}: the second round takes 5 s");
    announcer.see_link(true, 1_000_000);
    assert_eq!(announcer.poll_at(), 1_250_000, "once the outside half has seen the link");
    announcer.see_link(true, 1_100_000);
    assert_eq!(round(&mut announcer, &sequencer, 1_000_000..1_350_000).0, everyone);
}

#[test]
fn a_link_that_flaps_has_everyone_named_once_in_five_seconds() {
    let (sequencer, mut announcer) = (Sequencer::new(40), Announcer::new(sources(40), 3_600_000, 0));
    let mut named = 0;
    for look in 0..120 {
        let at_us = look * 100_000;
        announcer.see_link(look % 2 == 1, at_us);
        named += round(&mut announcer, &sequencer, at_us..at_us + 100_000).0.len();
    }
    assert_eq!(named, 40 * 4, "in 12 s: at boot, and at 0.1, 5.1 and 10.1 s");
}

#[test]
fn without_a_source_a_link_changes_nothing() {
    let mut announcer = Announcer::new(vec![], 5000, 0);
    announcer.see_link(false, 0);
    announcer.see_link(true, 1);
    assert_eq!(announcer.poll_at(), u64::MAX);
}

#[test]
fn a_late_caller_gets_a_bounded_burst() {
    let (sequencer, mut announcer) = (Sequencer::new(1000), Announcer::new(sources(1000), 1000, 0));
    let burst = std::iter::from_fn(|| announcer.poll(3_600_000_000, &sequencer).map(drop)).count();
    assert_eq!(burst, 64);
    assert!(announcer.poll_at() > 3_600_000_000);
}

proptest! {
    #[test]
    fn a_period_names_and_counts_every_source_once(count in 1_usize..400, period_ms in 100_u32..10_000, start_us in 0_u64..1 << 40) {
        let (sequencer, mut announcer) = (Sequencer::new(count), Announcer::new(sources(count), period_ms, start_us));
        let messages = (count + count.div_ceil(HEADS_MAX)) as u64;
        let interval_us = u64::from(period_ms) * 1000 / messages;
        let first_interval_us = interval_us.min(500);
        let everyone: Vec<u32> = (0..count as u32).collect();
        let first = (0..messages).map(|i| start_us + i * first_interval_us);
        prop_assert_eq!(round(&mut announcer, &sequencer, first), (everyone.clone(), everyone.clone()));
        let second_us = start_us + messages * first_interval_us;
        prop_assert_eq!(announcer.poll_at(), second_us);
        let second = (0..messages).map(|i| second_us + i * interval_us);
        prop_assert_eq!(round(&mut announcer, &sequencer, second), (everyone.clone(), everyone));
        prop_assert!(messages * interval_us <= u64::from(period_ms) * 1000);
    }
}
