//! A box that has the key and says the least and the greatest numbers there are, through everything: protocol, engine, writer, outputs,
//! and a restart. Nothing stops, nothing wraps around, and what is told is what was said.

mod said;

use std::collections::BTreeSet;
use std::path::Path;

use noreturn_link::{DiodeKey, ReceiverConfig};
use noreturn_wire::DiodeId;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::Value as Json;
use tokio::sync::watch;

use super::*;
use crate::config::{JsonLinesConfig, MqttConfig};
use crate::disk::model::ModelDisk;
use crate::engine::tests;
use crate::objects;
use crate::sinks::Input;
use crate::sinks::json_lines::Lines;
use crate::sinks::mqtt::Mqtt;
use said::{Said, anything};

const DIODE: DiodeId = tests::DIODE;
const KEY: DiodeKey = DiodeKey([0x42; 32]);
const BOOTS: u8 = 3;
const FILE: &str = "records.jsonl";

/// The daemon without its socket and its clock, and what it was told.
struct Daemon {
    config: Config,
    receiver: Receiver,
    engine: Engine,
    objects: Option<Objects>,
    shared: Arc<SharedCounters>,
    disk: ModelDisk,
    lines: Lines,
    mqtt: Mqtt,
    now_us: u64,
    /// Next frame numbers by boot.
    frames: [u64; BOOTS as usize],
    /// Source, sequence number and time of the records that were said.
    records: BTreeSet<(u64, u64, u64)>,
    missing: u64,
}

impl Daemon {
    fn new(folder: &Path) -> Self {
        std::fs::write(folder.join("diode.key"), "42".repeat(32)).unwrap();
        let config = Config::parse(
            "listen = \"127.0.0.1:0\"\n[[diode]]\nid = 7\nname = \"east\"\nkey_file = \"diode.key\"\n\
             [mqtt]\nbroker = \"127.0.0.1:1\"\n[files]\ndirectory = \"in\"\nbytes_max = 4611686018427387904\n\
             [streams]\ndirectory = \"streams\"\nbytes_max = 4611686018427387904\n",
            "receiver.toml",
            folder,
        )
        .unwrap();
        let shared = Arc::new(SharedCounters::default());
        let (disk, status) = (ModelDisk::default(), watch::channel(Arc::default()).1);
        let file = JsonLinesConfig { path: Some(FILE.into()), beacons: true };
        let lines = Lines::open(Arc::new(disk.clone()), &file, Arc::default(), shared.clone()).unwrap();
        let mqtt: &MqttConfig = config.mqtt.as_ref().unwrap();
        Self {
            receiver: Receiver::new(Self::limits(), [(DIODE, KEY)]),
            engine: tests::engine(),
            objects: Some(objects::start(&config, &[], &shared).unwrap()),
            mqtt: Mqtt::new(mqtt.clone(), status, shared.clone()),
            config,
            shared,
            disk,
            lines,
            now_us: 0,
            frames: [0; BOOTS as usize],
            records: BTreeSet::new(),
            missing: 0,
        }
    }

    /// Room for few, so that what is given up is met, too.
    fn limits() -> ReceiverConfig {
        ReceiverConfig {
            sessions_per_diode_max: 2,
            gaps_max: 3,
            streams_max: 2,
            files_max: 2,
            held_records_max: 4,
            ..ReceiverConfig::default()
        }
    }

    fn handle(&mut self, said: Said) {
        match said {
            Said::Frame { boot, frame, content } => {
                let next = &mut self.frames[usize::from(boot)];
                let number = frame.unwrap_or(*next);
                *next = number.saturating_add(1);
                self.records.extend(content.records());
                let datagram = said::seal(boot, number, content);
                let unix_us = self.now_us;
                let now = Moment { us: self.now_us, unix_us };
                let mut items = Vec::new();
                // What contradicts what was said before is refused, and may be.
                let _ = take_datagram(&mut self.receiver, &mut self.engine, &datagram, now, &mut items);
                self.tell(items);
            }
            Said::Wait(us) => {
                self.now_us = self.now_us.saturating_add(us);
                let mut items = Vec::new();
                self.receiver.handle_timeout(self.now_us);
                drain(&mut self.receiver, &mut self.engine, self.now_us, &mut items);
                self.engine.handle_timeout(self.now_us, &mut items);
                self.tell(items);
            }
            Said::Restart => self.restart(),
        }
    }

    fn restart(&mut self) {
        self.end();
        let marks: Vec<Mark> =
            self.receiver.all_marks().map(|mark| Mark::decode(&mark.encode()).unwrap()).collect();
        self.receiver = Receiver::new(Self::limits(), [(DIODE, KEY)]);
        marks.iter().for_each(|mark| self.receiver.restore(mark, self.now_us));
        (self.engine, self.missing) = (tests::engine(), 0);
        self.objects = Some(objects::start(&self.config, &marks, &self.shared).unwrap());
    }

    /// As the daemon ends.
    fn end(&mut self) {
        let mut items = Vec::new();
        self.receiver.handle_timeout(u64::MAX);
        drain(&mut self.receiver, &mut self.engine, u64::MAX, &mut items);
        self.engine.close(&mut items);
        self.tell(items);
        let Some(mut objects) = self.objects.take() else { return };
        objects.outlet.close();
        let reports = std::iter::from_fn(|| objects.reports.blocking_recv()).collect();
        self.tell(reports);
        objects.thread.join().expect("the writer has not stopped");
    }

    fn tell(&mut self, mut items: Vec<Item>) {
        for object in self.engine.take_objects() {
            if let Some(objects) = &mut self.objects {
                objects.outlet.send(object);
                items.extend(objects.reports.try_recv().ok());
            }
        }
        items.iter().for_each(log_item);
        for item in &items {
            if let Item::Gap { first, last, .. } = item {
                self.missing = self.missing.saturating_add(last - first).saturating_add(1);
            }
        }
        let input = Input::Items(items.into());
        self.lines.take(&input);
        self.lines.flush();
        self.mqtt.take(&input);
    }

    /// Every line says what was said, and the counters fit.
    fn check(&self) -> TestCaseResult {
        let status = Status::default();
        let counters = self.receiver.counters();
        let status = status.with_counters(&counters, &self.engine, &self.shared, self.now_us);
        let read: Json = serde_json::from_str(&status.to_line()).unwrap();
        prop_assert_eq!(read["records_missing"].as_u64(), Some(self.missing));
        let text = String::from_utf8(self.disk.contents(Path::new(FILE))).unwrap();
        for line in text.lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let number = |key: &str| line[key].as_u64().unwrap_or_else(|| panic!("no {key} in {line}"));
            match line["kind"].as_str().unwrap() {
                "record" => {
                    let record = (number("source"), number("sequence"), number("acquired_us"));
                    prop_assert!(self.records.contains(&record), "never said: {}", line);
                    let acquired = rfc3339::format(record.2);
                    prop_assert_eq!(line["acquired"].as_str(), acquired.as_deref());
                }
                "gap" => prop_assert!(number("first") <= number("last"), "no gap: {}", line),
                _ => {}
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_number_that_a_box_says_stops_or_wraps_anything(said in prop::collection::vec(anything(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::new(folder.path());
        said.into_iter().for_each(|said| daemon.handle(said));
        daemon.end();
        daemon.check()?;
    }
}
