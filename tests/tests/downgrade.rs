//! An older image in place of a newer one: refused where the machine can remember, and told where it cannot.
//!
//! Boots of their own: versions are compared only when a box starts, so each version and machine is a start.

use anyhow::{Context, Result};
use noreturn_tests::machine::{Machine, Running};
use noreturn_tests::process::wait_for;
use noreturn_tests::receiver::RunningReceiver;
use noreturn_tests::site::{Site, idle_device};
use noreturn_tests::tpm::{Interface, Tpm};
use noreturn_tests::world::{Plan, World};
use serde_json::{Value, json};
use tempfile::TempDir;

fn tables(version: u32, floor: u32) -> String {
    format!("\n[image]\nversion = {version}\nversion_floor = {floor}\n") + &idle_device()
}

/// A site whose machine is switched off and on again with another image; everything else goes on.
struct Bench {
    world: World,
    tpm: Option<Tpm>,
}

impl Bench {
    fn start(with_tpm: bool, version: u32, floor: u32) -> Result<Self> {
        let folder = TempDir::new()?;
        let tpm = if with_tpm { Some(Tpm::start(folder.path())?) } else { None };
        let arguments = tpm.as_ref().map(|tpm| tpm.arguments(Interface::Crb)).unwrap_or_default();
        Ok(Self { world: World::start_in(folder, &Plan::new(tables(version, floor)), &arguments)?, tpm })
    }

    fn put_in(self, version: u32, floor: u32) -> Result<Self> {
        let World { machine, outside, wire, card, receiver_port, receiver, broker, folder, .. } = self.world;
        drop::<Running>(machine);
        let tpm = match self.tpm {
            None => None,
            Some(old) => {
                drop(old);
                Some(Tpm::start(folder.path())?)
            }
        };
        let image = Site { receiver_port, modbus: tables(version, floor) }.build(folder.path())?;
        let frames = wire.frames_to(Some(card))?;
        let arguments = tpm.as_ref().map(|tpm| tpm.arguments(Interface::Crb)).unwrap_or_default();
        let machine = Machine { outside, ..Machine::new(&image.path, folder.path(), frames) };
        let machine = machine.start_with(&arguments)?;
        let world = World { machine, outside, wire, card, receiver_port, receiver, broker, image, folder };
        Ok(Self { world, tpm })
    }

    /// What the receiver was told of this version.
    fn told(&mut self, version: u32) -> Result<Value> {
        let World { machine, receiver, .. } = &mut self.world;
        let line = wait_for("the version", || {
            machine.check_running()?;
            receiver.check_running()?;
            Ok(lines(receiver, "image_version")?.into_iter().find(|line| line["image_version"] == version))
        });
        let line = line.with_context(|| format!("the box said:\n{}", machine.said()))?;
        self.world.check_wire()?;
        let names = ["image_floor", "floor_memory", "image_version_at_least", "image_downgrade"];
        Ok(names.map(|name| line[name].clone()).to_vec().into())
    }
}

fn lines(receiver: &RunningReceiver, kind: &str) -> Result<Vec<Value>> {
    Ok(receiver.lines()?.into_iter().filter(|line| line["kind"] == kind).collect())
}

#[test]
fn a_machine_with_a_tpm_starts_nothing_below_the_floor() -> Result<()> {
    let mut bench = Bench::start(true, 7, 6)?;
    assert_eq!(bench.told(7)?, json!([6, "kept", 0, false]));
    let said = bench.world.machine.said();
    assert!(said.contains("noreturn loader: version 7, floor 6: kept-6"), "{said}");

    let mut bench = bench.put_in(5, 0)?;
    let sent = bench.world.wire.frames();
    let said = bench.world.machine.wait_for_serial("next try in")?;
    assert!(said.contains("NOT STARTED") && !said.contains("starting the kernel"), "{said}");
    for part in
        ["the image: is older than this machine still starts", "version  5", "at least 6, by the TPM at 0x01"]
    {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    assert_eq!(bench.world.wire.frames(), sent, "a box that was not started has sent");

    // At the floor it is started, though it is older than the one before: that is for the receiver to tell.
    let mut bench = bench.put_in(6, 0)?;
    assert_eq!(bench.told(6)?, json!([0, "kept", 7, true]));
    let alarms = lines(&bench.world.receiver, "alarm")?;
    let alarm = alarms.iter().find(|line| line["alarm"] == "image-downgrade").context("no alarm")?;
    assert_eq!(
        (&alarm["image_version"], &alarm["image_version_at_least"]),
        (&json!(6), &json!(7)),
        "{alarm}"
    );
    Ok(())
}

#[test]
fn a_machine_without_a_tpm_remembers_nothing_and_the_receiver_tells() -> Result<()> {
    let mut bench = Bench::start(false, 7, 7)?;
    assert_eq!(bench.told(7)?, json!([7, "none", 0, false]));
    let mut bench = bench.put_in(5, 0)?;
    assert_eq!(bench.told(5)?, json!([0, "none", 7, true]));
    let alarms = lines(&bench.world.receiver, "alarm")?;
    assert!(alarms.iter().any(|line| line["alarm"] == "image-downgrade"), "{alarms:?}");
    wait_for("the downgrade in the summary", || {
        let diode = &bench.world.receiver.summary()?["diodes"][0];
        Ok((diode["image_downgrade"] == true && diode["image_version"] == 5).then_some(()))
    })
}
