//! The real daemon against the real sender over loopback: JSON lines, image check, hostile datagrams.
mod common;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use common::{Daemon, Diode, IMAGE, JSON_LINES, Remains, assert_is_record, command, folder};
use rustix::process::Signal;

const NAMES: [(&str, &str); 3] = [("plc-1/level", "m"), ("plc-1/\"pump\"", ""), ("plc-2/Ölstand", "m³")];

fn expecting(image: [u8; 32], on_mismatch: &str) -> String {
    let digits: String = image.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("expected_image_sha256 = \"{digits}\"\non_mismatch = \"{on_mismatch}\"")
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn through_loss_every_record_is_a_line_or_in_a_gap() {
    let mut daemon = Daemon::start(&expecting(IMAGE, "refuse"), JSON_LINES);
    let mut diode = Diode::new(1, &NAMES);
    let mut frames = Vec::new();
    for round in 0..1500 {
        if round % 100 == 0 {
            diode.announce();
            diode.beacon(IMAGE);
        }
        diode.record(round % 3);
        if round % 3 == 2 {
            frames.extend(diode.frames());
        }
    }
    diode.heads();
    frames.extend(diode.frames());
    diode.heads();
    frames.extend(diode.frames());
    // One frame in eight, and 30 in a row, which is more than parity brings back. The last two hold heads.
    let mut state = 7;
    let last = frames.len() - 2;
    let is_lost = |index: usize, state: &mut u64| {
        index < last && (random(state).is_multiple_of(8) || (200..230).contains(&index))
    };
    let (lost, arrived): (Vec<_>, Vec<_>) =
        frames.into_iter().enumerate().partition(|(index, _)| is_lost(*index, &mut state));
    let arrived: Vec<_> = arrived.into_iter().map(|(_, frame)| frame).collect();
    daemon.send(&arrived);
    let remains = daemon.stop(Signal::TERM);
    check_all_accounted_for(&diode, &remains);
    let summary = &remains.summary;
    assert!(summary["recovered"].as_u64() > Some(0) && summary["gaps"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["frames"].as_u64(), Some(arrived.len() as u64));
    assert_eq!(summary["frames_missing"].as_u64(), Some(lost.len() as u64));
    assert_eq!(summary["refused"], 0);
    assert_eq!(summary["diodes"][0]["image_check"], "match");
    assert_eq!(summary["diodes"][0]["image_sha256"], "ab".repeat(32));
    assert_eq!(summary["diodes"][0]["config_sha256"], "cd".repeat(32));
    assert_eq!(summary["diodes"][0]["image_version"], 7);
    assert_eq!(remains.of_kind("image_version")[0]["floor_memory"], "kept");
    assert!(summary["first_record_unix_us"].as_u64() > Some(0));
    assert_eq!(remains.of_kind("boot").len(), 1);
    assert_eq!(remains.of_kind("image_check")[0]["image_check"], "match");
}

#[track_caller]
fn number_in(line: &serde_json::Value, key: &str) -> u64 {
    line[key].as_u64().unwrap_or_else(|| panic!("no {key} in {line}"))
}

/// Lines and sent records, one to one, in order; what has no line is in a gap, once.
fn check_all_accounted_for(diode: &Diode, remains: &Remains) {
    let (records, gaps) = (remains.of_kind("record"), remains.of_kind("gap"));
    for (number, sent) in diode.sent.iter().enumerate() {
        let (name, unit) = &diode.sources[number];
        let mut seen = BTreeSet::new();
        for line in records.iter().filter(|line| line["source"] == number) {
            let sequence = number_in(line, "sequence");
            assert!(seen.last() < Some(&sequence), "out of order or twice: {line}");
            assert_is_record(line, &sent[sequence as usize], unit);
            assert_eq!((&line["tag"], &line["diode"]), (&name.as_str().into(), &"east".into()));
            assert_eq!(line["boot"], "01".repeat(16));
            seen.insert(sequence);
        }
        for line in gaps.iter().filter(|line| line["source"] == number) {
            assert_eq!(line["tag"], name.as_str());
            let (first, last) = (number_in(line, "first"), number_in(line, "last"));
            (first..=last).for_each(|missing| assert!(seen.insert(missing), "{missing} twice: {line}"));
        }
        assert!(seen.into_iter().eq(0..sent.len() as u64), "{name} is not all accounted for");
    }
    assert_eq!(remains.summary["records"].as_u64(), Some(records.len() as u64));
    assert_eq!(remains.summary["gaps"].as_u64(), Some(gaps.len() as u64));
    let recovered = records.iter().filter(|line| line["recovered"] == true).count();
    assert_eq!(remains.summary["recovered"].as_u64(), Some(recovered as u64));
}

fn frames_with_beacon(image: [u8; 32]) -> Vec<Vec<u8>> {
    let mut diode = Diode::new(2, &NAMES);
    diode.announce();
    diode.beacon(image);
    (0..30).for_each(|round| diode.record(round % 3));
    let mut frames = diode.frames();
    diode.beacon(image);
    frames.extend(diode.frames());
    frames
}

#[test]
fn another_image_raises_an_alarm_and_its_records_pass_if_so_configured() {
    let mut daemon = Daemon::start(&expecting([1; 32], "alarm"), JSON_LINES);
    daemon.send(&frames_with_beacon(IMAGE));
    let remains = daemon.stop(Signal::INT);
    let alarms = remains.of_kind("alarm");
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0]["alarm"], "image-mismatch");
    assert_eq!(alarms[0]["image_sha256"], "ab".repeat(32));
    assert_eq!(alarms[0]["expected_image_sha256"], "01".repeat(32));
    assert_eq!(remains.of_kind("record").len(), 30);
    assert_eq!(remains.summary["diodes"][0]["image_check"], "mismatch");
    let is_alarm = |line: &String| line.contains("ERROR") && line.contains("ALARM: east");
    assert!(remains.log.iter().any(is_alarm), "{:?}", remains.log);
}

#[test]
fn another_image_is_refused_if_so_configured() {
    let mut daemon = Daemon::start(&expecting([1; 32], "refuse"), JSON_LINES);
    daemon.send(&frames_with_beacon(IMAGE));
    let remains = daemon.stop(Signal::TERM);
    assert_eq!(remains.of_kind("alarm").len(), 1);
    assert_eq!(remains.of_kind("record").len(), 0);
    assert_eq!(remains.summary["records"], 0);
    assert_eq!(remains.summary["counters"]["records_refused_mismatch"], 30);
    assert_eq!(remains.summary["diodes"][0]["image_refused"], true);
}

#[test]
fn records_wait_for_the_check_and_pass_with_the_first_beacon() {
    let mut daemon = Daemon::start(&expecting(IMAGE, "refuse"), JSON_LINES);
    let mut diode = Diode::new(3, &NAMES);
    diode.announce();
    (0..6).for_each(|round| diode.record(round % 3));
    daemon.send(&diode.frames());
    let status = daemon.status();
    assert_eq!((&status["records"], &status["diodes"][0]["image_check"]), (&0.into(), &"unknown".into()));
    diode.beacon(IMAGE);
    daemon.send(&diode.frames());
    assert_eq!(daemon.stop(Signal::TERM).of_kind("record").len(), 6);
}

#[test]
fn without_an_expected_image_it_says_unchecked_loudly() {
    let mut daemon = Daemon::start("", &format!("{JSON_LINES}beacons = true\n"));
    daemon.send(&frames_with_beacon(IMAGE));
    let remains = daemon.stop(Signal::TERM);
    assert_eq!(remains.of_kind("image_check")[0]["image_check"], "unchecked");
    assert_eq!(remains.of_kind("beacon").len(), 2);
    let beacon = &remains.of_kind("beacon")[0];
    assert_eq!(beacon["outside"]["firmware_frames_received"], 3);
    assert_eq!((&beacon["last_stop"], &beacon["watchdog"]), (&"stalled".into(), &"i6300esb".into()));
    assert_eq!(beacon["dma_fence"], "active");
    let time = [&beacon["time_source"], &beacon["time_uncertainty_us"], &beacon["clock_steps"]];
    assert_eq!(time, [&serde_json::json!("sntp"), &1500.into(), &2.into()]);
    assert!(remains.log.iter().any(|line| line.contains("WARN") && line.contains("UNCHECKED")));
}

#[test]
fn hostile_datagrams_are_refused_and_counted_and_it_goes_on() {
    let mut daemon = Daemon::start("", JSON_LINES);
    let valid = frames_with_beacon(IMAGE);
    let mut other_key = Diode::new(9, &NAMES);
    other_key.sender = noreturn_link::Sender::new(
        &common::config(),
        noreturn_wire::BootId([9; 16]),
        &noreturn_link::DiodeKey([1; 32]),
    );
    other_key.announce();
    let forged = other_key.frames();
    let mut hostile: Vec<Vec<u8>> =
        [0, 1, 3, 64, 65, 1472, 1473, 9000, 65_507].iter().map(|&length| vec![0x4e; length]).collect();
    hostile.extend((0..valid[0].len()).map(|at| {
        let mut altered = valid[0].clone();
        altered[at] ^= 0x40;
        altered
    }));
    let mut state = 3;
    hostile
        .extend((0..500).map(|_| (0..random(&mut state) % 1500).map(|_| random(&mut state) as u8).collect()));
    hostile.extend(forged);
    daemon.send(&hostile);
    assert_eq!(daemon.status()["diodes"][0]["boot"], serde_json::Value::Null, "nothing forged starts a boot");
    daemon.send(&valid);
    daemon.send(&valid);
    let remains = daemon.stop(Signal::TERM);
    assert_eq!(remains.of_kind("record").len(), 30);
    let (summary, counters) = (&remains.summary, &remains.summary["counters"]);
    assert_eq!(summary["refused"].as_u64(), Some((hostile.len() + valid.len()) as u64));
    assert_eq!(counters["refused_replayed"].as_u64(), Some(valid.len() as u64));
    assert!(counters["refused_forged"].as_u64() > Some(0) && counters["refused_header"].as_u64() > Some(0));
    assert_eq!(summary["frames"].as_u64(), Some(valid.len() as u64));
}

#[test]
fn records_without_a_name_are_not_lost() {
    let mut daemon = Daemon::start("", JSON_LINES);
    let mut diode = Diode::new(4, &NAMES);
    (0..6).for_each(|round| diode.record(round % 3));
    daemon.send(&diode.frames());
    assert_eq!(daemon.status()["records"], 0);
    let remains = daemon.stop(Signal::TERM);
    let tags: Vec<_> = remains.of_kind("record").iter().map(|line| line["tag"].clone()).collect();
    assert_eq!(tags, ["source/0", "source/0", "source/1", "source/1", "source/2", "source/2"]);
    assert_eq!(remains.summary["counters"]["records_passed_unnamed"], 6);
}

#[test]
fn lines_go_to_standard_output_if_so_configured() {
    let mut daemon = Daemon::start_with("", "[json_lines]\npath = \"-\"\n", |command| {
        command.stdout(Stdio::piped());
    });
    let mut stdout = daemon.process.child.stdout.take().unwrap();
    let mut diode = Diode::new(5, &NAMES);
    diode.announce();
    diode.record(0);
    daemon.send(&diode.frames());
    daemon.stop(Signal::TERM);
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_is_record(&lines[1], &diode.sent[0][0], "m");
}

#[test]
fn a_failing_disk_is_said_and_counted_and_ends_nothing() {
    let mut daemon = Daemon::start_with("", "[json_lines]\npath = \"-\"\n", |command| {
        command.stdout(File::options().write(true).open("/dev/full").unwrap());
    });
    daemon.send(&frames_with_beacon(IMAGE));
    let remains = daemon.stop(Signal::TERM);
    assert_eq!(remains.summary["records"], 30);
    // A boot, an image check, its version and the records.
    assert_eq!(remains.summary["counters"]["json_lines_dropped_write"], 33);
    assert!(
        remains
            .log
            .iter()
            .any(|line| line.contains("ERROR") && line.contains("cannot write to standard output"))
    );
}

#[test]
fn live_prints_plain_lines_without_a_terminal() {
    let mut daemon = Daemon::start_with("", JSON_LINES, |command| {
        command.arg("--live");
    });
    daemon.send(&frames_with_beacon(IMAGE));
    let remains = daemon.stop(Signal::TERM);
    let shown = |what: &str| remains.log.iter().any(|line| line.contains(what));
    assert!(shown("east (7): boot 02020202"), "{:?}", remains.log);
    assert!(shown("image UNCHECKED, version 7: abab") && shown("records 30"), "{:?}", remains.log);
}

#[test]
fn check_judges_the_configuration_and_ends() {
    let good = folder("", JSON_LINES);
    let output = command(good.path()).arg("--check").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && text.contains("receiver.toml: valid, 1 diodes"), "{text}");
    assert!(!good.path().join("records.jsonl").exists(), "a check writes nothing");
    let bad = folder("colour = 1", "");
    let output = command(bad.path()).arg("--check").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("receiver.toml:7:1: unknown field `colour`"), "{text}");
}
