//! The real daemon: files and streams, over a lossy way, from hostile boxes, over a restart.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::time::Instant;

use common::{Daemon, Diode, IMAGE, JSON_LINES, PATIENCE, config, folder};
use noreturn_link::SenderConfig;
use noreturn_wire::{Bytes, FileId, FilePart, FileStep, Message, StreamId, StreamPart, StreamStep};
use rustix::process::Signal;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const OBJECTS: &str = "[files]\ndirectory = \"in\"\n[streams]\ndirectory = \"streams\"\n";
const NAMES: [(&str, &str); 1] = [("plc-1/level", "m")];
const PART_BYTES: usize = 1300;

/// A folder for a daemon that remembers.
fn with_state(diode_keys: &str) -> TempDir {
    let folder = folder(diode_keys, &format!("{JSON_LINES}{OBJECTS}"));
    let path = folder.path().join("receiver.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, format!("state_directory = \"state\"\n{text}")).unwrap();
    folder
}

/// A sender that sends everything again every two seconds of its time.
fn with_history() -> SenderConfig {
    let mut config = config();
    (config.history.share_per_mille, config.history.interval_us) = (500, 2_000_000);
    config
}

fn contents(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * at / 7) as u8).collect()
}

fn say_file(diode: &mut Diode, file: u32, step: FileStep<'_>) {
    diode.push(&Message::File(FilePart { file: FileId(file), step }));
}

fn about(diode: &mut Diode, file: u32, name: &str, bytes: &[u8]) {
    let sha256 = Sha256::digest(bytes).into();
    say_file(diode, file, FileStep::About { name, length: bytes.len() as u64, sha256 });
}

/// A whole file, as frames.
fn file(diode: &mut Diode, number: u32, name: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    about(diode, number, name, bytes);
    let mut frames = diode.frames_at_once();
    for (at, part) in bytes.chunks(PART_BYTES).enumerate() {
        let offset = (at * PART_BYTES) as u64;
        say_file(diode, number, FileStep::Data { offset, bytes: Bytes(part) });
        frames.extend(diode.frames_at_once());
    }
    frames.extend(diode.frames());
    frames
}

fn step(diode: &mut Diode, sequence: u64, step: StreamStep<'_>) -> Vec<Vec<u8>> {
    diode.push(&Message::Stream(StreamPart { stream: StreamId(5), sequence, step }));
    diode.frames_at_once()
}

/// Steps of stream 5: opened, so many parts of `bytes`, and closed; the frames of each step, without parity.
fn stream(diode: &mut Diode, bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut steps = vec![step(diode, 0, StreamStep::Open("10.0.0.7:502 \u{1b}[2J"))];
    for (at, part) in (0..).zip(bytes.chunks(PART_BYTES)) {
        let offset = at * PART_BYTES as u64;
        steps.push(step(diode, 1 + at, StreamStep::Data { offset, bytes: Bytes(part) }));
    }
    let (last, length) = (steps.len() as u64, bytes.len() as u64);
    steps.push(step(diode, last, StreamStep::Close(length)));
    steps
}

/// Every file below a folder but the lock, by its path from there, in order.
fn tree(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    let mut names: Vec<_> =
        found.iter().map(|path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// State, and why or whether whole, of every line of a kind.
fn states(lines: &[&Json]) -> Vec<String> {
    let word = |line: &Json| match (&line["why"], &line["whole"]) {
        (Json::String(why), _) => format!("{} {why}", line["state"].as_str().unwrap()),
        (_, Json::Bool(whole)) => format!("{} {whole}", line["state"].as_str().unwrap()),
        _ => line["state"].as_str().unwrap().to_owned(),
    };
    lines.iter().map(|line| word(line)).collect()
}

#[test]
fn a_file_arrives_verified_although_one_frame_in_twenty_is_lost() {
    let mut state = 11_u64;
    let mut is_lost = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33 < (1 << 31) / 20
    };
    let mut diode = Diode::with(&with_history(), 1, &NAMES);
    let mut daemon = Daemon::start("", &format!("{JSON_LINES}{OBJECTS}"));
    let bytes = contents(200_000);
    let sent = file(&mut diode, 3, "trend 2026.csv", &bytes);
    let (first, second) = sent.split_at(sent.len() / 2);
    daemon.send(first);
    let is_partial = |name: &String| name.starts_with("east/.");
    assert!(tree(&daemon.folder().join("in")).iter().all(is_partial), "nothing is there before all is there");
    let mut rest = second.to_vec();
    rest.extend(diode.frames_during(4_500_000));
    rest.retain(|_| !is_lost());
    daemon.send(&rest);
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    let lines = remains.of_kind("file");
    assert_eq!(states(&lines), ["completed"]);
    assert_eq!((lines[0]["file"].as_u64(), lines[0]["name"].as_str()), (Some(3), Some("trend 2026.csv")));
    assert_eq!(lines[0]["bytes"].as_u64(), Some(200_000));
    let path = folder.path().join("in/east/trend 2026.csv");
    assert_eq!(lines[0]["path"].as_str(), path.to_str());
    assert_eq!(std::fs::read(path).unwrap(), bytes);
    assert_eq!(tree(&folder.path().join("in")), ["east/trend 2026.csv"]);
    assert_eq!(remains.summary["counters"]["files_written"], 1);
}

#[test]
fn hostile_names_stay_inside_and_nothing_is_overwritten() {
    let folder = folder("", &format!("{JSON_LINES}{OBJECTS}"));
    std::fs::create_dir_all(folder.path().join("in/east")).unwrap();
    std::fs::write(folder.path().join("in/east/report.csv"), "mine").unwrap();
    let mut daemon = Daemon::start_in(folder, |_| {});
    let mut diode = Diode::new(1, &NAMES);
    let long = "l".repeat(255);
    let names =
        ["../../escape", "/etc/shadow", "..", "", ".hidden", "-rf", "a\nb\u{1b}[2J", &long, "report.csv"];
    for (number, name) in (0..).zip(names) {
        let frames = file(&mut diode, number, name, name.as_bytes());
        daemon.send(&frames);
    }
    // The same again, and the same with other bytes than its SHA-256 promises.
    let again = file(&mut diode, 20, "report.csv", b"again");
    daemon.send(&again);
    let mut digest: [u8; 32] = Sha256::digest(b"right").into();
    digest[31] ^= 1;
    say_file(&mut diode, 21, FileStep::About { name: "wrong", length: 5, sha256: digest });
    say_file(&mut diode, 21, FileStep::Data { offset: 0, bytes: Bytes(b"right") });
    say_file(&mut diode, 22, FileStep::About { name: "given up", length: 5, sha256: digest });
    say_file(&mut diode, 22, FileStep::Abort);
    say_file(&mut diode, 23, FileStep::About { name: "huge", length: 1 << 40, sha256: digest });
    daemon.send(&diode.frames());
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    let boot = "01".repeat(16);
    let digits: String = Sha256::digest(&long)[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut expected = [
        format!("east/{}%-{digits}", "l".repeat(166)),
        "east/%".to_owned(),
        "east/%2E.".to_owned(),
        "east/%2Fetc%2Fshadow".to_owned(),
        "east/%2Ehidden".to_owned(),
        "east/%2Drf".to_owned(),
        "east/%2E.%2F..%2Fescape".to_owned(),
        "east/a%0Ab%1B%5B2J".to_owned(),
        "east/report.csv".to_owned(),
        format!("east/report.csv.{boot}-8"),
        format!("east/report.csv.{boot}-20"),
    ];
    expected.sort();
    assert_eq!(tree(&folder.path().join("in")), expected);
    let mut outside: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    outside.sort();
    assert_eq!(outside, ["diode.key", "in", "receiver.toml", "records.jsonl", "streams", "summary.json"]);
    let read = |name: String| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("in/east/report.csv".to_owned()), "mine");
    assert_eq!(read(format!("in/east/report.csv.{boot}-20")), "again");
    let lines = states(&remains.of_kind("file"));
    let (completed, others) = lines.split_at(10);
    assert!(completed.iter().all(|state| state == "completed"), "{lines:?}");
    assert_eq!(others, ["failed wrong-hash", "aborted", "failed too-large"]);
}

#[test]
fn a_stream_is_opened_filled_and_closed() {
    let mut daemon = Daemon::start("", &format!("{JSON_LINES}{OBJECTS}"));
    let mut diode = Diode::new(1, &NAMES);
    let bytes = contents(10_000);
    let steps = stream(&mut diode, &bytes);
    daemon.send(&steps[..3].concat());
    let path = format!("east/{}-5", "01".repeat(16));
    let part = daemon.folder().join(format!("streams/{path}.part"));
    // Its bytes come while it is open.
    wait_until(|| std::fs::metadata(&part).is_ok_and(|metadata| metadata.len() == 2 * PART_BYTES as u64));
    daemon.send(&steps[3..].concat());
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    let lines = remains.of_kind("stream");
    assert_eq!(states(&lines), ["opened", "closed true"]);
    assert_eq!(lines[1]["name"], "10.0.0.7:502 \u{1b}[2J");
    assert_eq!((lines[1]["stream"].as_u64(), lines[1]["bytes"].as_u64()), (Some(5), Some(10_000)));
    assert_eq!(tree(&folder.path().join("streams")), [format!("{path}.bin")]);
    assert_eq!(std::fs::read(folder.path().join(format!("streams/{path}.bin"))).unwrap(), bytes);
    assert_eq!(remains.summary["counters"]["streams_written"], 1);
}

/// A stream of which a step was lost, and its end; the history fills the hole, maybe in another run.
/// What is told of it.
fn hole_is_filled(restart: impl FnOnce(Daemon, &mut Diode) -> Daemon) -> Vec<String> {
    let mut daemon = Daemon::start_in(with_state(""), |_| {});
    let mut diode = Diode::with(&with_history(), 1, &NAMES);
    let bytes = contents(5 * PART_BYTES);
    let steps = stream(&mut diode, &bytes);
    // Parity is lost too, or it would bring them back.
    diode.frames();
    daemon.send(&[&steps[..2], &steps[4..]].concat().concat());
    daemon.wait_until(|status| status["counters"]["stream_gaps"] == 1);
    daemon = restart(daemon, &mut diode);
    daemon.send(&diode.frames_during(4_500_000));
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    let lines = remains.of_kind("stream");
    for gap in lines.iter().filter(|line| line["state"] == "gap") {
        assert_eq!((gap["first"].as_u64(), gap["last"].as_u64()), (Some(2), Some(3)));
    }
    let name = format!("east/{}-5.bin", "01".repeat(16));
    assert_eq!(tree(&folder.path().join("streams")), [name.as_str()]);
    assert_eq!(std::fs::read(folder.path().join("streams").join(name)).unwrap(), bytes);
    states(&lines)
}

#[test]
fn the_history_fills_a_hole_in_a_stream() {
    let states = hole_is_filled(|daemon, _| daemon);
    assert_eq!(states, ["opened", "gap", "closed false", "completed"]);
}

#[test]
fn the_history_fills_a_hole_in_a_stream_after_a_crash() {
    let states = hole_is_filled(|mut daemon, diode| {
        // With these it is known that the hole is remembered.
        diode.announce();
        daemon.send(&diode.frames_at_once());
        Daemon::start_in(daemon.kill(), |_| {})
    });
    assert_eq!(states, ["opened", "gap", "closed false", "completed"]);
}

#[test]
fn the_history_fills_a_hole_in_a_stream_after_a_crash_that_came_too_early_for_memory() {
    let states = hole_is_filled(|daemon, _| {
        // The end of the stream is written, but maybe not remembered.
        let end = daemon.folder().join(format!("streams/east/{}-5.end", "01".repeat(16)));
        wait_until(|| end.exists());
        Daemon::start_in(daemon.kill_at_once(), |_| {})
    });
    assert!(states.last().is_some_and(|state| state == "closed true" || state == "completed"), "{states:?}");
}

#[test]
fn a_file_that_was_not_complete_starts_again_after_a_crash() {
    let mut daemon = Daemon::start_in(with_state(""), |_| {});
    let mut diode = Diode::with(&with_history(), 1, &NAMES);
    let bytes = contents(50_000);
    let frames = file(&mut diode, 3, "trend", &bytes);
    daemon.send(&frames[..frames.len() / 2]);
    let mut daemon = Daemon::start_in(daemon.kill(), |_| {});
    assert_eq!(tree(&daemon.folder().join("in")), [""; 0], "what was begun is gone");
    let history = diode.frames_during(4_500_000);
    daemon.send(&history);
    let mut daemon = Daemon::start_in(daemon.kill(), |_| {});
    // A completed file is remembered: the history does not bring it again.
    daemon.send(&diode.frames_during(4_500_000));
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    assert_eq!(states(&remains.of_kind("file")), ["completed"]);
    assert_eq!(tree(&folder.path().join("in")), ["east/trend"]);
    assert_eq!(std::fs::read(folder.path().join("in/east/trend")).unwrap(), bytes);
}

fn file_and_stream(diode: &mut Diode) -> Vec<Vec<u8>> {
    let mut frames = file(diode, 3, "trend", &contents(5000));
    frames.extend(stream(diode, &contents(5000)).concat());
    frames
}

#[test]
fn nothing_is_written_of_a_boot_whose_image_is_refused() {
    let keys = format!("expected_image_sha256 = \"{}\"\non_mismatch = \"refuse\"\n", "01".repeat(32));
    let mut daemon = Daemon::start_in(with_state(&keys), |_| {});
    let mut diode = Diode::new(1, &NAMES);
    let before = file_and_stream(&mut diode);
    daemon.send(&before);
    assert_eq!(daemon.status()["counters"]["object_parts_passed"], 0, "they wait for the image check");
    diode.beacon(IMAGE);
    daemon.send(&diode.frames());
    let after = file(&mut diode, 4, "more", &contents(100));
    daemon.send(&after);
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    assert_eq!(tree(&folder.path().join("in")), [""; 0]);
    assert_eq!(tree(&folder.path().join("streams")), [""; 0]);
    assert!(remains.of_kind("file").is_empty() && remains.of_kind("stream").is_empty());
    // About, 4 parts and completed; opened, 4 parts and closed; about, 1 part and completed.
    assert_eq!(remains.summary["counters"]["object_parts_refused_mismatch"], 6 + 6 + 3);
}

#[test]
fn what_waited_for_the_image_check_is_written_with_the_first_beacon_that_matches() {
    let keys = format!("expected_image_sha256 = \"{}\"\non_mismatch = \"refuse\"\n", "ab".repeat(32));
    let mut daemon = Daemon::start_in(with_state(&keys), |_| {});
    let mut diode = Diode::new(1, &NAMES);
    let before = file_and_stream(&mut diode);
    daemon.send(&before);
    assert_eq!(daemon.status()["counters"]["object_parts_passed"], 0);
    diode.beacon(IMAGE);
    daemon.send(&diode.frames());
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    assert_eq!(states(&remains.of_kind("file")), ["completed"]);
    assert_eq!(states(&remains.of_kind("stream")), ["opened", "closed true"]);
    assert_eq!(std::fs::read(folder.path().join("in/east/trend")).unwrap(), contents(5000));
}

#[test]
fn a_directory_in_use_is_a_clear_error() {
    let running = Daemon::start("", "[files]\ndirectory = \"in\"\n");
    let second = running.command().output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(
        !second.status.success() && said.contains("files.directory") && said.contains("in use"),
        "{said}"
    );
}
