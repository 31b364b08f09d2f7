//! With a TPM, what the box has started can be checked from afar: registers are as predicted from the image, quotes verify
//! at the receiver, and a start from anything else, or no quote at all, raises an alarm.
//!
//! Boots of their own: each is another machine or another owner's image, and what is measured is measured from the reset on.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use noreturn_tests::machine::Machine;
use noreturn_tests::ports::free_udp;
use noreturn_tests::process::wait_for;
use noreturn_tests::receiver::{ReceiverSettings, RunningReceiver};
use noreturn_tests::site::{DIODE_NAME, Site, build, idle_device};
use noreturn_tests::tpm::{Interface, Tpm};
use noreturn_tests::wire::{Faults, Wire};
use noreturn_tests::world::{Plan, World};
use noreturn_verify::pcrs::predict;
use serde_json::Value;
use tempfile::TempDir;

/// A box with a TPM, which is swtpm's.
fn start(interface: Interface) -> Result<(World, Tpm)> {
    let folder = TempDir::new()?;
    let tpm = Tpm::start(folder.path())?;
    let world = World::start_in(folder, &Plan::new(idle_device()), &tpm.arguments(interface))?;
    Ok((world, tpm))
}

/// Puts a receiver that expects this in place of the one that runs.
fn expect(world: World, folder: &str, attestation: &str) -> Result<World> {
    let World { machine, outside, wire, card, receiver_port, receiver, broker, image, folder: all } = world;
    receiver.stop()?;
    let folder = all.path().join(folder);
    std::fs::create_dir(&folder)?;
    let attestation = Some(attestation);
    let settings =
        ReceiverSettings { port: receiver_port, broker: None, image: &image, attestation, live: false };
    let receiver = RunningReceiver::start(&folder, &settings)?;
    Ok(World { machine, outside, wire, card, receiver_port, receiver, broker, image, folder: all })
}

/// The first line of this kind, for which `holds`.
fn line(world: &mut World, kind: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    let found = wait_for(kind, || {
        world.machine.check_running()?;
        world.receiver.check_running()?;
        Ok(world.receiver.lines()?.into_iter().find(|line| line["kind"] == kind && holds(line)))
    });
    found.with_context(|| format!("the box said:\n{}", world.machine.said()))
}

/// The registers that an image leads to, as lines of the receiver's configuration.
fn predicted(image: &Path) -> Result<String> {
    let image = std::fs::read(image)?;
    predict(&image).map(|pcrs| pcrs.to_string()).map_err(anyhow::Error::msg)
}

#[test]
fn registers_are_as_predicted_and_quotes_of_the_enrolled_tpm_match() -> Result<()> {
    let (mut world, _tpm) = start(Interface::Fifo)?;
    let found = line(&mut world, "attestation", |_| true)?;
    assert_eq!(
        (&found["attestation_check"], &found["attestation_fault"]),
        (&"unchecked".into(), &Value::Null)
    );
    let prediction = predicted(&world.image.path)?;
    for register in ["4", "8", "9"] {
        let value = found["pcrs"][register].as_str().context("a value")?;
        assert!(prediction.contains(&format!("pcr_{register} = \"{value}\"\n")), "{found} {prediction}");
    }
    let key = found["attestation_key_sha256"].as_str().context("a key")?.to_owned();
    let said = world.machine.wait_for_serial("noreturn: attestation key ")?;
    assert!(said.contains(&format!("noreturn: attestation key {key}")), "{said}");
    assert!(said.contains("noreturn loader: 4 measurements into the TPM, registers 8 and 9"), "{said}");

    let enrolled = format!("key_sha256 = \"{key}\"\n{prediction}");
    let mut world = expect(world, "enrolled", &enrolled)?;
    let found = line(&mut world, "attestation", |line| line["attestation_check"] != "unknown")?;
    assert_eq!(
        (&found["attestation_check"], &found["wrong_pcrs"]),
        (&"match".into(), &Value::Array(vec![])),
        "{found}"
    );
    wait_for("the match in the summary", || {
        let summary = world.receiver.summary()?;
        Ok((summary["diodes"][0]["attestation_check"] == "match").then_some(()))
    })?;

    let other_site = Site { receiver_port: world.receiver_port, modbus: idle_device() }.text();
    let folder = TempDir::new()?;
    let other = build(&other_site.replace(DIODE_NAME, "waterwork2"), folder.path())?;
    let changed = format!("key_sha256 = \"{key}\"\n{}", predicted(&other.path)?);
    let mut world = expect(world, "changed", &changed)?;
    let alarm = line(&mut world, "alarm", |line| line["alarm"] == "attestation-mismatch")?;
    assert_eq!(
        (&alarm["attestation_fault"], &alarm["wrong_pcrs"]),
        (&"registers".into(), &vec![9].into()),
        "{alarm}"
    );

    let stranger = format!("key_sha256 = \"{}\"\n{prediction}", "5a".repeat(32));
    let mut world = expect(world, "stranger", &stranger)?;
    let alarm = line(&mut world, "alarm", |line| line["alarm"] == "attestation-mismatch")?;
    assert_eq!(alarm["attestation_fault"], "key", "{alarm}");

    // With each start of the machine the TPM counts one more.
    let count = || Ok(world.receiver.summary()?["diodes"][0]["reset_count"].as_u64());
    let before = wait_for("a beacon", count)?;
    world.machine.monitor_command("system_reset")?;
    let next =
        wait_for("a boot that the TPM has counted", || Ok(count()?.filter(|&next: &u64| next != before)))?;
    ensure!(next == before + 1, "{next} resets after {before}");
    world.check_wire()
}

/// Loader, manifest and medium are another owner's; the kernel is the same.
#[test]
fn an_image_of_another_owner_shows_in_the_registers() -> Result<()> {
    let folder = TempDir::new()?;
    let tpm = Tpm::start(folder.path())?;
    let plan = Plan { of_another_owner: true, ..Plan::new(idle_device()) };
    let mut world = World::start_in(folder, &plan, &tpm.arguments(Interface::Fifo))?;
    let found = line(&mut world, "attestation", |_| true)?;
    let key = found["attestation_key_sha256"].as_str().context("a key")?.to_owned();

    let beside = TempDir::new()?;
    let trusted = Site { receiver_port: world.receiver_port, modbus: idle_device() }.build(beside.path())?;
    let enrolled = format!("key_sha256 = \"{key}\"\n{}", predicted(&trusted.path)?);
    let mut world = expect(world, "enrolled", &enrolled)?;
    let alarm = line(&mut world, "alarm", |line| line["alarm"] == "attestation-mismatch")?;
    assert_eq!(
        (&alarm["attestation_fault"], &alarm["wrong_pcrs"]),
        (&"registers".into(), &vec![4, 9].into()),
        "{alarm}"
    );
    Ok(())
}

#[test]
fn a_tpm_behind_a_buffer_attests_too_and_has_the_same_key_after_a_reset() -> Result<()> {
    let (mut world, _tpm) = start(Interface::Crb)?;
    let first = line(&mut world, "attestation", |_| true)?;
    world.machine.monitor_command("system_reset")?;
    let second = line(&mut world, "attestation", |line| line["boot"] != first["boot"])?;
    let told = |line: &Value| [line["attestation_key_sha256"].clone(), line["pcrs"].clone()];
    assert_eq!(told(&first), told(&second), "the same key, and the same registers");
    assert_ne!(first["attestation_key_sha256"], Value::Null);
    Ok(())
}

#[test]
fn a_machine_without_a_tpm_says_so_and_raises_the_alarm() -> Result<()> {
    let mut world = World::start(&Plan::new(idle_device()))?;
    let said = world.machine.wait_for_serial("noreturn: no TPM 2.0")?;
    assert!(said.contains("noreturn loader: no TPM 2.0: nothing is attested"), "{said}");
    let enrolled = format!("key_sha256 = \"{}\"\n{}", "5a".repeat(32), predicted(&world.image.path)?);
    let mut world = expect(world, "enrolled", &enrolled)?;
    let alarm = line(&mut world, "alarm", |line| line["alarm"] == "attestation-mismatch")?;
    assert_eq!(alarm["attestation_fault"], "missing", "{alarm}");
    Ok(())
}

#[test]
fn a_tpm_without_registers_of_sha256_stops_the_loader() -> Result<()> {
    let folder = TempDir::new()?;
    Tpm::set_up_without_sha256(folder.path())?;
    let tpm = Tpm::start(folder.path())?;
    let receiver_port = free_udp()?;
    let image = Site { receiver_port, modbus: idle_device() }.build(folder.path())?;
    let wire = Wire::lay(receiver_port, Faults::default())?;
    let machine = Machine::new(&image.path, folder.path(), wire.frames_to(None)?);
    let mut machine = machine.start_with(&tpm.arguments(Interface::Fifo))?;
    let said = machine.wait_for_serial("next try in")?;
    assert!(
        said.contains("NOT STARTED") && said.contains("the TPM's registers of SHA-256 are switched off"),
        "{said}"
    );
    wire.check_silent()
}
