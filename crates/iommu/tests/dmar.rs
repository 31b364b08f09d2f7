//! The DMAR table, right, and wrong in every way.

use std::collections::BTreeMap;

use noreturn_acpi::AcpiError;
use noreturn_acpi::model::{Memory, ROOT, table};
use noreturn_iommu::{Dmar, DmarError, RemappingUnit, ReservedRegion, Scope};
use noreturn_nic::{ConfigSpace, PciAddress};
use proptest::prelude::*;

const DMAR: u64 = 0x1fff_2000;
const MADT: u64 = 0x1fff_4000;

fn structure(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(body.len() as u16 + 4).to_le_bytes(), body].concat()
}

fn unit(flags: u8, segment: u16, registers: u64, scopes: &[u8]) -> Vec<u8> {
    structure(0, &[&[flags, 0][..], &segment.to_le_bytes(), &registers.to_le_bytes(), scopes].concat())
}

fn region(base: u64, limit: u64) -> Vec<u8> {
    let scope = [1, 8, 0, 0, 0, 0, 0x14, 0];
    structure(1, &[&[0; 4][..], &base.to_le_bytes(), &limit.to_le_bytes(), &scope].concat())
}

fn dmar(structures: &[Vec<u8>]) -> Vec<u8> {
    table(b"DMAR", &[&[38, 1][..], &[0; 10], &structures.concat()].concat())
}

fn machine(dmar: Vec<u8>) -> Memory {
    Memory::with_tables([(MADT, table(b"APIC", &[1, 2, 3])), (DMAR, dmar)])
}

/// A laptop's: a unit for the display alone, one for the rest, regions for USB and display, and what says nothing to us.
fn laptop() -> Vec<u8> {
    let display = [1, 8, 0, 0, 0, 0, 2, 0];
    let interrupts_and_timer = [[3, 8, 0, 0, 2, 0xf0, 0x1f, 0], [4, 8, 0, 0, 0, 0, 0x1f, 0]].concat();
    dmar(&[
        unit(0, 0, 0xfed9_0000, &display),
        unit(1, 0, 0xfed9_1000, &interrupts_and_timer),
        region(0x3e2e_0000, 0x3e2f_ffff),
        region(0x3b80_0000, 0x3fff_ffff),
        structure(2, &[0; 4]),
        structure(4, b"\0\0\0\x01\\_SB.PCI0.I2C0\0"),
        structure(99, &[]),
    ])
}

fn find(memory: &Memory) -> Result<Option<Dmar>, DmarError> {
    Dmar::find(memory, ROOT)
}

fn refused(structures: &[Vec<u8>]) -> DmarError {
    find(&machine(dmar(structures))).expect_err("malformed")
}

#[test]
fn units_and_regions_are_found() {
    let found = find(&machine(laptop())).expect("well-formed").expect("a DMAR");
    let unit = |registers, covers_rest, scopes| RemappingUnit { segment: 0, registers, covers_rest, scopes };
    let display = Scope { is_bridge: false, start_bus: 0, path: vec![(2, 0)] };
    assert_eq!(found.units, [unit(0xfed9_0000, false, vec![display]), unit(0xfed9_1000, true, vec![])]);
    let region = |base, limit| ReservedRegion { base, limit };
    assert_eq!(found.reserved, [region(0x3e2e_0000, 0x3e2f_ffff), region(0x3b80_0000, 0x3fff_ffff)]);
}

/// The table that QEMU 7.2 makes for `-device intel-iommu`, byte for byte.
#[test]
fn qemus_table_is_read() {
    let bytes: &[u8] = include_bytes!("qemu-dmar.bin");
    let found = find(&machine(bytes.to_vec())).expect("well-formed").expect("a DMAR");
    let named = [(0, 0), (31, 0), (31, 2), (31, 3)].map(|hop| (false, 0, vec![hop]));
    let [unit] = &found.units[..] else { panic!("{found:?}") };
    assert_eq!((unit.segment, unit.registers, unit.covers_rest), (0, 0xfed9_0000, false));
    let scopes: Vec<_> = unit.scopes.iter().map(|s| (s.is_bridge, s.start_bus, s.path.clone())).collect();
    assert_eq!(scopes, named);
    assert_eq!(found.reserved, []);
}

/// Bridges of a machine, by their bus, device and function: what lies behind them.
struct Bridges(BTreeMap<(u8, u8, u8), (u8, u8)>);

impl ConfigSpace for Bridges {
    fn read(&self, address: PciAddress, offset: u8) -> u32 {
        assert_eq!(offset, 0x18);
        let buses = self.0.get(&(address.bus, address.device, address.function));
        let (secondary, subordinate) = buses.copied().unwrap_or((0, 0));
        u32::from(subordinate) << 16 | u32::from(secondary) << 8
    }

    fn write(&mut self, _: PciAddress, _: u8, _: u32) {
        panic!("nothing is to be written")
    }
}

#[test]
fn a_card_beside_the_fence_is_noticed() {
    let bridges = Bridges(BTreeMap::from([((0, 28, 0), (1, 4)), ((1, 0, 0), (2, 4)), ((2, 5, 1), (3, 3))]));
    let covered = |units: &[Vec<u8>], bus, device, function| {
        let found = find(&machine(dmar(units))).expect("well-formed").expect("a DMAR");
        found.covers(&bridges, PciAddress { bus, device, function })
    };
    let named = |kind: u8, path: &[u8]| {
        let scope = [&[kind, 6 + path.len() as u8, 0, 0, 0, 0][..], path].concat();
        [unit(0, 0, 0xfed9_0000, &scope)]
    };
    assert!(covered(&named(1, &[3, 0]), 0, 3, 0));
    assert!(!covered(&named(1, &[3, 0]), 0, 3, 1) && !covered(&named(1, &[3, 0]), 1, 3, 0));
    assert!(!covered(&named(3, &[3, 0]), 0, 3, 0), "an interrupt controller is no card");
    let behind_three = named(1, &[28, 0, 0, 0, 5, 1, 9, 0]);
    assert!(covered(&behind_three, 3, 9, 0) && !covered(&behind_three, 2, 9, 0));
    let bridge = named(2, &[28, 0, 0, 0]);
    assert!(covered(&bridge, 2, 1, 0) && covered(&bridge, 4, 31, 7) && covered(&bridge, 1, 0, 0));
    assert!(!covered(&bridge, 1, 1, 0) && !covered(&bridge, 5, 0, 0) && !covered(&bridge, 0, 3, 0));
    assert!(!covered(&named(1, &[28, 0]), 2, 1, 0), "a device has nothing behind it");
    assert!(covered(&[unit(1, 0, 0xfed9_0000, &[])], 77, 1, 0));
    assert!(!covered(&[unit(1, 1, 0xfed9_0000, &[])], 77, 1, 0), "another segment's");
    assert!(!covered(&[], 0, 3, 0));
}

#[test]
fn a_machine_without_the_table_has_no_units() {
    assert_eq!(find(&Memory::with_tables([(MADT, table(b"APIC", &[1, 2, 3]))])), Ok(None));
}

#[test]
fn malformed_structures_are_refused() {
    let rest = || unit(1, 0, 0xfed9_1000, &[]);
    let short = table(b"DMAR", &[38, 1, 0]);
    assert_eq!(find(&machine(short)), Err(AcpiError::Length { table: "DMAR", bytes: 39 }.into()));
    let structures = [
        vec![0, 0, 0, 0],
        vec![0, 0, 3, 0],
        vec![0, 0, 200, 0],
        vec![7],
        structure(0, &[1; 11]),
        structure(1, &[0; 19]),
        unit(1, 0, 0xfed9_2000, &[1]),
        unit(1, 0, 0xfed9_2000, &[1, 5, 0, 0, 0]),
        unit(1, 0, 0xfed9_2000, &[1, 0, 0, 0, 0, 0]),
        unit(1, 0, 0xfed9_2000, &[1, 9, 0, 0, 0, 0, 2, 0]),
    ];
    for bytes in structures {
        assert_eq!(refused(&[rest(), bytes.clone()]), DmarError::Structure { offset: 64 }, "{bytes:?}");
    }
    for physical in [0, 0xfed9_1800, 0xfed9_1000, !0xfff] {
        let twice = [rest(), unit(0, 0, physical, &[])];
        assert_eq!(refused(&twice), DmarError::UnitAddress { physical });
    }
    let backwards = [rest(), region(2, 1)];
    assert_eq!(refused(&backwards), DmarError::Region { base: 2, limit: 1 });
    let many: Vec<_> = (1..=65).map(|n| unit(1, n - 1, u64::from(n) << 12, &[])).collect();
    assert_eq!(refused(&many), DmarError::TooManyUnits);
    assert_eq!(
        find(&machine(dmar(&many[..64]))).map(|found| found.map(|dmar| dmar.units.len())),
        Ok(Some(64))
    );
}

#[test]
fn every_flipped_bit_is_noticed() {
    let right = machine(laptop());
    // Under another name it is no DMAR at all.
    for bit in 32..right.0[&DMAR].len() * 8 {
        let mut memory = right.clone();
        memory.0.get_mut(&DMAR).expect("a table")[bit / 8] ^= 1 << (bit % 8);
        assert!(find(&memory).is_err(), "bit {bit}");
    }
}

proptest! {
    /// Whatever stands behind a right checksum: an answer, and none that the fence could not use.
    #[test]
    fn any_table_is_answered(structures in prop::collection::vec(any::<u8>(), 0..200), kinds in 0..8_u16) {
        let some = structure(kinds, &structures);
        for body in [structures, [unit(1, 0, 0x1000, &[]), some].concat()] {
            if let Ok(Some(found)) = find(&machine(dmar(&[body]))) {
                prop_assert!(found.units.iter().flat_map(|unit| &unit.scopes).all(|scope| !scope.path.is_empty()));
                prop_assert!(found.units.iter().all(|unit| unit.registers % 4096 == 0 && unit.registers != 0));
                prop_assert!(found.reserved.iter().all(|region| region.base <= region.limit));
            }
        }
    }
}
