//! The fence against a model unit: what was given can be reached, in the way that was said, and nothing else.

mod model;

use model::{Kind, Machine, PLAIN, UNIT};
use noreturn_iommu::{Dmar, Fault, Faults, Fence, FenceError, Grant, RemappingUnit};
use noreturn_nic::{DmaAccess, PciAddress};
use proptest::prelude::*;

const OUTSIDE: PciAddress = PciAddress { bus: 0, device: 3, function: 0 };
const INSIDE: PciAddress = PciAddress { bus: 0, device: 2, function: 0 };
const OTHER: PciAddress = PciAddress { bus: 0, device: 31, function: 2 };
const BEHIND: PciAddress = PciAddress { bus: 0xff, device: 31, function: 7 };
const DEVICES: [PciAddress; 4] = [OUTSIDE, INSIDE, OTHER, BEHIND];
const PAGE: u64 = 4096;

fn dmar(segment: u16) -> Dmar {
    let unit = RemappingUnit { segment, registers: UNIT, covers_rest: true, scopes: Vec::new() };
    Dmar { units: vec![unit], reserved: Vec::new() }
}

fn start(kind: Kind) -> (Machine, Fence<model::Window>) {
    let mut machine = Machine::new(kind);
    let fence = Fence::start(&mut machine, &dmar(0)).expect("the fence stands");
    (machine, fence)
}

fn start_error(kind: Kind) -> FenceError {
    Fence::start(&mut Machine::new(kind), &dmar(0)).map(|_| ()).expect_err("no fence")
}

fn first_page(card: PciAddress) -> Grant {
    Grant { card, physical: PAGE, bytes: PAGE, access: DmaAccess::ReadWrite }
}

fn rights(machine: &Machine, device: PciAddress, address: u64) -> (bool, bool) {
    (machine.access(device, address, false), machine.access(device, address, true))
}

/// Every unit that the model knows, by what it makes of a page for writing only.
fn kinds() -> impl Iterator<Item = Kind> {
    [(0b10, 39), (0b100, 48), (0b110, 39), (0b110, 46), (0b110, 36)].into_iter().flat_map(
        |(widths, address_bits)| {
            [false, true].into_iter().map(move |flag| Kind {
                widths,
                address_bits,
                write_only: flag,
                write_buffer: !flag,
                firmware_left_on: flag,
                queue: flag == (address_bits == 39),
                ..PLAIN
            })
        },
    )
}

#[test]
fn nobody_reaches_anything_at_first() {
    for kind in kinds() {
        let (machine, _) = start(kind);
        for device in DEVICES {
            for address in [0, 0x1000, 0xfff_ffff, 0x1_2340_0000, 1 << 35, 1 << 38, 1 << 47, u64::MAX] {
                assert_eq!(rights(&machine, device, address), (false, false), "{kind:?}");
            }
        }
    }
}

#[test]
fn each_card_reaches_its_own_in_its_own_way() {
    for kind in kinds() {
        let (mut machine, mut fence) = start(kind);
        let given = [
            (OUTSIDE, 0x7000, 1, DmaAccess::ReadWrite),
            (OUTSIDE, 0x20_0000, 128, DmaAccess::Read),
            (INSIDE, 0x7f_f000, 2, DmaAccess::Write),
            (INSIDE, (1 << 36) - PAGE, 1, DmaAccess::Read),
        ];
        for (card, physical, pages, access) in given {
            fence.grant(&mut machine, Grant { card, physical, bytes: pages * PAGE, access }).expect("memory");
        }
        let may_read_too = !kind.write_only;
        let expected = [
            (OUTSIDE, 0x7000, (true, true)),
            (OUTSIDE, 0x7fff, (true, true)),
            (OUTSIDE, 0x20_0000, (true, false)),
            (OUTSIDE, 0x27_ffff, (true, false)),
            (INSIDE, 0x7f_f000, (may_read_too, true)),
            (INSIDE, 0x80_0fff, (may_read_too, true)),
            (INSIDE, (1 << 36) - 1, (true, false)),
        ];
        for (card, address, rights_given) in expected {
            assert_eq!(rights(&machine, card, address), rights_given, "{card} at {address:#x}, {kind:?}");
            for device in DEVICES.into_iter().filter(|device| *device != card) {
                assert_eq!(rights(&machine, device, address), (false, false), "{device} at {address:#x}");
            }
        }
        for beside in [0x6fff, 0x8000, 0x1f_ffff, 0x28_0000, 0x7f_efff, 0x80_1000, (1 << 36) - PAGE - 1] {
            for device in DEVICES {
                assert_eq!(rights(&machine, device, beside), (false, false), "{device} at {beside:#x}");
            }
        }
    }
}

fn access() -> impl Strategy<Value = DmaAccess> {
    prop_oneof![Just(DmaAccess::Read), Just(DmaAccess::Write), Just(DmaAccess::ReadWrite)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Page by page against a list: pages that lie close together, and pages that share no table.
    #[test]
    fn exactly_what_was_given(
        kind in prop::sample::select(kinds().collect::<Vec<_>>()),
        given in prop::collection::vec((0..3_usize, 0_u64..64, 0_u64..4, access()), 0..40),
    ) {
        let page = |place: u64, area: u64| PAGE * (place + area * 0x3_ffe0);
        let (mut machine, mut fence) = start(kind);
        let mut list = std::collections::HashMap::new();
        for (card, place, area, access) in given {
            let (card, physical) = (DEVICES[card], page(place, area));
            let outcome = fence.grant(&mut machine, Grant { card, physical, bytes: PAGE, access });
            let before = *list.entry((card, physical)).or_insert((access, outcome));
            let twice = Err(FenceError::GivenTwice { card, physical });
            prop_assert!(before == (access, outcome) && outcome == Ok(()) || outcome == twice);
        }
        for (device, place, area) in DEVICES.into_iter().flat_map(|device| {
            (0..64).flat_map(move |place| (0..4).map(move |area| (device, place, area)))
        }) {
            let expected = match list.get(&(device, page(place, area))) {
                None => (false, false),
                Some((DmaAccess::Read, _)) => (true, false),
                Some((DmaAccess::Write, _)) => (!kind.write_only, true),
                Some((DmaAccess::ReadWrite, _)) => (true, true),
            };
            prop_assert_eq!(rights(&machine, device, page(place, area)), expected);
        }
    }
}

#[test]
fn a_translation_that_firmware_left_on_is_never_off() {
    for queue in [true, false] {
        let (machine, _) = start(Kind { firmware_left_on: true, queue, ..PLAIN });
        let commands = machine.with(|state| state.commands.clone());
        assert!(commands.iter().all(|command| command >> 31 == 1), "{commands:x?}");
        assert!(machine.remaps_interrupts(), "not ours to change");
        assert!(!machine.protects_memory(), "or the cards would not get through");
    }
}

#[test]
fn what_was_stopped_is_told_once() {
    let (machine, mut fence) = start(PLAIN);
    assert_eq!(fence.look(), Ok(Faults::default()));
    assert!(!machine.access(OUTSIDE, 0x1_2345_6789, true));
    assert!(!machine.access(BEHIND, 0x6789, false));
    let first = Fault { device: OUTSIDE, address: 0x1_2345_6000, is_write: true, reason: 1 };
    assert_eq!(fence.look(), Ok(Faults { count: 2, first: Some(first) }));
    assert_eq!(fence.look(), Ok(Faults::default()));
    assert_eq!(first.to_string(), "device 00:03.0 tried to write to 0x123456000 (reason 0x01)");
    // Three records, and the fact that there was no room.
    (0..10).for_each(|n| assert!(!machine.access(OTHER, n * PAGE, false)));
    let first = Fault { device: OTHER, address: 0, is_write: false, reason: 1 };
    assert_eq!(fence.look(), Ok(Faults { count: 4, first: Some(first) }));
    assert_eq!(fence.look(), Ok(Faults::default()));
}

#[test]
fn a_unit_that_no_longer_translates_is_noticed() {
    let (machine, mut fence) = start(PLAIN);
    machine.with(|state| state.switch_off());
    assert_eq!(fence.look(), Err(FenceError::Off { unit: UNIT }));
    let (machine, mut fence) = start(PLAIN);
    machine.with(|state| state.remove());
    assert_eq!(fence.look(), Err(FenceError::Off { unit: UNIT }));
}

#[test]
fn units_that_do_not_work_are_told() {
    let unit = UNIT;
    assert_eq!(start_error(Kind { absent: true, ..PLAIN }), FenceError::NoUnit { unit });
    assert_eq!(start_error(Kind { widths: 0b1001, ..PLAIN }), FenceError::NoTableWidth { unit });
    for queue in [true, false] {
        let ignores = Kind { ignores_invalidation: true, queue, ..PLAIN };
        assert_eq!(start_error(ignores), FenceError::InvalidationIgnored { unit });
    }
    for (register, queue, what) in [
        (0x2c, false, "invalidate its context cache"),
        (0x110c, false, "invalidate its IOTLB"),
        (0x88, true, "work off its invalidation queue"),
    ] {
        let hangs = Kind { hangs_at: Some(register), queue, ..PLAIN };
        assert_eq!(start_error(hangs), FenceError::Timeout { unit, what });
    }
    for (queue, what) in [(false, "take its root table"), (true, "start its invalidation queue")] {
        let hangs = Kind { hangs_at: Some(0x18), write_buffer: false, queue, ..PLAIN };
        assert_eq!(start_error(hangs), FenceError::Timeout { unit, what });
    }
}

#[test]
fn what_cannot_be_given_is_refused() {
    let (mut machine, mut fence) = start(Kind { address_bits: 36, ..PLAIN });
    for (physical, bytes) in
        [(1, PAGE), (PAGE, 100), (1 << 36, PAGE), ((1 << 36) - PAGE, 2 * PAGE), (!4095, PAGE)]
    {
        let refused = fence.grant(&mut machine, Grant { physical, bytes, ..first_page(OUTSIDE) });
        assert_eq!(refused, Err(FenceError::Unmappable { physical, bytes }));
    }
    let mut cards = (0..).map(|device| PciAddress { bus: 1, device, function: 0 });
    let refused = cards.find_map(|card| fence.grant(&mut machine, first_page(card)).err());
    assert_eq!((refused, cards.next().map(|card| card.device)), (Some(FenceError::TooManyCards), Some(16)));
    for pages in 0..7 {
        let mut machine = Machine::new(PLAIN);
        machine.with(|state| state.memory.pages_left = pages);
        let outcome = Fence::start(&mut machine, &dmar(0))
            .and_then(|mut fence| fence.grant(&mut machine, first_page(OUTSIDE)));
        assert_eq!(outcome, Err(FenceError::NoMemory), "with {pages} pages");
    }
}

#[test]
fn a_queue_goes_round() {
    let (mut machine, mut fence) = start(PLAIN);
    for page in 1..200 {
        let grant = Grant { physical: page * PAGE, ..first_page(OUTSIDE) };
        fence.grant(&mut machine, grant).expect("memory");
        assert_eq!(rights(&machine, OUTSIDE, page * PAGE), (true, true), "page {page}");
    }
}

#[test]
fn units_of_other_segments_let_nothing_through() {
    let mut machine = Machine::new(PLAIN);
    let mut fence = Fence::start(&mut machine, &dmar(1)).expect("the fence stands");
    assert_eq!(fence.grant(&mut machine, first_page(OUTSIDE)), Ok(()));
    assert_eq!(rights(&machine, OUTSIDE, PAGE), (false, false));
}
