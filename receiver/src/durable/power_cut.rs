//! Power cuts at any moment, with everything between the protocol and the disk: what the marks then say was delivered is
//! in the file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use noreturn_link::receiver::Lane;
use noreturn_link::{DiodeKey, Receiver, ReceiverConfig, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{
    Announce, BootId, Class, DiodeId, Heads, Message, Quality, Record, SourceId, TimeQuality, Value,
};
use tokio::sync::mpsc;

use super::keeper::Synchronisation;
use super::*;
use crate::config::JsonLinesConfig;
use crate::counters::SharedCounters;
use crate::disk::model::{ModelDisk, Remains};
use crate::engine::{Engine, tests};
use crate::json::Lost;
use crate::sinks::json_lines::Lines;
use crate::sinks::{Debt, Input, Outlet};

const DIODE: DiodeId = tests::DIODE;
const KEY: DiodeKey = DiodeKey([3; 32]);
const SOURCES: usize = 4;
const FILE: &str = "records.jsonl";
const TICK_US: u64 = 20_000;

/// The daemon without its socket, threads and clock.
struct Daemon {
    sender: Sender,
    next: [u64; SOURCES],
    receiver: Receiver,
    engine: Engine,
    outlet: Outlet,
    inputs: mpsc::Receiver<Input>,
    lines: Lines,
    keeper: Keeper,
    synchronisation: Option<Synchronisation>,
    now_us: u64,
    chance: u64,
}

impl Daemon {
    fn new(disk: &ModelDisk, folder: &Path, seed: u64) -> Self {
        let shared: Arc<SharedCounters> = Arc::default();
        let on_disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let (durable, marks) = Durable::open_on(on_disk.clone(), folder).unwrap();
        assert_eq!(marks, []);
        let (outlet, inputs) =
            Outlet::new("json_lines", shared.clone(), |shared| &shared.json_lines_dropped_queue);
        let synchronised = Arc::new(AtomicU64::new(0));
        let config = JsonLinesConfig { path: Some(FILE.into()), beacons: false };
        let mut sender = SenderConfig::new(DIODE, 12_500_000);
        sender.telemetry.blocks.latency_us_max = 1000;
        Self {
            sender: Sender::new(&sender, BootId([1; 16]), &KEY),
            next: [0; SOURCES],
            receiver: Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)]),
            engine: tests::engine(),
            outlet: outlet.tracked(synchronised.clone()),
            inputs,
            lines: Lines::open(on_disk, &config, synchronised, shared.clone()).unwrap(),
            keeper: Keeper::new(durable, shared),
            synchronisation: None,
            now_us: 0,
            chance: seed,
        }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn push(&mut self, message: &Message<'_>) {
        let sending = Sending { class: Class::Telemetry, kept: message.is_kept() };
        let mut buffer = [0; FRAME_BYTES_MAX];
        self.sender.push(sending, message.encode(&mut buffer).unwrap()).unwrap();
    }

    /// One turn of the daemon's loop; in between its threads do what chance lets them.
    fn turn(&mut self, turn: u64) {
        self.now_us += TICK_US;
        self.speak(turn);
        self.receiver.handle_timeout(self.now_us);
        let mut items = Vec::new();
        while let Some(event) = self.receiver.poll_event() {
            self.engine.handle_event(event, self.now_us, &mut items);
        }
        if !items.is_empty() {
            self.outlet.send(&items.into());
        }
        let (objects, sinks) = (Debt::new(0, Arc::default()), self.outlet.debt().into_iter().collect());
        self.keeper.handle_timeout(&mut self.receiver, self.engine.is_settled(), objects, sinks);
        if turn.is_multiple_of(10) {
            self.outlet.synchronise();
            if let Some(synchronisation) = self.keeper.synchronise() {
                self.synchronisation = Some(synchronisation);
            }
        }
        if self.draw(3) == 0
            && let Some(synchronisation) = self.synchronisation.take()
        {
            synchronisation.run();
        }
        for _ in 0..self.draw(4) {
            let Ok(input) = self.inputs.try_recv() else { break };
            self.lines.take(&input);
        }
        if self.draw(2) == 0 {
            self.lines.flush();
        }
    }

    /// The box says something, and one frame in eight is lost.
    fn speak(&mut self, turn: u64) {
        for source in 0..SOURCES {
            let number = SourceId(source as u32);
            if turn.is_multiple_of(20) {
                self.push(&Message::Announce(Announce { source: number, name: "level", unit: "m" }));
            }
            let (quality, value) = (Quality::Good, Value::U64(self.next[source]));
            let (sequence, time_quality) = (self.next[source], TimeQuality::NONE);
            let record = Record { source: number, sequence, acquired_us: 0, time_quality, quality, value };
            self.push(&Message::Record(record));
            self.next[source] += 1;
        }
        self.push(&Message::Heads(Heads { first: SourceId(0), next: self.next.into_iter().collect() }));
        let mut buffer = [0; FRAME_BYTES_MAX];
        while let Some(length) = self.sender.poll_transmit(self.now_us, &mut buffer) {
            if self.draw(8) > 0 {
                self.receiver.handle_datagram(&buffer[..length], self.now_us).unwrap();
            }
        }
    }
}

/// A receiver opens what a power cut has left, every record that its marks say was delivered is a line, and what it writes now is one, too;
/// how many records they say.
fn check(remains: &Remains, folder: &Path, what: &str) -> u64 {
    let disk = ModelDisk::holding(remains);
    let marks = open_again(&disk, folder, what);
    assert_eq!(open_again(&disk, folder, what), marks, "{what}: it opens what it has mended");
    let lines = disk.contents(Path::new(FILE));
    let lines = lines.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let lines: Vec<_> =
        lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok()).collect();
    assert!(lines.iter().filter(|line| line["kind"] == "dropped").count() >= 2, "{what}: no new lines");
    let records: BTreeSet<(u64, u64)> = lines
        .iter()
        .filter(|line| line["kind"] == "record")
        .map(|line| (line["source"].as_u64().unwrap(), line["sequence"].as_u64().unwrap()))
        .collect();
    let mut delivered = 0;
    for number in 0..SOURCES as u64 {
        let (mut end, mut missing) = (0, Vec::new());
        for mark in &marks {
            match mark {
                Mark::Next { lane: Lane::Source(source), next, .. } if u64::from(source.0) == number => {
                    end = *next;
                }
                Mark::Missing { lane: Lane::Source(source), ranges, .. } if u64::from(source.0) == number => {
                    missing.clone_from(ranges);
                }
                _ => {}
            }
        }
        for sequence in
            (0..end).filter(|at| !missing.iter().any(|(first, last)| (first..=last).contains(&at)))
        {
            assert!(
                records.contains(&(number, sequence)),
                "{what}: {sequence} of source {number} is not there"
            );
            delivered += 1;
        }
    }
    delivered
}

/// Opens both files as the daemon does at its start, writes a line, and returns what was remembered.
fn open_again(disk: &ModelDisk, folder: &Path, what: &str) -> Vec<Mark> {
    let on_disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (durable, marks) =
        Durable::open_on(on_disk.clone(), folder).unwrap_or_else(|error| panic!("{what}: {error:#}"));
    drop(durable);
    let config = JsonLinesConfig { path: Some(FILE.into()), beacons: false };
    let lines = Lines::open(on_disk, &config, Arc::default(), Arc::default());
    let mut lines = lines.unwrap_or_else(|error| panic!("{what}: {error:#}"));
    lines.take(&Input::Lost(Lost { records: 1, ..Lost::default() }));
    lines.flush();
    marks
}

fn run(disk: &ModelDisk, folder: &Path, seed: u64) -> u64 {
    let mut daemon = Daemon::new(disk, folder, seed);
    (0..200).for_each(|turn| daemon.turn(turn));
    disk.operations()
}

#[test]
fn what_the_marks_say_was_delivered_is_in_the_file_wherever_the_power_goes() {
    let mut delivered = 0;
    for seed in 0..50 {
        let folder = tempfile::tempdir().unwrap();
        let operations = run(&ModelDisk::default(), folder.path(), seed);
        for part in 0..4 {
            let power_cut_at = 1 + (operations - 1) * part / 4 + seed % (operations / 4);
            let disk = ModelDisk::with_power_cut(power_cut_at, seed ^ part);
            run(&disk, folder.path(), seed);
            delivered += check(&disk.remains(), folder.path(), &format!("seed {seed}, at {power_cut_at}"));
        }
    }
    assert!(delivered > 10_000, "the marks say that {delivered} were delivered: too few to find anything");
}

#[test]
fn after_a_synchronisation_that_failed_the_marks_say_no_more_than_is_in_the_file() {
    for seed in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        // The first is that of the empty log: without it there is no start.
        let failing = 1 + seed % 24;
        let run = |disk: ModelDisk| {
            disk.fail_synchronisation(failing);
            let operations = run(&disk, folder.path(), seed);
            (disk, operations)
        };
        let (disk, operations) = run(ModelDisk::default());
        check(&disk.remains(), folder.path(), &format!("seed {seed}"));
        let power_cut_at = 1 + (operations - 1) * (seed % 16) / 16 + seed % (operations / 16);
        let (disk, _) = run(ModelDisk::with_power_cut(power_cut_at, seed));
        check(&disk.remains(), folder.path(), &format!("seed {seed}, at {power_cut_at}"));
    }
}
