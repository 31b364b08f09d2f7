//! On a machine with a DMA remapping unit, cards reach what they were given and nothing else: everything works, nothing
//! is stopped, and a card that receives behind its driver's back changes no memory and stops the box.

use anyhow::Result;
use noreturn_tests::card::Card;
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::machine::{Machine, OutsideWire, PROCESSOR, Remapping, Running, Watchdog};
use noreturn_tests::ports::{free_tcp, free_udp, loopback};
use noreturn_tests::process::wait_for;
use noreturn_tests::receiver::{ReceiverSettings, RunningReceiver};
use noreturn_tests::repository::{kernel, planted_kernel};
use noreturn_tests::site::{DIODE_NAME, Site, build_with, device};
use noreturn_tests::wire::{Faults, Wire};
use serde_json::Value;
use tempfile::TempDir;

const POINT: &str =
    "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 50\n";
const FENCED: &str = "noreturn: DMA fence: 1 units";

/// A box, and the receiver that it sends to.
struct Trial {
    machine: Running,
    receiver: RunningReceiver,
    wire: Wire,
    card: std::net::SocketAddr,
    _device: CountingDevice,
    _folder: TempDir,
}

impl Trial {
    /// With a kernel that misbehaves, if there is a `fault`.
    fn start(inside: Card, outside: Card, remapping: Remapping, fault: Option<&str>) -> Result<Self> {
        let folder = TempDir::new()?;
        let (receiver_port, device_port) = (free_udp()?, free_tcp()?);
        let counting = CountingDevice::start(device_port)?;
        let site =
            Site { receiver_port, modbus: device("plc", device_port, 1, "timeout_ms = 5000\n") + POINT };
        let kernel = if fault.is_some() { planted_kernel() } else { kernel() }?;
        let text = site.text().replace(DIODE_NAME, fault.unwrap_or(DIODE_NAME));
        let image = build_with(&kernel, &text, folder.path())?;
        let settings = ReceiverSettings { port: receiver_port, broker: None, image: &image, live: false };
        let receiver = RunningReceiver::start(folder.path(), &settings)?;
        let wire = Wire::lay(receiver_port, Faults::default())?;
        let card = loopback(free_udp()?);
        let machine = Machine {
            image: &image.path,
            folder: folder.path(),
            processor: PROCESSOR,
            inside,
            outside,
            wire: OutsideWire::Frames { card, wire: wire.address },
            watchdog: Watchdog::I6300esb,
            remapping,
        };
        let machine = machine.start()?;
        Ok(Self { machine, receiver, wire, card, _device: counting, _folder: folder })
    }

    /// What the receiver knows of the diode, once that is as `probe` wants it.
    fn wait_for(&mut self, what: &str, probe: impl Fn(&Value) -> bool) -> Result<Value> {
        let known = wait_for(what, || {
            self.machine.check_running()?;
            let summary = self.receiver.summary()?;
            Ok(probe(&summary).then(|| summary["diodes"][0].clone()))
        });
        known.map_err(|error| error.context(self.said()))
    }

    fn said(&self) -> String {
        let said = std::fs::read(&self.machine.serial).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }
}

/// More frames than any ring has places, both ways, so that every descriptor and buffer has been used.
fn all_goes_on(inside: Card, outside: Card, remapping: Remapping, fence: &str) -> Result<()> {
    let mut trial = Trial::start(inside, outside, remapping, None)?;
    let known = trial.wait_for("600 records", |summary| summary["records"].as_u64() >= Some(600))?;
    let said = trial.said();
    assert_eq!((&known["dma_fence"], &known["image_check"]), (&fence.into(), &"match".into()), "{said}");
    assert_eq!(said.contains(FENCED), fence == "active", "{said}");
    assert_eq!(said.matches("noreturn: outside").count(), 1, "it booted again: {said}");
    assert!(!said.contains("stopped") && !said.contains("STOP"), "{said}");
    assert_eq!(trial.wire.foreign().len(), 0);
    Ok(())
}

#[test]
fn an_82574_outside_is_fenced() -> Result<()> {
    all_goes_on(Card::VirtioNet, Card::E1000e, Remapping::ThreeLevels, "active")
}

#[test]
fn virtio_outside_is_fenced() -> Result<()> {
    all_goes_on(Card::E1000e, Card::VirtioNet, Remapping::FourLevels, "active")
}

#[test]
fn a_machine_without_a_unit_says_so() -> Result<()> {
    all_goes_on(Card::VirtioNet, Card::E1000e, Remapping::None, "none")
}

/// Receives behind the driver's back, in the first boot; what the box says of it, and what the second boot does.
fn a_card_that_receives(remapping: Remapping, memory: &str, stop: &str, last_stop: &str) -> Result<()> {
    let mut trial = Trial::start(Card::VirtioNet, Card::E1000e, remapping, Some("planted receive"))?;
    trial.wait_for("the first boot's beacon", |summary| summary["diodes"][0]["last_stop"] == "unknown")?;
    trial.machine.wait_for_serial("noreturn: planted receive")?;
    let frame = [[0xff; 6].as_slice(), &[2, 0, 0, 0, 0, 9, 0x88, 0xb5], &[0x5a; 46]].concat();
    wait_for("the box to stop", || {
        trial.machine.check_running()?;
        trial.wire.throw(trial.card, &frame)?;
        Ok(trial.said().contains("nothing more is sent").then_some(()))
    })?;
    let said = trial.said();
    assert!(said.contains(&format!("noreturn: memory {memory}\n")), "{said}");
    assert!(said.contains(&format!("STOP: {stop}")), "{said}");
    let known = trial
        .wait_for("the second boot's beacon", |summary| summary["diodes"][0]["last_stop"] == last_stop)?;
    assert_eq!(known["image_check"], "match");
    Ok(())
}

#[test]
fn a_fenced_card_that_receives_changes_no_memory_and_stops_the_box() -> Result<()> {
    a_card_that_receives(
        Remapping::ThreeLevels,
        "unchanged",
        "DMA fence: device 00:03.0 tried to ",
        "dma fault",
    )
}

/// What the fence is for: the same card without it.
#[test]
fn a_card_that_receives_without_a_fence_changes_memory() -> Result<()> {
    let stop = "the outside card is no longer transmit only: its receiver is on";
    a_card_that_receives(Remapping::None, "changed", stop, "outside receives")
}
