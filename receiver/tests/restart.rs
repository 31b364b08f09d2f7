//! The real daemon ended, killed and started again: nothing twice, nothing replayed, what was missed comes from history.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{Daemon, Diode, JSON_LINES, Remains, config, folder};
use noreturn_link::SenderConfig;
use rustix::process::Signal;
use serde_json::Value as Json;
use tempfile::TempDir;

const NAMES: [(&str, &str); 2] = [("plc-1/level", "m"), ("plc-1/pump", "")];

fn with_state(rest: &str) -> TempDir {
    let folder = folder("", &format!("{JSON_LINES}{rest}"));
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

/// Records of both sources, with what is said beside them, as frames.
fn say(diode: &mut Diode, records: usize) -> Vec<Vec<u8>> {
    diode.announce();
    diode.beacon([0xab; 32]);
    let mut frames = Vec::new();
    for number in 0..records {
        diode.record(number % 2);
        frames.extend(diode.frames_at_once());
    }
    diode.heads();
    frames.extend(diode.frames_at_once());
    frames
}

/// Source, sequence number and whether delayed, of every record line.
fn records(remains: &Remains) -> Vec<(u64, u64, bool)> {
    let number = |line: &Json, key: &str| line[key].as_u64().unwrap();
    remains
        .of_kind("record")
        .into_iter()
        .map(|line| (number(line, "source"), number(line, "sequence"), line["delayed"] == true))
        .collect()
}

#[test]
fn a_killed_daemon_delivers_nothing_twice_and_history_closes_what_it_missed() {
    let mut diode = Diode::with(&with_history(), 1, &NAMES);
    let mut first = Daemon::start_in(with_state(""), |_| {});
    let mut recorded = say(&mut diode, 200);
    first.send(&recorded);
    let folder = first.kill();
    // What is said while nobody listens.
    say(&mut diode, 200);
    let mut second = Daemon::start_in(folder, |_| {});
    second.send(&recorded);
    let refused = second.status()["refused"].as_u64();
    assert_eq!(refused, Some(recorded.len() as u64), "every frame of the recording is refused");
    let live = say(&mut diode, 200);
    second.send(&live);
    recorded.extend(live);
    second.wait_until(|status| status["gaps"].as_u64() >= Some(2));
    // Long enough for two passes.
    let history = diode.frames_during(4_500_000);
    second.send(&history);
    recorded.extend(history);
    let (remains, folder) = second.stop_and_keep(Signal::TERM);
    let delivered = records(&remains);
    let unique: BTreeSet<_> = delivered.iter().map(|&(source, sequence, _)| (source, sequence)).collect();
    assert_eq!(unique, (0..2).flat_map(|source| (0..300).map(move |n| (source, n))).collect());
    assert_eq!(delivered.len(), unique.len(), "a record was delivered twice");
    // Parity of the block in which the outage ended may have brought back its last records in time.
    let delayed: Vec<_> = delivered.iter().filter(|(_, _, delayed)| *delayed).collect();
    assert!(delayed.len() >= 190 && delayed.iter().all(|(_, sequence, _)| (100..200).contains(sequence)));
    let missing: u64 = remains
        .of_kind("gap")
        .iter()
        .map(|gap| gap["last"].as_u64().unwrap() + 1 - gap["first"].as_u64().unwrap())
        .sum();
    assert_eq!(missing, delayed.len() as u64, "each delayed record had been reported");
    assert_eq!(remains.summary["delayed"].as_u64(), Some(missing));

    let mut third = Daemon::start_in(folder, |_| {});
    third.send(&recorded);
    assert_eq!(third.status()["refused"].as_u64(), Some(recorded.len() as u64));
    assert_eq!(records(&third.stop(Signal::TERM)).len(), delivered.len(), "nothing was added");
}

#[test]
fn an_earlier_boot_stays_ended_after_a_restart() {
    let mut daemon = Daemon::start_in(with_state("[limits]\nboots_per_diode_max = 1\n"), |_| {});
    let earlier = say(&mut Diode::new(1, &NAMES), 20);
    daemon.send(&earlier);
    daemon.send(&say(&mut Diode::new(2, &NAMES), 20));
    daemon.send(&earlier);
    assert_eq!(daemon.status()["counters"]["refused_ended_boot"].as_u64(), Some(earlier.len() as u64));
    let (remains, folder) = daemon.stop_and_keep(Signal::TERM);
    assert_eq!(records(&remains).len(), 40);
    let mut again = Daemon::start_in(folder, |_| {});
    again.send(&earlier);
    let counters = again.status()["counters"].clone();
    assert_eq!(counters["refused_ended_boot"].as_u64(), Some(earlier.len() as u64), "{counters}");
    assert_eq!(records(&again.stop(Signal::TERM)).len(), 40);
}

#[test]
fn two_daemons_with_different_outages_end_with_the_same_records() {
    let mut diode = Diode::with(&with_history(), 3, &NAMES);
    let mut daemons = [(); 2].map(|()| Daemon::start_in(with_state(""), |_| {}));
    for (heard_by, extra) in
        [[true, true], [false, true], [true, false], [false, false], [true, true]].iter().zip(0..)
    {
        let frames = say(&mut diode, 60 + extra);
        for (daemon, _) in daemons.iter_mut().zip(heard_by).filter(|(_, hears)| **hears) {
            daemon.send(&frames);
        }
    }
    let history = diode.frames_during(4_500_000);
    let journals = daemons.map(|mut daemon| {
        daemon.send(&history);
        let remains = daemon.stop(Signal::TERM);
        let lines = records(&remains);
        let journal: BTreeSet<_> = lines.iter().map(|&(source, sequence, _)| (source, sequence)).collect();
        assert_eq!(journal.len(), lines.len(), "a record was delivered twice");
        journal
    });
    assert_eq!(journals[0].len(), 310);
    assert_eq!(journals[0], journals[1]);
}

#[test]
fn a_state_directory_in_use_and_a_damaged_log_are_clear_errors() {
    let running = Daemon::start_in(with_state(""), |_| {});
    let second = running.command().output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && said.contains("in use by another receiver"), "{said}");
    let (_, folder) = running.stop_and_keep(Signal::TERM);
    std::fs::write(folder.path().join("state/marks.log"), b"something else").unwrap();
    let broken = common::command(folder.path()).output().unwrap();
    let said = String::from_utf8(broken.stderr).unwrap();
    assert!(!broken.status.success(), "{said}");
    assert!(said.contains("is damaged at byte 0") && said.contains("move it away"), "{said}");
}

/// Lines of a file, each an object.
fn lines_of(path: &std::path::Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_file_that_is_rotated_under_load_has_every_line_once_in_one_of_the_files() {
    let mut daemon = Daemon::start_in(with_state(""), |_| {});
    let path = daemon.folder().join("records.jsonl");
    let mut diode = Diode::new(1, &NAMES);
    let mut lines = Vec::new();
    for rotation in 0..8 {
        daemon.wait_until(|_| path.exists());
        let frames = say(&mut diode, 200);
        let (first, second) = frames.split_at(frames.len() / 2);
        daemon.send(first);
        let rotated = daemon.folder().join(format!("rotated.{rotation}"));
        std::fs::rename(&path, &rotated).unwrap();
        if rotation % 2 == 0 {
            // As logrotate's `create` does.
            std::fs::File::create_new(&path).unwrap();
        }
        // Twice: once more is harmless.
        daemon.process.signal(Signal::HUP);
        daemon.process.signal(Signal::HUP);
        daemon.send(second);
    }
    daemon.wait_until(|_| path.exists());
    daemon.send(&say(&mut diode, 200));
    let folder = daemon.kill();
    for rotation in 0..8 {
        lines.extend(lines_of(&folder.path().join(format!("rotated.{rotation}"))));
    }
    assert!(!lines_of(&path).is_empty(), "the last file has the rest");
    lines.extend(lines_of(&path));
    let number = |line: &Json, key: &str| line[key].as_u64().unwrap();
    let records = lines.iter().filter(|line| line["kind"] == "record");
    let records: Vec<_> = records.map(|line| (number(line, "source"), number(line, "sequence"))).collect();
    let unique: BTreeSet<_> = records.iter().copied().collect();
    assert_eq!(records.len(), unique.len(), "a line is in two files");
    assert_eq!(unique, (0..2).flat_map(|source| (0..900).map(move |n| (source, n))).collect());
}

/// Also where there is no file that could be opened again, and as soon as the daemon is there.
#[test]
fn a_hangup_without_a_file_stops_nothing() {
    for output in ["", "[json_lines]\npath = \"-\"\n"] {
        let mut daemon = Daemon::start_in(folder("", output), |_| {});
        let mut diode = Diode::new(1, &NAMES);
        for _ in 0..3 {
            daemon.process.signal(Signal::HUP);
            daemon.send(&say(&mut diode, 20));
            daemon.process.signal(Signal::HUP);
        }
        let heard = daemon.wait_until(|status| status["records"] == 60);
        assert_eq!(heard["diodes"].as_array().map(Vec::len), Some(1), "{heard}");
        daemon.stop(Signal::TERM);
    }
}
