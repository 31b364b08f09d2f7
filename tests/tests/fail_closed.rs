//! In a state that it cannot answer for, the box says why, sends nothing, and resets into another boot; and an
//! image that somebody else signed is seen at the receiver.
//!
//! Boots of their own: each box stops before it does anything else, or is signed by somebody else.

use anyhow::Result;
use noreturn_tests::card::{INSIDE_MAC, OUTSIDE_MAC, OUTSIDE_PCI};
use noreturn_tests::counting::CountingDevice;
use noreturn_tests::machine::{Machine, PROCESSOR};
use noreturn_tests::ports::{free_tcp, free_udp};
use noreturn_tests::process::wait_for;
use noreturn_tests::site::{Site, build, device};
use noreturn_tests::wire::{Faults, Wire};
use noreturn_tests::world::{Plan, World};
use tempfile::TempDir;

const POINT: &str =
    "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";

/// Boots until the box has stopped for `reason` and started again; it must not have sent anything.
fn stops_and_resets(processor: &str, change: impl Fn(&str) -> String, reason: &str) -> Result<()> {
    let folder = TempDir::new()?;
    let receiver_port = free_udp()?;
    let site = Site { receiver_port, modbus: device("plc", 9, 1, "") + POINT };
    let image = build(&change(&site.text()), folder.path())?;
    let wire = Wire::lay(receiver_port, Faults::default())?;
    let machine = Machine { processor, ..Machine::new(&image.path, folder.path(), wire.frames_to(None)?) };
    let mut running = machine.start()?;
    let said = running.wait_for_serial("nothing more is sent")?;
    assert!(said.contains(&format!("STOP: {reason}")), "{said}");
    wait_for("the boot after the reset", || {
        running.check_running()?;
        let said = std::fs::read(&running.serial)?;
        Ok((String::from_utf8_lossy(&said).matches("noreturn loader: measuring").count() > 1).then_some(()))
    })?;
    wire.check_silent()
}

#[test]
fn without_random_numbers() -> Result<()> {
    stops_and_resets("max,-rdrand,-rdseed", str::to_owned, "the processor has no working RDSEED or RDRAND")
}

#[test]
fn without_its_outside_card() -> Result<()> {
    let elsewhere = |site: &str| site.replace(OUTSIDE_PCI, "00:05.0");
    let found = format!("00:02.0 (1af4:1041) {INSIDE_MAC}, 00:03.0 (8086:10d3) {OUTSIDE_MAC}");
    stops_and_resets(PROCESSOR, elsewhere, &format!("no card at 00:05.0; cards found: {found}"))
}

/// A boot of its own: the box stops before it does anything else. Each card is where the other should be.
#[test]
fn with_its_cards_in_each_others_places() -> Result<()> {
    let swapped = |site: &str| {
        let site = site.replace(INSIDE_MAC, "inside").replace(OUTSIDE_MAC, INSIDE_MAC);
        site.replace("inside\"\naddress", &format!("{OUTSIDE_MAC}\"\naddress"))
    };
    let told = format!("card 00:03.0 has the Ethernet address {OUTSIDE_MAC}, but card_mac is {INSIDE_MAC}: ");
    stops_and_resets(PROCESSOR, swapped, &told)
}

/// A boot of its own, as above: the outside card is the right one, and the inside card must not listen.
#[test]
fn with_another_inside_card() -> Result<()> {
    let other = "52:54:00:12:34:58";
    let told = format!("card 00:02.0 has the Ethernet address {INSIDE_MAC}, but card_mac is {other}: ");
    stops_and_resets(PROCESSOR, |site| site.replace(INSIDE_MAC, other), &told)
}

#[test]
fn without_the_memory_for_its_history() -> Result<()> {
    let long = |site: &str| format!("{site}\n[link.telemetry]\nhistory_bytes_max = 268_435_456\n");
    stops_and_resets(PROCESSOR, long, "there are no")
}

#[test]
fn an_image_of_another_owner_raises_the_alarm() -> Result<()> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let mut world =
        World::start(&Plan { of_another_owner: true, ..Plan::new(device("plc", port, 1, "") + POINT) })?;
    world.wait_for_records(1)?;
    world.check_wire()?;
    let lines = world.receiver.lines()?;
    assert!(lines.iter().any(|line| line["kind"] == "alarm"), "{lines:?}");
    let summary = world.receiver.stop()?;
    assert_eq!(summary["diodes"][0]["image_check"], "mismatch", "{summary}");
    assert_ne!(summary["diodes"][0]["image_sha256"], world.image.sha256, "{summary}");
    Ok(())
}
