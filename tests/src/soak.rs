//! A box that runs for hours from a medium that refuses writes, and what must hold at the end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::card::Card;
use crate::counting::{CountingDevice, counters};
use crate::machine::Medium;
use crate::ports::free_tcp;
use crate::world::{Plan, World, accounts};

/// Counters of the device that is polled, and how often.
const POINTS: u16 = 5;
const PERIOD_MS: u32 = 200;
/// What the receiver may come to need beyond what it needed after its start. A leak of 24 bytes a record is more after two hours.
const RECEIVER_GROWTH_KIB: u64 = 4096;

/// A box under test.
#[derive(Debug)]
pub struct Soak {
    name: &'static str,
    world: World,
    device: CountingDevice,
    medium: Vec<u8>,
    boot: Value,
    memory_kib: u64,
}

/// What is asked of a box at the end: each with its name.
pub type Findings = Vec<(&'static str, Result<()>)>;

impl Soak {
    /// Switches a box on and waits for its first records; nobody may write to its medium, the user of this process included.
    ///
    /// # Errors
    /// If it does not come to send.
    pub fn start(name: &'static str, medium: Medium, outside: Card) -> Result<Self> {
        let port = free_tcp()?;
        let device = CountingDevice::start(port)?;
        let plan = Plan { medium, ..Plan::with_outside(outside, counters(port, POINTS, PERIOD_MS)) };
        let mut world = World::start_in(TempDir::new()?, &plan, &[])?;
        fs::set_permissions(&world.image.path, Permissions::from_mode(0o444))?;
        let medium = fs::read(&world.image.path)?;
        world.wait_for_records(200)?;
        let boot = world.receiver.summary()?["diodes"][0]["boot"].clone();
        let memory_kib = world.receiver.memory_kib()?;
        Ok(Self { name, world, device, medium, boot, memory_kib })
    }

    /// Lets time pass while everything must go on; one line of where it stands.
    ///
    /// # Errors
    /// As soon as something has ended, booted again or fallen silent.
    pub fn watch(&mut self, time: Duration) -> Result<String> {
        let (start, before) = (Instant::now(), self.device.answers());
        while start.elapsed() < time {
            std::thread::sleep(Duration::from_secs(1).min(time));
            self.world.machine.check_running()?;
            self.world.receiver.check_running()?;
        }
        let summary = self.world.receiver.summary()?;
        let boot = &summary["diodes"][0]["boot"];
        ensure!(*boot == self.boot, "{}: booted again; it said:\n{}", self.name, self.world.machine.said());
        ensure!(self.device.answers() > before, "{}: the plant was not asked for {time:?}", self.name);
        Ok(format!(
            "{}: {} records, {} gaps, receiver {} KiB",
            self.name,
            summary["records"],
            summary["gaps"],
            self.world.receiver.memory_kib()?
        ))
    }

    /// Ends everything, and judges.
    ///
    /// # Errors
    /// If what is to be judged cannot be read.
    pub fn finish(self) -> Result<(&'static str, u64, Findings)> {
        let memory_kib = self.world.receiver.memory_kib()?;
        let answers = self.device.answers() as u64;
        let wire = self.world.check_wire();
        let boots = self.world.machine.said().matches("noreturn: outside").count();
        let after = fs::read(&self.world.image.path)?;
        let lines = self.world.receiver.lines()?;
        let summary = self.world.receiver.stop()?;
        let records = summary["records"].as_u64().context("no records in the summary")?;
        let findings = vec![
            ("one boot", at_most(boots as u64, 1, "boots")),
            (
                "every beacon tells of the image, and nothing raised an alarm",
                beacons(&lines, &summary, &self.world.image.sha256),
            ),
            ("every answer of the plant arrived, once and in order", complete(&lines, &self.device, answers)),
            ("no gap", at_most(summary["gaps"].as_u64().unwrap_or(u64::MAX), 0, "gaps")),
            ("nothing else on the outside wire", wire),
            ("the medium is as it was", (after == self.medium).then_some(()).context("it was written to")),
            (
                "the receiver needs no more memory",
                at_most(memory_kib.saturating_sub(self.memory_kib), RECEIVER_GROWTH_KIB, "KiB more"),
            ),
        ];
        Ok((self.name, records, findings))
    }
}

fn at_most(found: u64, most: u64, what: &str) -> Result<()> {
    ensure!(found <= most, "{found} {what}, not at most {most}");
    Ok(())
}

/// What every beacon says is checked by the receiver, which tells of a change, and of the last one in its summary.
fn beacons(lines: &[Value], summary: &Value, image: &str) -> Result<()> {
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    let alarms = of("alarm");
    ensure!(alarms.is_empty(), "{} alarms, the first of them {}", alarms.len(), alarms[0]);
    let checks = of("image_check").len();
    ensure!(checks == 1, "{checks} changes of what is known of the image, not one");
    let diode = &summary["diodes"][0];
    ensure!(diode["image_check"] == "match" && diode["image_sha256"] == image, "{diode}");
    Ok(())
}

/// Each answer of the device is a record of each tag, with the same number. The last may still have been on their way.
fn complete(lines: &[Value], device: &CountingDevice, answers: u64) -> Result<()> {
    const ON_THEIR_WAY: u64 = 50;
    ensure!(device.connections() == 1, "{} connections to the plant, not one", device.connections());
    let accounts = accounts(lines);
    let tags: Vec<_> = accounts.iter().filter(|(tag, _)| tag.starts_with("plc/count/")).collect();
    ensure!(tags.len() == usize::from(POINTS), "{} tags, not {POINTS}", tags.len());
    for (tag, account) in tags {
        account.check().with_context(|| tag.clone())?;
        let wrong = account.delivered().find(|(sequence, value)| value.as_u64() != Some(*sequence));
        ensure!(wrong.is_none(), "{tag}: a value that the plant never gave: {wrong:?}");
        let delivered = account.delivered().count() as u64;
        ensure!(delivered + ON_THEIR_WAY >= answers, "{tag}: {delivered} records of {answers} answers");
    }
    Ok(())
}
