//! A flood of frames at the outside card, after which all must be as before.

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::card::Card;
use crate::counting::CountingDevice;
use crate::hostile::{self, OUTSIDE_MAC};
use crate::lan::capture::{dump, read_file};
use crate::ports::free_tcp;
use crate::process::wait_for;
use crate::random::Random;
use crate::site::device;
use crate::world::{Plan, World, accounts};

const OUTSIDE_SLOT: u32 = 3;
const FLOOD_FRAMES: usize = 20_000;
/// How often the box is stopped in the flood. QEMU offers a card that does not receive one frame after each stop, and keeps the others
/// back: so many have reached the card at least.
const STOPS: usize = 40;

/// Fails unless each of these registers of the outside card reads 0, as seen from outside the machine.
fn check_zero(world: &World, registers: &[(&str, u64)]) -> Result<()> {
    for &(name, offset) in registers {
        let value = world.machine.read_register(OUTSIDE_SLOT, offset)?;
        ensure!(value == 0, "{name} of the outside card reads {value:#x}");
    }
    Ok(())
}

fn flood(world: &mut World) -> Result<()> {
    let mut random = Random(7);
    for round in 0..FLOOD_FRAMES {
        world.wire.throw(world.card, &hostile::frame(&mut random))?;
        if round % (FLOOD_FRAMES / STOPS) == 0 {
            world.machine.check_running()?;
            world.machine.monitor_command("stop")?;
            world.machine.monitor_command("cont")?;
        }
    }
    Ok(())
}

/// Runs a box whose outside card is `outside`, floods it, and checks that nothing but telemetry goes on, and that each of
/// `registers` (name and offset) reads 0 before and after.
///
/// # Errors
/// If anything else happens.
///
/// # Panics
/// If anything else happens, too.
pub fn changes_nothing(outside: Card, registers: &[(&str, u64)]) -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let point =
        "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 50\n";
    let modbus = device("plc", port, 1, "timeout_ms = 5000\n") + point;
    let folder = TempDir::new()?;
    let offered = folder.path().join("offered.pcap");
    let mut world =
        World::start_in(folder, &Plan::with_outside(outside, modbus), &dump("outside", "all", &offered))?;
    world.wait_for_records(20)?;
    let said = std::fs::read_to_string(&world.machine.serial)?;
    check_zero(&world, registers)?;

    flood(&mut world)?;
    let frames = world.wire.frames();
    wait_for("beacons and telemetry after the flood", || {
        world.machine.check_running()?;
        Ok((world.wire.frames() > frames + 50).then_some(()))
    })?;
    check_zero(&world, registers)?;
    assert_eq!(std::fs::read_to_string(&world.machine.serial)?, said, "the flood made the box say something");
    world.check_wire()?;

    for (tag, account) in accounts(&world.receiver.lines()?) {
        account.check()?;
        assert_eq!(account.gaps, [], "{tag}");
        if tag == "plc/count" {
            assert!(account.records.iter().all(|(sequence, value)| value.as_u64() == Some(*sequence)));
        }
    }
    drop(world.machine);
    let offered =
        read_file(&offered)?.iter().filter(|(_, frame)| frame.get(6..12) != Some(&OUTSIDE_MAC[..])).count();
    ensure!(offered >= STOPS, "only {offered} frames of the flood were offered to the card");
    let summary = world.receiver.stop()?;
    assert_eq!(summary["diodes"].as_array().map(Vec::len), Some(1), "the box booted again: {summary}");
    assert_eq!(summary["frames_missing"], 0, "{summary}");
    Ok(())
}
