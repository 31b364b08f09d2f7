//! Whatever else is in the machine, and was left at work by the firmware, reaches no memory and interrupts nobody.

use anyhow::{Context, Result};
use noreturn_tests::machine::Running;
use noreturn_tests::site::idle_device;
use noreturn_tests::world::{Plan, World};
use tempfile::TempDir;

/// A display, a disk, two more cards, one of them behind a bridge of its own.
const MORE: [&str; 5] = [
    "VGA,addr=0x8",
    "nvme,serial=bystander,addr=0x9",
    "e1000e,addr=0xa",
    "pcie-root-port,id=behind,chassis=1,addr=0xb",
    "virtio-rng-pci,bus=behind",
];
const CARDS: [u32; 2] = [2, 3];
const STICK: u32 = 4;
const BRIDGE: u32 = 0xb;
const MASTER: u32 = 1 << 2;
const INTX_DISABLE: u32 = 1 << 10;
const CLASS_WIRING: u32 = 0x06;
const HEADER_BRIDGE: u32 = 1;

struct Function {
    place: (u32, u32, u32),
    command: u32,
    is_wiring: bool,
}

/// Every function that answers, on the bus of the chipset and on the one behind the bridge.
fn functions(machine: &Running) -> Result<Vec<Function>> {
    let behind = machine.read_config((0, BRIDGE, 0), 0x18)? >> 8 & 0xff;
    let mut found = Vec::new();
    for place in [0, behind]
        .into_iter()
        .flat_map(|bus| (0..32).flat_map(move |slot| (0..8).map(move |f| (bus, slot, f))))
    {
        if place.2 > 0 && place.1 != 31 || machine.read_config(place, 0)? == u32::MAX {
            continue;
        }
        let class = machine.read_config(place, 8)? >> 24;
        let header = machine.read_config(place, 12)? >> 16 & 0x7f;
        let is_wiring = class == CLASS_WIRING && header != HEADER_BRIDGE;
        found.push(Function { place, command: machine.read_config(place, 4)?, is_wiring });
    }
    Ok(found)
}

#[test]
fn nothing_but_the_two_cards_reaches_memory() -> Result<()> {
    let more: Vec<_> = MORE.iter().flat_map(|device| ["-device".to_owned(), (*device).to_owned()]).collect();
    let mut world = World::start_in(TempDir::new()?, &Plan::new(idle_device()), &more)?;
    let said = world.machine.wait_for_serial(" active\n")?;
    let line =
        said.lines().find(|line| line.contains("other devices: no access to memory")).context("no line")?;
    let left: u32 = line.rsplit(' ').nth(1).context("no number")?.parse()?;
    assert!(left > 0, "the firmware had left nothing active, so nothing was shown: {line}");
    world.wait_for_last_stop("unknown")?;

    let functions = functions(&world.machine)?;
    let is_at =
        |bus, slot| functions.iter().any(|function| (function.place.0, function.place.1) == (bus, slot));
    assert!(
        [2, 3, STICK, 6, 8, 9, 0xa, BRIDGE].into_iter().all(|slot| is_at(0, slot)),
        "a device is missing"
    );
    assert!(functions.iter().any(|function| function.place.0 > 0), "nothing is behind the bridge");
    for Function { place, command, is_wiring } in functions {
        let is_card = place.0 == 0 && CARDS.contains(&place.1);
        if !is_wiring {
            assert_eq!(command & MASTER != 0, is_card, "{place:x?}: {command:#06x}");
            assert_ne!(command & INTX_DISABLE, 0, "{place:x?}: {command:#06x}");
        }
    }
    Ok(())
}
