//! What is done to everything in the machine, the cards first, over configuration spaces that obey, or do not.

use std::collections::BTreeMap;

use noreturn_nic::bystanders::{Bystanders, silence};
use noreturn_nic::{ConfigSpace, PciAddress};

const MASTER: u32 = 1 << 2;
const INTX_DISABLE: u32 = 1 << 10;
/// What firmware leaves: ports, memory, bus mastering.
const LEFT: u32 = 0b111;
const HAS_CAPABILITIES: u32 = 1 << 20;
const MSI: u8 = 0x50;
const MSI_X: u8 = 0x70;

/// A word, and which of its bits can be written.
type Word = (u32, u32);

#[derive(Clone, Default, PartialEq, Debug)]
struct Space {
    functions: BTreeMap<(u8, u8, u8), BTreeMap<u8, Word>>,
    /// Functions that were written to, in this order.
    written: Vec<(u8, u8, u8)>,
}

const fn at(bus: u8, device: u8, function: u8) -> PciAddress {
    PciAddress { bus, device, function }
}

impl Space {
    fn add(&mut self, address: PciAddress, class: u32, header: u32) -> &mut BTreeMap<u8, Word> {
        let words = self.functions.entry((address.bus, address.device, address.function)).or_default();
        words.extend([
            (0, (0x1234_8086, 0)),
            (4, (LEFT | HAS_CAPABILITIES, 0x0407)),
            (8, (class << 16, 0)),
            (12, (header << 16, 0)),
            (0x34, (u32::from(MSI), 0)),
            (MSI, (u32::from(MSI_X) << 8 | 0x05 | 1 << 16, 1 << 16)),
            (MSI_X, (0x11 | 1 << 31, 1 << 31)),
        ]);
        words
    }

    fn bridge(&mut self, address: PciAddress, secondary: u32, subordinate: u32) {
        let words = self.add(address, 0x0604, 1);
        words.insert(0x18, (subordinate << 16 | secondary << 8, 0));
    }

    fn command(&self, address: PciAddress) -> u32 {
        self.read(address, 4) & 0xffff
    }

    fn has_message_interrupts(&self, address: PciAddress) -> bool {
        self.read(address, MSI) & 1 << 16 != 0 || self.read(address, MSI_X) & 1 << 31 != 0
    }
}

impl ConfigSpace for Space {
    fn read(&self, address: PciAddress, offset: u8) -> u32 {
        match self.functions.get(&(address.bus, address.device, address.function)) {
            None => u32::MAX,
            Some(words) => words.get(&offset).map_or(0, |word| word.0),
        }
    }

    fn write(&mut self, address: PciAddress, offset: u8, value: u32) {
        let key = (address.bus, address.device, address.function);
        let words = self.functions.get_mut(&key).expect("a function");
        self.written.push(key);
        let (word, writable) = words.get_mut(&offset).expect("a register that is known");
        *word = *word & !*writable | value & *writable;
    }
}

const CARDS: [PciAddress; 2] = [at(0, 3, 0), at(5, 0, 1)];
const WIRING: [PciAddress; 2] = [at(0, 0, 0), at(0, 31, 0)];
const WAY: [PciAddress; 2] = [at(0, 28, 0), at(3, 0, 0)];
const OTHERS: [PciAddress; 5] = [at(0, 2, 0), at(0, 29, 0), at(5, 0, 0), at(9, 0, 0), at(200, 7, 5)];

/// A chipset, two cards, one of them behind two bridges and with a sister, a stick's controller, a display, a bridge with
/// something behind it, and a device on a bus of its own.
fn machine() -> Space {
    let mut space = Space::default();
    space.add(WIRING[0], 0x0600, 0);
    space.add(WIRING[1], 0x0601, 0x80);
    space.add(CARDS[0], 0x0200, 0);
    space.bridge(WAY[0], 2, 6);
    space.bridge(WAY[1], 5, 5);
    space.add(CARDS[1], 0x0200, 0x80);
    space.add(OTHERS[2], 0x0200, 0x80);
    space.add(OTHERS[0], 0x0300, 0);
    space.bridge(OTHERS[1], 9, 9);
    space.add(OTHERS[3], 0x0c03, 0);
    space.add(at(200, 7, 0), 0x0600, 0x80);
    space.add(OTHERS[4], 0x0108, 0);
    space
}

#[test]
fn others_lose_memory_and_interrupts_and_nothing_else() {
    let mut space = machine();
    let before = space.clone();
    let found = silence(&mut space, &CARDS);
    assert_eq!(found, Bystanders { functions: 5, were_active: 5, stuck: None });
    assert_eq!((found.danger(false), found.danger(true)), (None, None));
    for other in OTHERS.iter().chain(&CARDS).copied() {
        assert_eq!(space.command(other), LEFT & !MASTER | INTX_DISABLE, "{other}");
        assert!(!space.has_message_interrupts(other), "{other}");
    }
    for way in WAY {
        assert_eq!(space.command(way), LEFT | INTX_DISABLE, "{way}");
        assert!(!space.has_message_interrupts(way), "{way}");
    }
    for untouched in WIRING.map(|a| (a.bus, a.device, a.function)) {
        assert_eq!(space.functions[&untouched], before.functions[&untouched], "{untouched:?}");
    }
    let again = silence(&mut space, &CARDS);
    assert_eq!(again, Bystanders { functions: 5, were_active: 0, stuck: None });
}

#[test]
fn a_bridge_that_leads_to_no_card_forwards_nothing() {
    let mut space = machine();
    let found = silence(&mut space, &[CARDS[0]]);
    assert_eq!(found.functions, 8);
    for bridge in WAY {
        assert_eq!(space.command(bridge) & MASTER, 0, "{bridge}");
    }
    // Buses that nobody has numbered are no way to bus 0.
    let mut space = machine();
    space.bridge(at(0, 27, 0), 0, 0);
    silence(&mut space, &CARDS);
    assert_eq!(space.command(at(0, 27, 0)) & MASTER, 0);
}

#[test]
fn what_ignores_it_is_named() {
    for register in [4, MSI, MSI_X] {
        let mut space = machine();
        let words = space.functions.get_mut(&(5, 0, 0)).expect("a function");
        words.get_mut(&register).expect("a register").1 = 0;
        let found = silence(&mut space, &CARDS);
        assert_eq!(found.stuck.map(|function| function.address), Some(OTHERS[2]), "{register:#x}");
        assert_eq!(found.danger(false), found.stuck, "nothing holds it");
        assert_eq!(found.danger(true), None, "the fence holds it");
        assert_eq!(space.command(OTHERS[4]) & MASTER, 0, "the others are told all the same");
    }
}

#[test]
fn capabilities_that_run_in_a_circle_are_no_trap() {
    let mut space = machine();
    let words = space.functions.get_mut(&(9, 0, 0)).expect("a function");
    words.insert(MSI_X, (u32::from(MSI) << 8 | 0x11, 0));
    assert_eq!(silence(&mut space, &CARDS).stuck, None);
}

/// Frames that arrive on the outside card could be written into memory until its bus mastering is off.
#[test]
fn the_cards_come_first() {
    let mut space = machine();
    silence(&mut space, &CARDS);
    let mut order = space.written.clone();
    order.dedup();
    assert_eq!(order[..2], CARDS.map(|card| (card.bus, card.device, card.function)));
    assert_eq!(order.len(), 2 + OTHERS.len() + WAY.len(), "each of the others once: {order:?}");
}

#[test]
fn a_card_that_ignores_it_is_named() {
    for register in [4, MSI, MSI_X] {
        let mut space = machine();
        let words = space.functions.get_mut(&(5, 0, 1)).expect("a card");
        words.get_mut(&register).expect("a register").1 = 0;
        let found = silence(&mut space, &CARDS);
        assert_eq!(found.stuck.map(|function| function.address), Some(CARDS[1]), "{register:#x}");
    }
    let mut space = machine();
    space.functions.remove(&(0, 3, 0));
    let found = silence(&mut space, &CARDS);
    assert_eq!(
        found,
        Bystanders { functions: 5, were_active: 5, stuck: None },
        "its driver says that it is not there"
    );
}

/// Of what says that it is a bridge and has no bus behind it, only host bridges and those to ISA are left alone.
#[test]
fn bridges_without_a_bridges_header_are_like_any_other_function() {
    for (class, is_left) in
        [(0x0600, true), (0x0601, true), (0x0602, false), (0x0607, false), (0x0680, false)]
    {
        let mut space = machine();
        space.add(at(0, 20, 0), class, 0);
        let found = silence(&mut space, &CARDS);
        let is_master = space.command(at(0, 20, 0)) & MASTER != 0;
        assert_eq!((is_master, found.functions), (is_left, if is_left { 5 } else { 6 }), "{class:#06x}");
        assert_eq!(space.has_message_interrupts(at(0, 20, 0)), is_left, "{class:#06x}");
    }
}
