//! The time of records: from a time server and from satellites, as sure as they say, and never what orders them. The real
//! image, whose machine has a clock of its own.
//!
//! Boots of their own: each has other sources of time, and one whose time steps back must mislead no other test.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use noreturn_tests::counting::{Asked, CountingDevice};
use noreturn_tests::ports::{free_tcp, free_udp};
use noreturn_tests::process::wait_for;
use noreturn_tests::site::device;
use noreturn_tests::time::{Satellites, TimeServer, second_serial_port};
use noreturn_tests::world::{Plan, World, accounts};
use serde_json::Value;
use tempfile::TempDir;

const POINT: &str =
    "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";
const TAG: &str = "plc/count";
/// Another time than that of anything else here.
const MACHINE_CLOCK: [&str; 2] = ["-rtc", "base=2026-03-04T05:06:07"];

/// One box at a time: how well one measures its own processor's counter depends on how busy the machine is.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A box that asks a counting device, and a table of the time.
fn start(time: &str, port: u16, folder: TempDir, more: &[String]) -> Result<World> {
    let modbus = format!("\n{time}{}{POINT}", device("plc", port, 1, "timeout_ms = 5000\n"));
    let machine_clock = MACHINE_CLOCK.map(str::to_owned);
    World::start_in(folder, &Plan::new(modbus), &[&machine_clock[..], more].concat())
}

fn records(world: &World) -> Result<Vec<Value>> {
    let lines = world.receiver.lines()?;
    Ok(lines.into_iter().filter(|line| line["kind"] == "record" && line["tag"] == TAG).collect())
}

/// The first record for which `holds`, and all.
fn wait_for_record(world: &mut World, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let found = wait_for(what, || {
        world.machine.check_running()?;
        Ok(records(world)?.into_iter().find(|record| holds(record)))
    });
    let said = std::fs::read_to_string(&world.machine.serial).unwrap_or_default();
    found.with_context(|| {
        format!(
            "the last record: {:?}; the box said:\n{said}",
            records(world).ok().and_then(|r| r.last().cloned())
        )
    })
}

fn number(record: &Value, key: &str) -> u64 {
    record[key].as_u64().unwrap_or(u64::MAX)
}

/// Fails unless the record's time, give or take what it says itself, is one at which the box can have had the answer, by a clock
/// that is `offset_s` ahead: after the device had made it, and before the box asked the next question.
fn check(record: &Value, times: &[Asked], offset_s: i64) -> Result<()> {
    let place = number(record, "value") as usize;
    let (Some(asked), Some(next)) = (times.get(place), times.get(place + 1)) else { return Ok(()) };
    let uncertainty_us = record["time_uncertainty_us"].as_u64().context("no uncertainty")?;
    let acquired_us = number(record, "acquired_us").saturating_add_signed(-offset_s * 1_000_000);
    ensure!(
        acquired_us + uncertainty_us >= asked.answered_us && acquired_us <= next.came_us + uncertainty_us,
        "{record}: {} µs after the answer, and {} µs before the next question",
        acquired_us as i64 - asked.answered_us as i64,
        next.came_us as i64 - acquired_us as i64
    );
    Ok(())
}

/// Fails unless there are records from `source`, and each is true by one of the clocks that are so far ahead. How many there are
/// by each.
fn check_all(records: &[Value], times: &[Asked], source: &str, offsets_s: &[i64]) -> Result<Vec<usize>> {
    let mut counts = vec![0; offsets_s.len()];
    for record in records.iter().filter(|record| record["time_source"] == source) {
        let results: Vec<_> = offsets_s.iter().map(|&offset_s| check(record, times, offset_s)).collect();
        match results.iter().position(Result::is_ok) {
            Some(place) => counts[place] += 1,
            None => return results.into_iter().collect::<Result<Vec<_>>>().map(|_| counts),
        }
    }
    Ok(counts)
}

#[test]
fn a_time_server_sets_the_clock_and_a_step_back_reorders_nothing() -> Result<()> {
    let _alone = alone();
    const AHEAD_S: i64 = 86_400 * 365 * 12;
    const LATER_S: i64 = AHEAD_S - 7200;
    let (port, server_port) = (free_tcp()?, free_udp()?);
    let device = CountingDevice::start(port)?;
    let mut server = TimeServer::start(server_port, AHEAD_S)?;
    let time = format!(
        "[time]\nsources = [\"sntp\", \"rtc\"]\n\
         sntp = {{ server = \"10.1.0.1\", port = {server_port}, poll_s = 2, silent_s = 6 }}\n"
    );
    let mut world = start(&time, port, TempDir::new()?, &[])?;

    world.machine.wait_for_serial("time from rtc")?;
    wait_for_record(&mut world, "a record by the server's time", |record| record["time_source"] == "sntp")?;
    world.machine.wait_for_serial("time from sntp")?;
    server.set_offset(LATER_S)?;
    let stepped = |record: &Value| {
        check(record, &device.times(), LATER_S).is_ok()
            && number(record, "value") + 1 < device.times().len() as u64
            && record["time_source"] == "sntp"
    };
    let stepped = wait_for_record(&mut world, "a record by the server's new time", stepped)?;

    server.fall_silent()?;
    world.machine.wait_for_serial("time from sntp, which is silent: held over")?;
    let uncertainty_us = number(&stepped, "time_uncertainty_us");
    let less_certain = |record: &Value| {
        number(record, "sequence") > number(&stepped, "sequence") + 20
            && number(record, "time_uncertainty_us") > 2 * uncertainty_us
    };
    let held = wait_for_record(&mut world, "a record that is less certain", less_certain)?;
    assert_eq!(held["time_source"], "sntp", "the machine's clock knows less");

    assert_eq!(device.connections(), 1, "values can only be told from the numbers over one connection");
    let records = records(&world)?;
    accounts(&world.receiver.lines()?)[TAG].check()?;
    let counts = check_all(&records, &device.times(), "sntp", &[AHEAD_S, LATER_S])?;
    assert!(counts.iter().all(|&count| count > 0), "too few by one of the clocks: {counts:?}");
    let in_order = records.is_sorted_by_key(|record| number(record, "sequence"));
    let went_back = !records.is_sorted_by_key(|record| number(record, "acquired_us"));
    assert!(in_order && went_back, "in order of numbers: {in_order}; time went back: {went_back}");
    assert!(
        records
            .iter()
            .any(|record| record["time_source"] == "rtc" && record["time_uncertainty_us"].is_null())
    );
    world.check_wire()?;
    let summary = world.receiver.stop()?;
    assert_eq!(
        (&summary["gaps"], &summary["diodes"][0]["time_source"]),
        (&0.into(), &"sntp".into()),
        "{summary}"
    );
    let counter = |name: &str| summary["diodes"][0][name].clone();
    assert!(counter("time_uncertainty_us").as_u64() > Some(uncertainty_us), "{summary}");
    Ok(())
}

#[test]
fn satellites_lead_while_they_speak_and_are_never_spoken_to() -> Result<()> {
    let _alone = alone();
    const SERVER_S: i64 = 3600;
    const SATELLITES_S: i64 = 86_400 * 40;
    let (port, server_port) = (free_tcp()?, free_udp()?);
    let device = CountingDevice::start(port)?;
    let _server = TimeServer::start(server_port, SERVER_S)?;
    let time = format!(
        "[time]\nsources = [\"gps\", \"sntp\"]\n\
         gps = {{ serial_port = \"COM2\", uncertainty_ms = 400, silent_s = 3 }}\n\
         sntp = {{ server = \"10.1.0.1\", port = {server_port}, poll_s = 2 }}\n"
    );
    let folder = TempDir::new()?;
    let line = folder.path().join("satellites");
    let mut world = start(&time, port, folder, &second_serial_port(&line))?;
    let by = |source: &'static str| move |record: &Value| record["time_source"] == source;

    world.machine.wait_for_serial("time from none")?;
    world.machine.wait_for_serial("Com2 receives from satellites, and never sends")?;
    wait_for_record(&mut world, "a record by the server's time", by("sntp"))?;
    let mut satellites = Satellites::start(&line, SATELLITES_S)?;
    let first = wait_for_record(&mut world, "a record by the satellites", by("gps"))?;
    let later = number(&first, "sequence") + 20;
    wait_for_record(&mut world, "more of them", |record| number(record, "sequence") > later)?;
    let heard = satellites.fall_silent()?;
    assert!(heard.is_empty(), "the box has spoken to its satellite receiver: {heard:02x?}");
    let by_gps = |record: &Value| record["time_source"] == "gps";
    let last =
        records(&world)?.iter().rfind(|record| by_gps(record)).map(|record| number(record, "sequence"));
    let back =
        |record: &Value| record["time_source"] == "sntp" && number(record, "sequence") > last.unwrap_or(0);
    wait_for_record(&mut world, "a record by the server's time again", back)?;

    assert_eq!(device.connections(), 1, "values can only be told from the numbers over one connection");
    let (records, times) = (records(&world)?, device.times());
    accounts(&world.receiver.lines()?)[TAG].check()?;
    let counts = [
        check_all(&records, &times, "sntp", &[SERVER_S])?[0],
        check_all(&records, &times, "gps", &[SATELLITES_S])?[0],
    ];
    assert!(counts[0] > 0 && counts[1] > 20, "{counts:?}");
    let summary = world.receiver.stop()?;
    assert_eq!(summary["gaps"], 0, "{summary}");
    Ok(())
}

/// Whoever insists is believed; but a box that nobody tells the time says so.
#[test]
fn what_no_source_knows_is_not_known() -> Result<()> {
    let _alone = alone();
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let mut world = start("[time]\nsources = []\n", port, TempDir::new()?, &[])?;
    let record = wait_for_record(&mut world, "any record", |_| true)?;
    assert_eq!(record["time_source"], "none");
    assert!(record["time_uncertainty_us"].is_null());
    assert!(record["acquired"].as_str().is_some_and(|time| time.starts_with("1970-01-01T00:0")), "{record}");
    Ok(())
}
