//! The real daemon, and a diode made of the real sender, over loopback.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

pub mod broker;

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use noreturn_fec::Geometry;
use noreturn_link::{DiodeKey, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{
    Announce, Beacon, BootId, CardModel, Class, ClockState, DiodeId, DmaFence, Fault, FloorMemory, Heads,
    LastStop, Message, OutsideCard, Quality, Record, Release, SourceId, TimeQuality, TimeSource, Value,
    Watchdog,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use tempfile::TempDir;

pub const DIODE: DiodeId = DiodeId(7);
pub const KEY: DiodeKey = DiodeKey([0x42; 32]);
pub const IMAGE: [u8; 32] = [0xab; 32];
/// Long enough for the busiest machine; only a failure waits for it.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Frames sent before the daemon is asked how far it is: they fit in the smallest usual receive buffer.
const FRAMES_PER_BURST: usize = 64;

/// A child process that ends with the test, and the lines of its standard error.
pub struct Process {
    pub child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for a line; lines are looked at once only.
    pub fn wait_for(&mut self, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(what) {
                        return line;
                    }
                }
                Err(error) => panic!("no {what:?} ({error}) in:\n{}", self.seen.join("\n")),
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end: its status, and everything that it said.
    pub fn end(&mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
        (status, std::mem::take(&mut self.seen))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running daemon.
pub struct Daemon {
    pub process: Process,
    pub address: String,
    folder: TempDir,
}

/// What a daemon left behind.
pub struct Remains {
    pub summary: Json,
    pub lines: Vec<Json>,
    pub log: Vec<String>,
}

/// A folder with a key file and a configuration that `diode_keys` and `rest` are put into.
pub fn folder(diode_keys: &str, rest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("diode.key"), "42".repeat(32)).unwrap();
    // However long a busy machine takes for a test, unless silence is what it is about.
    let silence = if diode_keys.contains("silent_after_ms") { "" } else { "silent_after_ms = 604800000\n" };
    let config = format!(
        "listen = \"127.0.0.1:0\"\n[[diode]]\nid = 7\nname = \"east\"\nkey_file = \"diode.key\"\n{silence}{diode_keys}\n{rest}\n"
    );
    std::fs::write(folder.path().join("receiver.toml"), config).unwrap();
    folder
}

pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diode-receiver"));
    command.arg("--config").arg(folder.join("receiver.toml"));
    command
}

pub const JSON_LINES: &str = "[json_lines]\npath = \"records.jsonl\"\n";

impl Daemon {
    pub fn start(diode_keys: &str, rest: &str) -> Self {
        Self::start_with(diode_keys, rest, |_| {})
    }

    pub fn start_with(diode_keys: &str, rest: &str, arguments: impl FnOnce(&mut Command)) -> Self {
        Self::start_in(folder(diode_keys, rest), arguments)
    }

    /// Starts in a folder that an earlier daemon may have used.
    pub fn start_in(folder: TempDir, arguments: impl FnOnce(&mut Command)) -> Self {
        let mut command = command(folder.path());
        command.arg("--summary").arg(folder.path().join("summary.json"));
        arguments(&mut command);
        let mut process = Process::start(&mut command);
        let line = process.wait_for("listening on ");
        let address = line.split("listening on ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        Self { process, address, folder }
    }

    /// Where it runs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command that starts another in the same folder.
    pub fn command(&self) -> Command {
        command(self.folder.path())
    }

    /// The status, as the daemon prints it when asked.
    pub fn status(&mut self) -> Json {
        self.process.signal(Signal::USR1);
        serde_json::from_str(&self.process.wait_for("{\"listen\":")).unwrap()
    }

    /// Asks for the status until it is as wanted.
    pub fn wait_until(&mut self, wanted: impl Fn(&Json) -> bool) -> Json {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {status}");
        }
    }

    /// Sends datagrams no faster than they are read; all have been read when this returns.
    pub fn send(&mut self, datagrams: &[Vec<u8>]) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut read = self.status()["counters"]["datagrams"].as_u64().unwrap();
        for burst in datagrams.chunks(FRAMES_PER_BURST) {
            for datagram in burst {
                assert_eq!(socket.send_to(datagram, &self.address).unwrap(), datagram.len());
            }
            read += burst.len() as u64;
            self.wait_until(|status| status["counters"]["datagrams"].as_u64() >= Some(read));
        }
    }

    /// Waits until everything that it has read would be known after a crash; then crashes it.
    pub fn kill(mut self) -> TempDir {
        let counter = |status: &Json, name: &str| status["counters"][name].as_u64().unwrap();
        self.wait_until(|status| counter(status, "datagrams_remembered") == counter(status, "datagrams"));
        self.kill_at_once()
    }

    /// Crashes it.
    pub fn kill_at_once(mut self) -> TempDir {
        self.process.signal(Signal::KILL);
        let (status, _) = self.process.end();
        assert!(!status.success());
        self.folder
    }

    /// Ends the daemon by `signal` and collects what it wrote.
    pub fn stop(self, signal: Signal) -> Remains {
        self.stop_and_keep(signal).0
    }

    /// The same, and the folder for the next one.
    pub fn stop_and_keep(mut self, signal: Signal) -> (Remains, TempDir) {
        self.process.signal(signal);
        let (status, log) = self.process.end();
        assert!(status.success(), "{status}:\n{}", log.join("\n"));
        let summary = std::fs::read_to_string(self.folder.path().join("summary.json")).unwrap();
        assert_eq!(log.last().map(String::as_str), Some(summary.trim_end()), "the last line is the summary");
        let lines = std::fs::read_to_string(self.folder.path().join("records.jsonl")).unwrap_or_default();
        let remains = Remains {
            summary: serde_json::from_str(&summary).unwrap(),
            lines: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            log,
        };
        (remains, self.folder)
    }
}

impl Remains {
    pub fn of_kind(&self, kind: &str) -> Vec<&Json> {
        self.lines.iter().filter(|line| line["kind"] == kind).collect()
    }
}

/// The sending side on virtual time.
pub struct Diode {
    pub sender: Sender,
    pub sources: Vec<(String, String)>,
    /// Everything pushed, by source.
    pub sent: Vec<Vec<Record>>,
    now_us: u64,
}

impl Diode {
    pub fn new(boot: u8, names: &[(&str, &str)]) -> Self {
        Self::with(&config(), boot, names)
    }

    pub fn with(config: &SenderConfig, boot: u8, names: &[(&str, &str)]) -> Self {
        let sources = names.iter().map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned())).collect();
        let sender = Sender::new(config, BootId([boot; 16]), &KEY);
        Self { sender, sources, sent: vec![Vec::new(); names.len()], now_us: 0 }
    }

    /// Names of all sources.
    pub fn announce(&mut self) {
        for (number, (name, unit)) in (0..).zip(self.sources.clone()) {
            self.push(&Message::Announce(Announce { source: SourceId(number), name: &name, unit: &unit }));
        }
    }

    /// The next record of a source; values of every kind, each telling where it belongs.
    pub fn record(&mut self, source: usize) {
        let sequence = self.sent[source].len() as u64;
        let scaled = sequence as f64 / 3.0 - source as f64;
        let (quality, value) = match sequence % 6 {
            0 => (Quality::Good, Value::F64(scaled)),
            1 => (Quality::Good, Value::U64(u64::MAX - sequence)),
            2 => (Quality::Good, Value::I64(i64::MIN + sequence as i64)),
            3 => (Quality::Good, Value::Bool(source.is_multiple_of(2))),
            4 => (Quality::Bad(Fault::Exception(4)), Value::None),
            _ => (Quality::Bad(Fault::ReplyTimeout), Value::None),
        };
        let acquired_us = 1_795_395_723_000_000 + sequence * 1_001;
        let time_quality = TimeQuality::from_byte(sequence as u8);
        let source_id = SourceId(source as u32);
        let record = Record { source: source_id, sequence, acquired_us, time_quality, quality, value };
        self.sent[source].push(record);
        self.push(&Message::Record(record));
    }

    /// How far every source has counted.
    pub fn heads(&mut self) {
        let next = self.sent.iter().map(|records| records.len() as u64).collect();
        self.push(&Message::Heads(Heads { first: SourceId(0), next }));
    }

    pub fn beacon(&mut self, image_sha256: [u8; 32]) {
        self.sender.set_beacon(&Beacon {
            image_sha256,
            config_sha256: [0xcd; 32],
            site_sha256: [0x33; 32],
            cards_pinned: true,
            reset_count: Some(300),
            release: Release { version: 7, floor: 6, memory: FloorMemory::Kept(6) },
            uptime_us: self.now_us,
            clock_us: 1_795_395_723_000_000,
            outside: OutsideCard {
                model: CardModel::VirtioNet,
                link_up: true,
                firmware_left_receiver_on: false,
                firmware_frames_received: Some(3),
            },
            last_stop: LastStop::Stalled,
            watchdog: Watchdog::I6300esb,
            dma_fence: DmaFence::Active,
            clock: ClockState { source: TimeSource::Sntp, uncertainty_us: Some(1500), steps: 2 },
            ..Beacon::default()
        });
    }

    /// All frames that are due once the open block's deadline has passed.
    pub fn frames(&mut self) -> Vec<Vec<u8>> {
        let mut frames = self.frames_now();
        self.now_us += 1_000_000;
        frames.extend(self.frames_now());
        frames
    }

    /// The frames that are due within a millisecond.
    pub fn frames_at_once(&mut self) -> Vec<Vec<u8>> {
        self.frames_now()
    }

    /// The frames of so many microseconds in which nothing is said but how far everything has counted.
    pub fn frames_during(&mut self, duration_us: u64) -> Vec<Vec<u8>> {
        let end_us = self.now_us + duration_us;
        let mut frames = Vec::new();
        while self.now_us < end_us {
            self.heads();
            frames.extend(self.frames_now());
            self.now_us += 20_000;
        }
        frames
    }

    fn frames_now(&mut self) -> Vec<Vec<u8>> {
        self.now_us += 1000;
        let mut buffer = [0; FRAME_BYTES_MAX];
        std::iter::from_fn(|| {
            self.sender.poll_transmit(self.now_us, &mut buffer).map(|length| buffer[..length].to_vec())
        })
        .collect()
    }

    /// Any message.
    pub fn push(&mut self, message: &Message<'_>) {
        let mut buffer = [0; FRAME_BYTES_MAX];
        let sending = Sending { class: Class::Telemetry, kept: message.is_kept() };
        self.sender.push(sending, message.encode(&mut buffer).unwrap()).unwrap();
    }
}

/// As fast as possible, blocks one after the other, and no history.
pub fn config() -> SenderConfig {
    let mut config = SenderConfig::new(DIODE, u64::MAX / 2_000_000);
    config.burst_bytes = 1 << 40;
    config.history.share_per_mille = 0;
    let blocks = &mut config.telemetry.blocks;
    blocks.geometry = Geometry::new(10, 4).unwrap();
    (blocks.parity_min, blocks.span_us, blocks.blocks_max) = (1, 0, 1);
    config
}

/// What JSON should hold of a record's value.
pub fn json_value(value: Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(value) => value.into(),
        Value::I64(value) => value.into(),
        Value::U64(value) => value.into(),
        Value::F64(value) => value.into(),
    }
}

/// What JSON should hold of a record's quality.
pub fn json_quality(quality: Quality) -> String {
    match quality {
        Quality::Good => "good".to_owned(),
        Quality::Bad(fault) => fault.to_string(),
    }
}

/// Checks everything that both sinks tell of a record.
#[track_caller]
pub fn assert_is_record(json: &Json, record: &Record, unit: &str) {
    assert_eq!(json["sequence"].as_u64(), Some(record.sequence), "{json}");
    assert_eq!(json["acquired_us"].as_u64(), Some(record.acquired_us), "{json}");
    assert_eq!(json["time_source"], record.time_quality.source().name(), "{json}");
    assert_eq!(json["time_uncertainty_us"].as_u64(), record.time_quality.uncertainty_us(), "{json}");
    assert_eq!(json["quality"], json_quality(record.quality), "{json}");
    assert_eq!(json["value"], json_value(record.value), "{json}");
    assert_eq!(json["unit"], unit, "{json}");
}
