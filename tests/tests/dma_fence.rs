//! On a machine with a DMA remapping unit, cards reach what they were given and nothing else: everything works, nothing
//! is stopped, and a card that receives behind its driver's back changes no memory and stops the box.
//!
//! Boots of their own: each is another machine, with a unit or none and other cards, and some end with a box that has stopped.

use anyhow::Result;
use noreturn_tests::card::Card;
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::machine::Remapping;
use noreturn_tests::ports::free_tcp;
use noreturn_tests::process::wait_for;
use noreturn_tests::site::device;
use noreturn_tests::world::{Plan, World};

const POINT: &str =
    "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 50\n";
const FENCED: &str = "noreturn: DMA fence: 1 units";

/// The site of a box with these cards and this unit, and its device.
fn start(plan: &Plan<'_>) -> Result<(World, CountingDevice)> {
    let port = free_tcp()?;
    let counting = CountingDevice::start(port)?;
    let modbus = device("plc", port, 1, "timeout_ms = 5000\n") + POINT;
    Ok((World::start(&Plan { modbus, ..plan.clone() })?, counting))
}

/// More frames than any ring has places, both ways, so that every descriptor and buffer has been used.
fn all_goes_on(inside: Card, outside: Card, remapping: Remapping, fence: &str) -> Result<()> {
    let (mut world, _device) = start(&Plan { inside, outside, remapping, ..Plan::new(String::new()) })?;
    world.wait_for_records(600)?;
    let (known, said) = (world.receiver.summary()?["diodes"][0].take(), world.machine.said());
    assert_eq!((&known["dma_fence"], &known["image_check"]), (&fence.into(), &"match".into()), "{said}");
    assert_eq!(said.contains(FENCED), fence == "active", "{said}");
    assert_eq!(said.matches("noreturn: outside").count(), 1, "it booted again: {said}");
    assert!(!said.contains("stopped") && !said.contains("STOP"), "{said}");
    assert_eq!(world.wire.foreign().len(), 0);
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
    let fault = Some("planted receive");
    let (mut world, _device) = start(&Plan { remapping, fault, ..Plan::new(String::new()) })?;
    world.wait_for_last_stop("unknown")?;
    world.machine.wait_for_serial("noreturn: planted receive")?;
    let frame = [[0xff; 6].as_slice(), &[2, 0, 0, 0, 0, 9, 0x88, 0xb5], &[0x5a; 46]].concat();
    wait_for("the box to stop", || {
        world.machine.check_running()?;
        world.wire.throw(world.card, &frame)?;
        Ok(world.machine.said().contains("nothing more is sent").then_some(()))
    })?;
    let said = world.machine.said();
    assert!(said.contains(&format!("noreturn: memory {memory}\n")), "{said}");
    assert!(said.contains(&format!("STOP: {stop}")), "{said}");
    let known = world.wait_for_last_stop(last_stop)?;
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
