//! Frames thrown at the outside card while the box runs change nothing.

use anyhow::Result;
use noreturn_tests::card::Card;
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::hostile;
use noreturn_tests::ports::free_tcp;
use noreturn_tests::process::wait_for;
use noreturn_tests::random::Random;
use noreturn_tests::site::device;
use noreturn_tests::world::{Plan, World, accounts};

/// Registers of the 82574L's receive side (datasheet 2.5, section 10.2): what they must read for ever.
const RECEIVE_REGISTERS: [(&str, u64); 7] = [
    ("RCTL", 0x0100),
    ("RDBAL0", 0x2800),
    ("RDBAH0", 0x2804),
    ("RDLEN0", 0x2808),
    ("RDH0", 0x2810),
    ("RDT0", 0x2818),
    ("GPRC", 0x4074),
];
const OUTSIDE_SLOT: u32 = 3;
const FLOOD_FRAMES: usize = 20_000;

fn receive_registers(world: &World) -> Result<Vec<(&'static str, u32)>> {
    RECEIVE_REGISTERS
        .iter()
        .map(|&(name, offset)| Ok((name, world.machine.read_register(OUTSIDE_SLOT, offset)?)))
        .collect()
}

fn flood(world: &mut World) -> Result<()> {
    let mut random = Random(7);
    for round in 0..FLOOD_FRAMES {
        world.wire.throw(world.card, &hostile::frame(&mut random))?;
        if round % 500 == 0 {
            world.machine.check_running()?;
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    Ok(())
}

/// Runs a box whose outside card is `outside`, floods it, and checks that nothing but telemetry goes on.
fn a_flood_changes_nothing(outside: Card) -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let point =
        "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 50\n";
    let modbus = device("plc", port, 1, "timeout_ms = 5000\n") + point;
    let mut world = World::start(&Plan::with_outside(outside, modbus))?;
    world.wait_for_records(20)?;
    let said = std::fs::read_to_string(&world.machine.serial)?;
    if outside == Card::E1000e {
        assert!(
            receive_registers(&world)?.iter().all(|(_, value)| *value == 0),
            "{:?}",
            receive_registers(&world)?
        );
    }

    flood(&mut world)?;
    let frames = world.wire.frames();
    wait_for("beacons and telemetry after the flood", || {
        world.machine.check_running()?;
        Ok((world.wire.frames() > frames + 50).then_some(()))
    })?;
    if outside == Card::E1000e {
        assert!(
            receive_registers(&world)?.iter().all(|(_, value)| *value == 0),
            "{:?}",
            receive_registers(&world)?
        );
    }
    assert_eq!(std::fs::read_to_string(&world.machine.serial)?, said, "the flood made the box say something");
    world.check_wire()?;

    for (tag, account) in accounts(&world.receiver.lines()?) {
        account.check()?;
        assert_eq!(account.gaps, [], "{tag}");
        if tag == "plc/count" {
            assert!(account.records.iter().all(|(sequence, value)| value.as_u64() == Some(*sequence)));
        }
    }
    let summary = world.receiver.stop()?;
    assert_eq!(summary["diodes"].as_array().map(Vec::len), Some(1), "the box booted again: {summary}");
    assert_eq!(summary["frames_missing"], 0, "{summary}");
    Ok(())
}

#[test]
fn on_an_82574() -> Result<()> {
    a_flood_changes_nothing(Card::E1000e)
}

#[test]
fn on_virtio_net() -> Result<()> {
    a_flood_changes_nothing(Card::VirtioNet)
}
