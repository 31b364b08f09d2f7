//! A box in a plant, whose time is counted in instructions.
//!
//! So a machine that is busy with other things stretches the box's time. While the box waits for something its time passes as this machine's
//! does; an answer that is late because of that costs nothing, as long as it comes before the next request is due.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use noreturn_image_format::Config;
use serde_json::Value;
use tempfile::TempDir;

use super::capture::{Stamped, dump, read_file};
use super::{Lan, MODBUS_PORT, Plant, host_address, host_ethernet};
use crate::card::Card;
use crate::machine::InsideWire;
use crate::network::{INSIDE_ADDRESS, LAN_ADDRESS};
use crate::site::{DIODE_NAME, Site};
use crate::world::{Plan, World, accounts};

/// A box, its plant, and whoever receives.
pub struct Bed {
    /// Ends before the plant, which takes what the box sends.
    world: World,
    /// The plant.
    pub plant: Plant,
    outside: PathBuf,
}

/// The devices of hosts 0 and up as the site file has them, asked once in `period_us`; one may be pinned to its Ethernet address.
#[must_use]
pub fn devices(count: usize, period_us: u64, pinned: Option<usize>) -> String {
    let device = |number| {
        let mac = show(host_ethernet(number));
        let pin = if pinned == Some(number) { format!("mac = \"{mac}\"\n") } else { String::new() };
        format!(
            "\n[[modbus]]\nname = \"device-{number}\"\naddress = \"{}:{MODBUS_PORT}\"\nunit = 1\n{pin}\
             backoff_ms_min = 500\nbackoff_ms_max = 2000\n\
             [[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = {}\n",
            host_address(number),
            period_us / 1000
        )
    };
    (0..count).map(device).collect()
}

/// An Ethernet address as the site file and the console have it.
#[must_use]
pub fn show(ethernet: [u8; 6]) -> String {
    ethernet.map(|byte| format!("{byte:02x}")).join(":")
}

/// What a site with these devices says to the box.
///
/// # Errors
/// If it says it wrong.
pub fn config(devices: &str) -> Result<Config> {
    let text = Site { receiver_port: 9, modbus: devices.to_owned() }.text();
    let text = text.replace(INSIDE_ADDRESS, LAN_ADDRESS);
    noreturn_site::parse(&text, "site.toml", |_| Ok([0; 32])).map_err(|errors| anyhow::anyhow!("{errors}"))
}

impl Bed {
    /// Boots a box that asks `devices`, until its first frame. `hosts` of them are on the wire; all are on `wire` if that is given, and then there are no hosts.
    ///
    /// # Errors
    /// If a part does not start.
    pub fn start(devices: String, hosts: usize, wire: Option<InsideWire>) -> Result<Self> {
        let folder = TempDir::new()?;
        let config = config(&devices)?;
        let mut lan = Lan::new(hosts, &config);
        if wire.is_some() {
            lan.expect(config.devices.len());
        }
        let plant = Plant::start(lan, folder.path())?;
        let outside = folder.path().join("outside.pcap");
        // Two nanoseconds an instruction: the box's time passes more slowly than this machine's, so that answers are not late for it.
        let clock =
            ["-icount", "shift=1,sleep=on", "-rtc", "base=2026-03-04T05:06:07,clock=vm"].map(str::to_owned);
        let more = [plant.arguments(), &dump("outside", "rx", &outside), &clock].concat();
        // Without an option ROM QEMU's firmware has no driver for this card, so that all that is sent is the box's.
        let plan = Plan {
            inside: Card::E1000e,
            inside_wire: wire.unwrap_or_else(|| plant.wire()),
            inside_address: LAN_ADDRESS,
            broker: true,
            ..Plan::new(devices)
        };
        let mut bed = Self { world: World::start_in(folder, &plan, &more)?, plant, outside };
        bed.pass(0)?;
        Ok(bed)
    }

    /// Lets so much of the box's time pass, in microseconds; the time then.
    ///
    /// # Errors
    /// If the box is silent or something ends.
    pub fn pass(&mut self, guest_us: u64) -> Result<u64> {
        let (machine, receiver) = (&mut self.world.machine, &mut self.world.receiver);
        let passed = self.plant.pass(guest_us, || {
            machine.check_running()?;
            receiver.check_running()
        });
        passed.with_context(|| format!("the box said:\n{}", machine.said()))
    }

    /// What the box has said on its console.
    #[must_use]
    pub fn said(&self) -> String {
        self.world.machine.said()
    }

    /// The box's counters of these names, in a beacon from now on.
    ///
    /// # Errors
    /// If one is missing.
    pub fn counters<const N: usize>(&mut self, names: [&str; N]) -> Result<[u64; N]> {
        const BEACONS_US: u64 = 3_000_000;
        self.pass(BEACONS_US)?;
        let broker = self.world.broker.as_ref().context("there is a broker")?;
        let states = broker.published(&format!("noreturn/{DIODE_NAME}/$state"))?;
        let last = states.last().context("no state was published")?;
        let counter = |name| last["counters"][name].as_u64().with_context(|| format!("no {name} in {last}"));
        let found = names.into_iter().map(counter).collect::<Result<Vec<_>>>()?;
        <[u64; N]>::try_from(found).map_err(|found| anyhow::anyhow!("{} counters, not {N}", found.len()))
    }

    /// Ends everything, and judges what the box has sent and what the receiver has made of it; the frames on the outside wire.
    ///
    /// # Errors
    /// If the box has sent anything else than it may, inside or outside, has booted again, or has left a gap.
    pub fn finish(self) -> Result<Vec<Stamped>> {
        self.plant.check()?;
        self.world.check_wire()?;
        let said = self.world.machine.said();
        let (lines, summary) = (self.world.receiver.lines()?, self.world.receiver.stop()?);
        drop(self.world.machine);
        one_boot(&lines, &summary).with_context(|| format!("the box said:\n{said}"))?;
        read_file(&self.outside)
    }
}

/// The box has booted once, and every record has arrived once and in order.
fn one_boot(lines: &[Value], summary: &Value) -> Result<()> {
    let boots: Vec<_> = lines.iter().filter(|line| line["kind"] == "boot").collect();
    ensure!(boots.len() == 1, "{} boots: {boots:?}", boots.len());
    let diode = &summary["diodes"][0];
    ensure!(diode["last_stop"] == "unknown" && diode["image_check"] == "match", "{diode}");
    for (tag, account) in accounts(lines) {
        account.check().with_context(|| tag.clone())?;
        ensure!(account.gaps.is_empty(), "{tag}: {:?}", account.gaps);
    }
    Ok(())
}
