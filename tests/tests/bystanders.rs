//! Whatever is in the machine, and was left at work by the firmware, reaches no memory and interrupts nobody; and that is seen to before
//! anything else is done to PCI, for the two cards first.
//!
//! A boot of its own: the machine is full of devices that others must not have on their buses, and every write to them is logged from the
//! reset on.

use std::path::Path;

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
/// The order in which they must lose bus mastering.
const OUTSIDE_FIRST: [u32; 2] = [3, 2];
const COMMAND: u32 = 4;
const BASE_ADDRESSES: std::ops::Range<u32> = 0x10..0x28;
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

/// Has QEMU log every write to a configuration space, and every character that is said on the serial port, which tells who writes.
fn logged(trace: &Path) -> Vec<String> {
    let trace = trace.display().to_string();
    ["-D", &trace, "-trace", "enable=pci_cfg_write", "-trace", "enable=serial_write"]
        .map(str::to_owned)
        .to_vec()
}

/// The kernel's writes to configuration spaces on bus 0, in their order: slot, register and value; but not to base addresses, whose size is
/// probed by writing. What the loader says last, the firmware's own farewell to its devices, and the first probe of Hermit's scan come before.
fn kernels_writes(trace: &Path) -> Result<Vec<(u32, u32, u32)>> {
    const LOADER_ENDS: &str = "starting the kernel";
    let number = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let (mut said, mut writes) = (String::new(), Vec::new());
    for line in std::fs::read_to_string(trace)?.lines() {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["serial_write", "write", "addr", "0x00", "val", value] => {
                said.push(number(value).and_then(char::from_u32).context("no character")?);
            }
            ["pci_cfg_write", _, place, register, "<-", value] if said.contains(LOADER_ENDS) => {
                let slot =
                    place.strip_prefix("00:").and_then(|place| place.split('.').next()).and_then(number);
                let register = number(register.trim_start_matches('@'));
                writes.extend(
                    slot.zip(register)
                        .zip(number(value))
                        .map(|((slot, register), value)| (slot, register, value)),
                );
            }
            _ => {}
        }
    }
    let is_probe = |write: &(u32, u32, u32)| BASE_ADDRESSES.contains(&write.1);
    Ok(writes.into_iter().skip_while(|write| !is_probe(write)).filter(|write| !is_probe(write)).collect())
}

/// Of the functions that were written to, the outside card is the first and the inside card the second, and neither gets its bus
/// mastering back before the others have lost theirs.
fn check_order(writes: &[(u32, u32, u32)]) {
    let mut order: Vec<_> = writes.iter().map(|(slot, ..)| *slot).collect();
    order.dedup();
    assert_eq!(order.get(..2), Some(&OUTSIDE_FIRST[..]), "{writes:x?}");
    let last_other = writes.iter().rposition(|(slot, ..)| !CARDS.contains(slot)).unwrap_or_default();
    assert!(last_other > 2, "nothing else was written to: {writes:x?}");
    let is_given = |write: &&(u32, u32, u32)| write.1 == COMMAND && write.2 & MASTER != 0;
    assert_eq!(writes[..last_other].iter().find(|write| CARDS.contains(&write.0) && is_given(write)), None);
    for card in CARDS {
        assert!(
            writes[last_other..].iter().any(|write| write.0 == card && is_given(&write)),
            "{card} got nothing back"
        );
    }
}

#[test]
fn nothing_but_the_two_cards_reaches_memory() -> Result<()> {
    let folder = TempDir::new()?;
    let trace = folder.path().join("trace.log");
    let more = MORE.iter().flat_map(|device| ["-device".to_owned(), (*device).to_owned()]);
    let more: Vec<_> = more.chain(logged(&trace)).collect();
    let mut world = World::start_in(folder, &Plan::new(idle_device()), &more)?;
    let said = world.machine.wait_for_serial(" active\n")?;
    let line =
        said.lines().find(|line| line.contains("other devices: no access to memory")).context("no line")?;
    let left: u32 = line.rsplit(' ').nth(1).context("no number")?.parse()?;
    assert!(left > 0, "the firmware had left nothing active, so nothing was shown: {line}");
    world.wait_for_last_stop("unknown")?;
    check_order(&kernels_writes(&trace)?);

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
    world.check_wire()
}
