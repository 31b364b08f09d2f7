//! PCI functions over a plain table: windows, capability lists that loop, and finding cards.

use std::collections::BTreeMap;

use noreturn_nic::pci::{BarError, Capability, Function, MemoryBar, scan};
use noreturn_nic::{CardList, ConfigSpace, DmaAccess, DmaRegion, MmioRegion, PciAddress, Platform};

const CARD: PciAddress = PciAddress { bus: 0, device: 3, function: 0 };

/// Values and writable bits, by address and offset.
#[derive(Default)]
struct Table {
    words: BTreeMap<(PciKey, u8), (u32, u32)>,
    bar_writes_while_decoding: usize,
}

type PciKey = (u8, u8, u8);

fn key(address: PciAddress) -> PciKey {
    (address.bus, address.device, address.function)
}

impl Table {
    fn put(&mut self, address: PciAddress, offset: u8, value: u32, writable: u32) {
        self.words.insert((key(address), offset), (value, writable));
    }

    fn card(address: PciAddress, class: u32) -> Self {
        let mut table = Self::default();
        table.add(address, class);
        table
    }

    fn add(&mut self, address: PciAddress, class: u32) {
        self.put(address, 0, 0x10d3_8086, 0);
        self.put(address, 4, 0x0010_0007, 0x0407);
        self.put(address, 8, class << 24, 0);
    }
}

impl ConfigSpace for Table {
    fn read(&self, address: PciAddress, offset: u8) -> u32 {
        let present = self.words.contains_key(&(key(address), 0));
        let absent = if present { 0 } else { u32::MAX };
        self.words.get(&(key(address), offset)).map_or(absent, |word| word.0)
    }

    fn write(&mut self, address: PciAddress, offset: u8, value: u32) {
        let decoding = self.read(address, 4) & 2 != 0;
        // Restoring a value while decoding is harmless, probing is not.
        self.bar_writes_while_decoding += usize::from(decoding && offset >= 0x10 && value == u32::MAX);
        if let Some((word, writable)) = self.words.get_mut(&(key(address), offset)) {
            *word = *word & !*writable | value & *writable;
        }
    }
}

/// No card of the table has registers.
impl Platform for Table {
    type Registers = MmioRegion;

    fn map_registers(&mut self, physical: u64, _: usize) -> Option<MmioRegion> {
        panic!("mapping of {physical:#x}");
    }
    fn map_registers_read_only(&mut self, physical: u64, _: usize) -> Option<MmioRegion> {
        panic!("mapping of {physical:#x}");
    }
    fn allocate_dma(&mut self, _: PciAddress, _: usize, _: DmaAccess) -> Option<DmaRegion> {
        panic!("memory for a card");
    }
    fn is_dma_fenced(&self) -> bool {
        false
    }
    fn now_us(&self) -> u64 {
        0
    }
    fn sleep_us(&mut self, _: u32) {}
}

fn function(table: &Table) -> Function {
    Function::at(table, CARD).expect("the card is there")
}

#[test]
fn windows_of_both_widths_are_sized_and_left_as_they_were() {
    let mut table = Table::card(CARD, 2);
    table.put(CARD, 0x10, 0xfeb0_0000, 0xfffe_0000);
    // 64 bits, prefetchable is the fourth bit, above 512 GiB.
    table.put(CARD, 0x14, 0x0000_000c, 0xffff_c000);
    table.put(CARD, 0x18, 0x0000_00c0, 0xffff_ffff);
    table.put(CARD, 0x1c, 0x0000_c001, 0xffff_ffe0);
    // 64 bits and larger than 4 GiB.
    table.put(CARD, 0x20, 0x0000_0004, 0);
    table.put(CARD, 0x24, 0x0000_0100, 0xffff_fff0);
    let before = table.words.clone();
    let card = function(&table);
    let window = |physical, bytes| Ok(MemoryBar { physical, bytes });
    assert_eq!(card.memory_bar(&mut table, 0), window(0xfeb0_0000, 0x2_0000));
    assert_eq!(card.memory_bar(&mut table, 1), window(0xc0_0000_0000, 0x4000));
    assert_eq!(card.memory_bar(&mut table, 3), Err(BarError::Ports));
    assert_eq!(card.memory_bar(&mut table, 4), window(0x100_0000_0000, 0x10_0000_0000));
    assert_eq!(card.memory_bar(&mut table, 5), Err(BarError::NoSuchRegister), "an upper half");
    assert_eq!(card.memory_bar(&mut table, 2), Err(BarError::NoSuchRegister), "an upper half");
    assert_eq!(table.words, before);
    assert_eq!(table.bar_writes_while_decoding, 0);
}

#[test]
fn windows_that_cannot_be_used_are_told() {
    let mut table = Table::card(CARD, 2);
    table.put(CARD, 0x10, 0, 0);
    table.put(CARD, 0x14, 0, 0xffff_0000);
    table.put(CARD, 0x18, 0xfeb0_0002, 0xffff_0000);
    table.put(CARD, 0x24, 0xfeb0_0004, 0xffff_0000);
    let card = function(&table);
    let errors = [0, 1, 2, 5, 6, 255].map(|index| card.memory_bar(&mut table, index).expect_err("unusable"));
    let expected = [
        BarError::Empty,
        BarError::Unassigned,
        BarError::UnknownKind,
        BarError::UnknownKind,
        BarError::NoSuchRegister,
        BarError::NoSuchRegister,
    ];
    assert_eq!(errors, expected);
}

#[test]
fn command_register_keeps_what_it_should() {
    let mut table = Table::card(CARD, 2);
    let card = function(&table);
    card.silence(&mut table);
    assert_eq!(table.read(CARD, 4), 0x0010_0402);
    card.allow_bus_mastering(&mut table);
    assert_eq!(table.read(CARD, 4), 0x0010_0406);
}

#[test]
fn capability_lists_are_walked() {
    let mut table = Table::card(CARD, 2);
    // The two lowest bits of a pointer mean nothing.
    table.put(CARD, 0x34, 0xc8 | 0b11, 0);
    table.put(CARD, 0xc8, 0x0000_d001, 0);
    table.put(CARD, 0xd0, 0x0000_0009, 0);
    let list: Vec<_> = function(&table).capabilities(&table).collect();
    assert_eq!(list, [Capability { id: 1, offset: 0xc8 }, Capability { id: 9, offset: 0xd0 }]);
}

#[test]
fn capability_lists_that_loop_or_lead_astray_end() {
    let mut table = Table::card(CARD, 2);
    table.put(CARD, 0x34, 0xc8, 0);
    table.put(CARD, 0xc8, 0x0000_d009, 0);
    table.put(CARD, 0xd0, 0x0000_c809, 0);
    assert_eq!(function(&table).capabilities(&table).count(), 48);
    table.put(CARD, 0xd0, 0x0000_1009, 0);
    assert_eq!(function(&table).capabilities(&table).count(), 2, "the header is no capability");
    table.put(CARD, 4, 0x0000_0007, 0);
    assert_eq!(function(&table).capabilities(&table).count(), 0, "the card says it has no list");
}

#[test]
fn scan_finds_every_function_in_order() {
    let mut table = Table::default();
    let places = [(0, 0, 0), (0, 3, 0), (0, 31, 0), (0, 31, 2), (0, 31, 7), (255, 31, 0)];
    for (bus, device, function) in places {
        table.add(PciAddress { bus, device, function }, if device == 31 { 2 } else { 6 });
    }
    // Only device 31 of bus 0 says that it has several functions.
    table.put(PciAddress { bus: 0, device: 31, function: 0 }, 0x0c, 0x0080_0000, 0);
    table.add(PciAddress { bus: 0, device: 3, function: 5 }, 2);
    let found: Vec<_> = scan(&table).map(|function| key(function.address)).collect();
    assert_eq!(found, places);
    let list = CardList::find(&mut table).to_string();
    let expected =
        "cards found: 00:1f.0 (8086:10d3), 00:1f.2 (8086:10d3), 00:1f.7 (8086:10d3), ff:1f.0 (8086:10d3)";
    assert_eq!(list, expected);
}

#[test]
fn long_and_empty_lists_stay_readable() {
    assert_eq!(CardList::find(&mut Table::default()).to_string(), "no network card found");
    let mut table = Table::default();
    (0..32).for_each(|device| table.add(PciAddress { bus: 1, device, function: 0 }, 2));
    (0..3).for_each(|device| table.add(PciAddress { bus: 2, device, function: 0 }, 2));
    let list = CardList::find(&mut table).to_string();
    assert!(list.ends_with("01:1f.0 (8086:10d3) and 3 more"), "{list}");
}
