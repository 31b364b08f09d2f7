//! The engine without protocol, sockets or clock: events in, items out.

use noreturn_link::ReceiverConfig;
use noreturn_wire::{CardModel, OutsideCard, Quality, Release, TimeQuality, Value};

use super::*;
use crate::item::Source;

pub const DIODE: DiodeId = DiodeId(7);
const BOOT: BootId = BootId([1; 16]);
const EXPECTED: [u8; 32] = [0xaa; 32];

struct Bench {
    engine: Engine,
    now_us: u64,
}

/// A diode that is configured in this way.
pub fn diode(id: DiodeId, name: &str) -> DiodeConfig {
    DiodeConfig {
        id,
        name: name.into(),
        keys: Vec::new(),
        expected_image: None,
        on_mismatch: OnMismatch::Alarm,
        silent_after_us: u64::MAX,
        image_version_min: 0,
        attestation: None,
    }
}

/// Small limits.
pub fn limits() -> Limits {
    Limits {
        link: ReceiverConfig::default(),
        name_wait_us: 1000,
        waiting_records_max: 100,
        waiting_bytes_max: 1000,
        object_queue_bytes_max: 1,
        receive_buffer_bytes: 1,
    }
}

/// An engine for the one diode.
pub fn engine() -> Engine {
    Engine::new(&[diode(DIODE, "east")], limits())
}

impl Bench {
    fn new(expected: Option<[u8; 32]>, on_mismatch: OnMismatch, waiting_records_max: usize) -> Self {
        let diode = DiodeConfig { expected_image: expected, on_mismatch, ..diode(DIODE, "east") };
        let limits = Limits { waiting_records_max, ..limits() };
        let mut bench = Self { engine: Engine::new(&[diode], limits), now_us: 0 };
        assert_eq!(bench.take(EventKind::Started), ["boot"]);
        bench
    }

    /// What an event leads to, in short.
    fn take(&mut self, kind: EventKind) -> Vec<String> {
        let mut out = Vec::new();
        self.engine.handle_event(Event { diode: DIODE, boot: BOOT, kind }, self.now_us, &mut out);
        out.iter().map(short).collect()
    }

    fn record(&mut self, source: u32, sequence: u64) -> Vec<String> {
        let record = Record {
            source: SourceId(source),
            sequence,
            acquired_us: 0,
            time_quality: TimeQuality::NONE,
            quality: Quality::Good,
            value: Value::U64(sequence),
        };
        self.take(EventKind::Record { record, arrival: Arrival::Direct })
    }

    fn announce(&mut self, source: u32, name: &str) -> Vec<String> {
        let (name, unit) = (name.to_owned(), "m".to_owned());
        self.take(EventKind::Announced { source: SourceId(source), name, unit })
    }

    fn gap(&mut self, source: u32, first: u64, last: u64) -> Vec<String> {
        self.take(EventKind::Gap { source: SourceId(source), first, last })
    }

    /// What it leads to but for the version, which has a test of its own.
    fn beacon(&mut self, image_sha256: [u8; 32]) -> Vec<String> {
        let mut items = self.take(EventKind::Beacon(Box::new(Beacon {
            image_sha256,
            config_sha256: [0; 32],
            site_sha256: [0x33; 32],
            cards_pinned: true,
            reset_count: Some(300),
            uptime_us: 1,
            clock_us: 1,
            outside: OutsideCard {
                model: CardModel::VirtioNet,
                link_up: true,
                firmware_left_receiver_on: false,
                firmware_frames_received: None,
            },
            ..Beacon::default()
        })));
        items.retain(|item| item != "version 0");
        items
    }

    fn version(&mut self, boot: u8, version: u32) -> Vec<String> {
        let release = Release { version, ..Release::default() };
        let beacon = EventKind::Beacon(Box::new(Beacon { release, ..Beacon::default() }));
        let mut out = Vec::new();
        for kind in [EventKind::Started, beacon] {
            self.engine.handle_event(
                Event { diode: DIODE, boot: BootId([boot; 16]), kind },
                self.now_us,
                &mut out,
            );
        }
        out.iter().map(short).filter(|item| item.contains("version")).collect()
    }

    fn timeout(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        self.engine.handle_timeout(self.now_us, &mut out);
        out.iter().map(short).collect()
    }

    fn close(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        self.engine.close(&mut out);
        out.iter().map(short).collect()
    }
}

fn short(item: &Item) -> String {
    let tag = |source: &Source| source.tag.clone();
    match item {
        Item::Boot(_) => "boot".to_owned(),
        Item::ImageCheck(_, verdict) => format!("check {}", verdict.check.word()),
        Item::Alarm(_, verdict) => format!("alarm refused={}", verdict.refused),
        Item::Beacon(_, check, _) => format!("beacon {}", check.word()),
        Item::Record { source, record, .. } => format!("{} {}", tag(source), record.sequence),
        Item::Gap { source, first, last, .. } => format!("{} gap {first}-{last}", tag(source)),
        Item::Attestation(_, finding) => format!("attestation {}", finding.check.word()),
        Item::Version(_, version) => format!("version {}", version.release.version),
        Item::VersionAlarm(_, version) => format!("alarm version at least {}", version.at_least),
        Item::AttestationAlarm(..) => "alarm attestation".to_owned(),
        Item::Silence(silence) => format!("silent {}", silence.is_silent),
        Item::SilenceAlarm(_) => "alarm silent".to_owned(),
        Item::File(_) | Item::Stream(_) => unreachable!("the writer tells these"),
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn records_wait_for_their_name_and_leave_in_order() {
    let mut bench = Bench::new(None, OnMismatch::Alarm, 100);
    assert_eq!(bench.record(1, 0), NOTHING);
    assert_eq!(bench.gap(1, 1, 2), NOTHING);
    assert_eq!(bench.record(2, 0), NOTHING);
    assert_eq!(bench.record(1, 3), NOTHING);
    assert_eq!(bench.announce(1, "level"), ["level 0", "level gap 1-2", "level 3"]);
    assert_eq!(bench.record(1, 4), ["level 4"]);
    assert_eq!(bench.announce(1, "level"), NOTHING);
    assert_eq!(bench.announce(1, "height"), NOTHING);
    assert_eq!(bench.record(1, 5), ["height 5"]);
    assert_eq!(bench.announce(2, "flow"), ["flow 0"]);
    let counters = bench.engine.counters();
    assert_eq!((counters.records_passed, counters.gaps_passed, counters.records_missing_passed), (5, 1, 2));
    assert_eq!(counters.records_passed_unnamed, 0);
}

#[test]
fn a_name_that_does_not_come_in_time_is_replaced_by_the_number() {
    let mut bench = Bench::new(None, OnMismatch::Alarm, 100);
    bench.record(3, 0);
    bench.now_us = 500;
    bench.record(4, 0);
    bench.now_us = 999;
    assert_eq!(bench.timeout(), NOTHING);
    bench.now_us = 1000;
    assert_eq!(bench.timeout(), ["source/3 0"]);
    assert_eq!(bench.record(3, 1), ["source/3 1"]);
    assert_eq!(bench.announce(3, "late"), NOTHING);
    assert_eq!(bench.record(3, 2), ["late 2"]);
    assert_eq!(bench.close(), ["source/4 0"]);
    assert_eq!(bench.engine.counters().records_passed_unnamed, 3);
}

#[test]
fn a_full_queue_for_names_lets_the_longest_waiting_source_go() {
    let mut bench = Bench::new(None, OnMismatch::Alarm, 3);
    bench.record(1, 0);
    bench.now_us = 1;
    bench.record(2, 0);
    bench.record(2, 1);
    assert_eq!(bench.record(2, 2), ["source/1 0"]);
    assert_eq!(bench.announce(2, "two"), ["two 0", "two 1", "two 2"]);
}

#[test]
fn without_expectation_the_image_is_unchecked_and_records_pass() {
    let mut bench = Bench::new(None, OnMismatch::Alarm, 100);
    bench.announce(1, "level");
    assert_eq!(bench.record(1, 0), ["level 0"]);
    assert_eq!(bench.beacon(EXPECTED), ["check unchecked", "beacon unchecked"]);
    assert_eq!(bench.beacon(EXPECTED), ["beacon unchecked"]);
    assert_eq!(bench.engine.diodes()[0].check, ImageCheck::Unchecked);
}

#[test]
fn on_mismatch_alarm_passes_records_and_raises_one_alarm() {
    let mut bench = Bench::new(Some(EXPECTED), OnMismatch::Alarm, 100);
    bench.announce(1, "level");
    assert_eq!(bench.record(1, 0), ["level 0"]);
    assert_eq!(bench.beacon([1; 32]), ["check mismatch", "alarm refused=false", "beacon mismatch"]);
    assert_eq!(bench.beacon([1; 32]), ["beacon mismatch"]);
    assert_eq!(bench.beacon(EXPECTED), ["beacon mismatch"], "a mismatch sticks for this boot");
    assert_eq!(bench.record(1, 1), ["level 1"]);
    assert_eq!(bench.engine.counters().alarms, 1);
    assert_eq!(bench.engine.diodes()[0].check, ImageCheck::Mismatch);
}

#[test]
fn on_mismatch_refuse_lets_records_wait_for_the_match() {
    let mut bench = Bench::new(Some(EXPECTED), OnMismatch::Refuse, 100);
    bench.announce(1, "level");
    assert_eq!(bench.record(1, 0), NOTHING);
    assert_eq!(bench.gap(1, 1, 1), NOTHING);
    assert_eq!(bench.engine.diodes()[0].check, ImageCheck::Unknown);
    assert_eq!(bench.beacon(EXPECTED), ["check match", "level 0", "level gap 1-1", "beacon match"]);
    assert_eq!(bench.record(1, 2), ["level 2"]);
}

#[test]
fn on_mismatch_refuse_passes_nothing_of_another_image_and_counts_it() {
    let mut bench = Bench::new(Some(EXPECTED), OnMismatch::Refuse, 100);
    bench.announce(1, "level");
    bench.record(1, 0);
    assert_eq!(bench.beacon([1; 32]), ["check mismatch", "alarm refused=true", "beacon mismatch"]);
    assert_eq!(bench.record(1, 1), NOTHING);
    assert_eq!(bench.beacon(EXPECTED), ["beacon mismatch"]);
    assert_eq!(bench.record(1, 2), NOTHING);
    assert_eq!(bench.close(), NOTHING);
    let counters = bench.engine.counters();
    assert_eq!((counters.records_passed, counters.records_refused_mismatch), (0, 3));
}

#[test]
fn a_box_that_changes_its_image_within_a_boot_is_refused_with_what_still_waits() {
    let mut bench = Bench::new(Some(EXPECTED), OnMismatch::Refuse, 100);
    assert_eq!(bench.beacon(EXPECTED), ["check match", "beacon match"]);
    assert_eq!(bench.record(1, 0), NOTHING, "waits for its name");
    assert_eq!(bench.beacon([1; 32]), ["check mismatch", "alarm refused=true", "beacon mismatch"]);
    assert_eq!(bench.announce(1, "level"), NOTHING);
    assert_eq!(bench.close(), NOTHING);
    assert_eq!(bench.engine.counters().records_refused_mismatch, 1);
}

#[test]
fn what_finds_no_room_before_the_check_becomes_a_gap_in_its_place() {
    let mut bench = Bench::new(Some(EXPECTED), OnMismatch::Refuse, 2);
    bench.announce(1, "one");
    bench.announce(2, "two");
    for sequence in 0..4 {
        bench.record(1, sequence);
    }
    bench.gap(1, 4, 6);
    bench.record(2, 0);
    assert_eq!(
        bench.beacon(EXPECTED),
        ["check match", "one 0", "one 1", "one gap 2-6", "two gap 0-0", "beacon match"]
    );
    assert_eq!(bench.record(1, 7), ["one 7"]);
    assert_eq!(bench.engine.counters().records_dropped_waiting, 3);
}

#[test]
fn a_boot_that_ends_without_a_beacon_is_accounted_for() {
    let mut bench = Bench::new(Some(EXPECTED), OnMismatch::Refuse, 100);
    bench.announce(1, "level");
    bench.record(1, 0);
    assert_eq!(bench.take(EventKind::Ended), NOTHING);
    assert_eq!(bench.engine.counters().records_refused_unknown, 1);
}

#[test]
fn a_box_that_is_not_attested_raises_one_alarm_and_its_records_pass() {
    let mut bench = Bench::new(None, OnMismatch::Alarm, 10);
    let diode = bench.engine.diodes.get_mut(&DIODE).expect("it is configured");
    diode.attestation = Some(Expected { key: [1; 32], registers: [None; 6] });
    let first = bench.beacon(EXPECTED);
    assert_eq!(first[first.len() - 2..], ["attestation mismatch", "alarm attestation"]);
    assert!(!bench.beacon(EXPECTED).iter().any(|item| item.contains("attestation")));
    assert_eq!(bench.engine.counters().alarms, 1);
    assert_eq!(bench.engine.diodes()[0].attestation.check.word(), "mismatch");
    bench.announce(0, "level");
    assert!(!bench.record(0, 0).is_empty());
}

#[test]
fn an_older_boot_that_is_not_heard_any_more_raises_no_alarm_of_a_late_quote() {
    let mut bench = Bench::new(None, OnMismatch::Alarm, 10);
    let diode = bench.engine.diodes.get_mut(&DIODE).expect("it is configured");
    diode.attestation = Some(Expected { key: [1; 32], registers: [None; 6] });
    let pending = || {
        let attestation = noreturn_wire::Attestation::Pending;
        EventKind::Beacon(Box::new(Beacon { attestation, ..Beacon::default() }))
    };
    bench.take(pending());
    let newer = BootId([2; 16]);
    let mut out = Vec::new();
    for kind in [EventKind::Started, pending()] {
        bench.engine.handle_event(Event { diode: DIODE, boot: newer, kind }, 1_000_000, &mut out);
    }
    let mut late_at = |now_us| {
        let mut out = Vec::new();
        bench.engine.handle_timeout(now_us, &mut out);
        out.iter()
            .filter_map(|item| match item {
                Item::AttestationAlarm(origin, _) => Some(origin.boot),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(late_at(120_000_000), [], "of the older boot");
    assert_eq!(late_at(121_000_000), [newer]);
}

#[test]
fn an_older_image_than_before_raises_one_alarm_a_boot() {
    let mut bench = Bench::new(None, OnMismatch::Alarm, 100);
    assert_eq!(bench.version(2, 7), ["version 7"]);
    assert_eq!(bench.version(2, 7), NOTHING, "the same beacon again");
    assert_eq!(bench.version(3, 7), ["version 7"]);
    assert_eq!(bench.version(4, 6), ["version 6", "alarm version at least 7"]);
    assert_eq!(bench.version(5, 8), ["version 8"]);
    assert_eq!(bench.version(6, 0), ["version 0", "alarm version at least 8"], "one that does not count");
    assert_eq!(bench.version(6, 8), ["version 8"], "a box that changes its mind within a boot");
    assert_eq!(bench.engine.counters().alarms, 2);
}
