//! The image on Intel's igb cards (82576). They need a QEMU that has them: `scripts/lib/unpacked.sh` fetches it, and `scripts/test`
//! runs this file only then, and says so otherwise.
//!
//! Boots of their own: the card is inside, outside or without its cable, and QEMU is another program.

use anyhow::Result;
use noreturn_tests::card::Card;
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::flood;
use noreturn_tests::machine::Remapping;
use noreturn_tests::outage;
use noreturn_tests::ports::free_tcp;
use noreturn_tests::site::device;
use noreturn_tests::world::{Plan, World};

const QUEUES: u64 = 16;

/// Registers of the card's receive side (82576 datasheet, 8.10 and 8.18), of wake-up and of flow control.
fn receive_registers() -> Vec<(&'static str, u64)> {
    let one = [
        ("RCTL", 0x0100),
        ("GPRC", 0x4074),
        ("FCTTV", 0x0170),
        ("FCRTL0", 0x2160),
        ("FCRTH0", 0x2168),
        ("WUC", 0x5800),
        ("WUFC", 0x5808),
        ("IMS", 0x1508),
        ("EIMS", 0x1524),
    ];
    let queue =
        [("RDBAL", 0x00), ("RDBAH", 0x04), ("RDLEN", 0x08), ("RDH", 0x10), ("RDT", 0x18), ("RXDCTL", 0x28)];
    let queues = (0..QUEUES).flat_map(|n| queue.map(|(name, offset)| (name, 0xc000 + 0x40 * n + offset)));
    one.into_iter().chain(queues).collect()
}

#[test]
fn a_flood_changes_nothing() -> Result<()> {
    flood::changes_nothing(Card::Igb, &receive_registers())
}

/// More frames than any ring has places, both ways, so that every descriptor and buffer has been used.
fn all_goes_on(inside: Card, outside: Card, remapping: Remapping, fence: &str) -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let point =
        "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 50\n";
    let modbus = device("plc", port, 1, "timeout_ms = 5000\n") + point;
    let mut world = World::start(&Plan { inside, outside, remapping, ..Plan::new(modbus) })?;
    world.wait_for_records(600)?;
    let (known, said) = (world.receiver.summary()?["diodes"][0].take(), world.machine.said());
    assert_eq!((&known["dma_fence"], &known["image_check"]), (&fence.into(), &"match".into()), "{said}");
    assert_eq!(said.matches("noreturn: outside").count(), 1, "it booted again: {said}");
    assert!(!said.contains("stopped") && !said.contains("STOP"), "{said}");
    world.check_wire()
}

#[test]
fn outside_is_fenced() -> Result<()> {
    all_goes_on(Card::VirtioNet, Card::Igb, Remapping::ThreeLevels, "active")
}

#[test]
fn inside_is_fenced() -> Result<()> {
    all_goes_on(Card::Igb, Card::E1000e, Remapping::FourLevels, "active")
}

#[test]
fn an_outage_of_the_cable_is_made_up_for() -> Result<()> {
    outage::is_made_up_for(Card::Igb)
}
