//! The time from chrony, a time server that nobody here wrote. `scripts/lib/unpacked.sh` fetches it, and `scripts/test` runs this file
//! only then, and says so otherwise.
//!
//! A boot of its own: its site names a time server, and the machine has a clock of its own.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::ports::{free_tcp, free_udp};
use noreturn_tests::process::{Process, wait_for};
use noreturn_tests::repository::root;
use noreturn_tests::site::device;
use noreturn_tests::world::{Plan, World};
use serde_json::Value;
use tempfile::TempDir;

const POINT: &str =
    "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";
/// Another time than the server's.
const MACHINE_CLOCK: [&str; 2] = ["-rtc", "base=2026-03-04T05:06:07"];

/// A server on the loopback interface that tells this machine's own time, and leaves its clock alone.
fn start(port: u16, folder: &TempDir) -> Result<Process> {
    let (configuration, pid) = (folder.path().join("chrony.conf"), folder.path().join("chrony.pid"));
    let lines = format!(
        "port {port}\nbindaddress 127.0.0.1\nlocal stratum 3\nallow 127.0.0.1\ncmdport 0\nbindcmdaddress /\npidfile {}\n",
        pid.display()
    );
    std::fs::write(&configuration, lines)?;
    let user = Command::new("id").arg("-un").output()?;
    let unpacked = root().join(".tools/chrony/usr");
    let mut chrony = Command::new(unpacked.join("sbin/chronyd"));
    chrony.env("LD_LIBRARY_PATH", unpacked.join("lib/x86_64-linux-gnu"));
    // In the foreground, without touching the clock, and without asking for root.
    chrony.args(["-d", "-x", "-U", "-u"]).arg(String::from_utf8(user.stdout)?.trim());
    Process::start("chronyd", chrony.arg("-f").arg(configuration).stderr(Stdio::null()))
}

#[test]
fn its_time_is_taken_and_is_as_sure_as_it_says() -> Result<()> {
    let (port, server_port, folder) = (free_tcp()?, free_udp()?, TempDir::new()?);
    let device_of_plant = CountingDevice::start(port)?;
    let mut server = start(server_port, &folder)?;
    let time = format!(
        "[time]\nsources = [\"sntp\", \"rtc\"]\nsntp = {{ server = \"10.1.0.1\", port = {server_port}, poll_s = 2 }}\n"
    );
    let modbus = format!("\n{time}{}{POINT}", device("plc", port, 1, "timeout_ms = 5000\n"));
    let more = MACHINE_CLOCK.map(str::to_owned);
    let mut world = World::start_in(TempDir::new()?, &Plan::new(modbus), &more)?;
    world.machine.wait_for_serial("time from rtc")?;
    world.machine.wait_for_serial("time from sntp")?;

    let is_timed = |line: &Value| line["tag"] == "plc/count" && line["time_source"] == "sntp";
    let record = wait_for("a record by the server's time, and one after it", || {
        server.check_running()?;
        world.machine.check_running()?;
        let timed: Vec<_> = world.receiver.lines()?.into_iter().filter(is_timed).collect();
        Ok((timed.len() > 1).then(|| timed[0].clone()))
    })?;
    let number = |key: &str| record[key].as_u64().with_context(|| format!("no {key} in {record}"));
    let (acquired_us, uncertainty_us) = (number("acquired_us")?, number("time_uncertainty_us")?);
    let times = device_of_plant.times();
    let place = number("value")? as usize;
    // By the same clock: after the device had answered, and before the box asked again.
    let (asked, next) = (&times[place], times.get(place + 1).context("no later question")?);
    assert!(acquired_us + uncertainty_us >= asked.answered_us, "{record}: too early");
    assert!(acquired_us <= next.came_us + uncertainty_us, "{record}: too late");
    world.check_wire()
}
