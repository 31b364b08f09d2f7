//! The way to a table, over memory that is right, and over memory that is wrong in every way.

use noreturn_acpi::model::{Memory, ROOT, XSDT, root_pointer, table, xsdt};
use noreturn_acpi::{AcpiError, PmTimer, find, find_pm_timer};
use proptest::prelude::*;

const WANTED: u64 = 0x1fff_2000;
const OTHER: u64 = 0x1fff_4000;

fn wanted() -> Vec<u8> {
    table(b"WANT", b"and a body")
}

fn machine() -> Memory {
    Memory::with_tables([(WANTED, wanted()), (OTHER, table(b"APIC", &[1, 2, 3]))])
}

fn find_wanted(memory: &Memory) -> Result<Option<&[u8]>, AcpiError> {
    find(memory, ROOT, "WANT")
}

#[test]
fn a_table_is_found_if_it_is_there() {
    assert_eq!(find_wanted(&machine()), Ok(Some(&wanted()[..])));
    for others in [&[OTHER][..], &[]] {
        let mut memory = machine();
        memory.0.insert(XSDT, xsdt(others));
        assert_eq!(find_wanted(&memory), Ok(None));
    }
}

#[test]
fn the_way_there_is_checked() {
    let changed = |place: u64, piece: Vec<u8>| {
        let mut memory = machine();
        memory.0.insert(place, piece);
        find_wanted(&memory).expect_err("malformed")
    };
    let nowhere = AcpiError::Unreadable { table: "RSDP", physical: 1 };
    assert_eq!(find(&machine(), 1, "WANT"), Err(nowhere));
    assert_eq!(changed(ROOT, root_pointer(0, XSDT)), AcpiError::NoXsdt);
    let mut older = root_pointer(2, XSDT);
    older[15] = 0;
    assert_eq!(changed(ROOT, older), AcpiError::Checksum { table: "RSDP" }, "before its age is believed");
    let misled = AcpiError::Unreadable { table: "XSDT", physical: u64::MAX };
    assert_eq!(changed(ROOT, root_pointer(2, u64::MAX)), misled);
    assert_eq!(changed(XSDT, table(b"RSDT", &[])), AcpiError::Signature { table: "XSDT" });
    assert_eq!(changed(XSDT, table(b"XSDT", &[0; 12])), AcpiError::Length { table: "XSDT", bytes: 48 });
    assert_eq!(changed(XSDT, xsdt(&[WANTED, OTHER, WANTED])), AcpiError::Twice { table: "WANT" });
    let nowhere = AcpiError::Unreadable { table: "an entry of XSDT", physical: 5 };
    assert_eq!(changed(XSDT, xsdt(&[5])), nowhere);
    for length in [0, 35, 1 << 20 | 1, u32::MAX] {
        let mut bytes = wanted();
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(changed(WANTED, bytes), AcpiError::Length { table: "WANT", bytes: length });
    }
    let mut longer = wanted();
    longer[5] += 1;
    assert_eq!(changed(WANTED, longer), AcpiError::Unreadable { table: "WANT", physical: WANTED });
}

#[test]
fn every_flipped_bit_is_noticed() {
    let right = machine();
    for place in [ROOT, XSDT, WANTED] {
        for bit in 0..right.0[&place].len() * 8 {
            let mut memory = right.clone();
            memory.0.get_mut(&place).expect("a table")[bit / 8] ^= 1 << (bit % 8);
            // Under another name it is another table.
            let renamed = place == WANTED && bit < 32;
            assert_eq!(find_wanted(&memory).ok(), renamed.then_some(None), "bit {bit} at {place:#x}");
        }
    }
}

/// A FADT of ACPI 5 or later.
struct Fadt {
    port: u32,
    bytes: u8,
    extended_space: u8,
    extended: u64,
}

const QEMU: Fadt = Fadt { port: 0x608, bytes: 4, extended_space: 1, extended: 0x608 };

impl Fadt {
    fn timer(&self) -> Option<PmTimer> {
        let mut body = vec![0; 268 - 36];
        body[76 - 36..][..4].copy_from_slice(&self.port.to_le_bytes());
        body[91 - 36] = self.bytes;
        body[208 - 36] = self.extended_space;
        body[212 - 36..][..8].copy_from_slice(&self.extended.to_le_bytes());
        find_timer(&body).expect("well-formed")
    }
}

fn find_timer(body: &[u8]) -> Result<Option<PmTimer>, AcpiError> {
    find_pm_timer(&Memory::with_tables([(WANTED, table(b"FACP", body))]), ROOT)
}

#[test]
fn the_timer_is_where_the_newer_address_says() {
    assert_eq!(QEMU.timer(), Some(PmTimer { port: 0x608 }));
    assert_eq!(Fadt { port: 0x408, ..QEMU }.timer(), Some(PmTimer { port: 0x608 }));
    assert_eq!(Fadt { extended: 0, ..QEMU }.timer(), Some(PmTimer { port: 0x608 }));
    assert_eq!(Fadt { extended: 0, extended_space: 0, ..QEMU }.timer(), Some(PmTimer { port: 0x608 }));
}

#[test]
fn a_machine_without_the_timer_has_none() {
    let in_memory = Fadt { extended_space: 0, extended: 0xfed0_0000, ..QEMU };
    for fadt in [
        in_memory,
        Fadt { bytes: 0, ..QEMU },
        Fadt { port: 0, extended: 0, ..QEMU },
        Fadt { extended: 0x1_0000, ..QEMU },
        Fadt { extended: 0, port: 0x1_0608, ..QEMU },
    ] {
        assert_eq!(fadt.timer(), None);
    }
    assert_eq!(find_pm_timer(&machine(), ROOT), Ok(None), "no FADT at all");
}

#[test]
fn an_old_table_has_no_newer_address() {
    let mut body = vec![0; 116 - 36];
    body[76 - 36..][..4].copy_from_slice(&0x408_u32.to_le_bytes());
    body[91 - 36] = 4;
    assert_eq!(find_timer(&body), Ok(Some(PmTimer { port: 0x408 })));
    body.pop();
    assert_eq!(find_timer(&body), Err(AcpiError::Length { table: "FACP", bytes: 115 }));
}

#[test]
fn ticks_are_counted_over_the_end_of_24_bits() {
    assert_eq!(PmTimer::ticks(5, 9), 4);
    assert_eq!(PmTimer::ticks(0x00ff_fffe, 3), 5);
    assert_eq!(PmTimer::ticks(u32::MAX, 3), 4, "a timer with 32 bits");
}

proptest! {
    /// Whatever stands behind a right checksum: an answer.
    #[test]
    fn any_fadt_is_answered(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = find_timer(&body);
    }
}
