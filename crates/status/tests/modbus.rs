//! The Modbus server: what it answers, what it refuses, and bytes that nobody vouches for.

mod common;

use common::{config, facts, look, now, plain, say, talk, watch};
use noreturn_status::modbus::Modbus;
use noreturn_status::registers::{self, INSIDE_COUNTERS};
use noreturn_status::{Look, Panel};
use noreturn_wire::{Counter, Counters, Fault, LastStop};
use proptest::prelude::*;

fn panel() -> Panel {
    let facts = noreturn_status::Facts { last_stop: LastStop::Exception { vector: 14 }, ..facts() };
    let mut panel = Panel::new(facts, &config(3, plain));
    say(&mut panel, 0, None, now(0));
    say(&mut panel, 1, Some(Fault::ConnectTimeout), now(1));
    watch(&mut panel, 0..5, &Look { outside_link_up: false, ..look() });
    let mut counters = Counters::default();
    counters.set(Counter::Records, 0x1_2345_6789);
    panel.look(now(100_000), &Look { history_percent: 33, ..look() }, &counters);
    panel
}

/// A request with transaction 0x1234 for unit 17.
fn request(pdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(pdu.len() + 1).expect("short");
    [&[0x12, 0x34, 0, 0][..], &length.to_be_bytes(), &[17], pdu].concat()
}

fn read(function: u8, address: u16, count: u16) -> Vec<u8> {
    request(&[&[function][..], &address.to_be_bytes(), &count.to_be_bytes()].concat())
}

fn answer(bytes: &[u8]) -> Vec<u8> {
    talk(Modbus::new(), &panel(), bytes, 1000).0
}

fn values(address: u16, count: u16) -> Vec<u16> {
    let answer = answer(&read(3, address, count));
    assert_eq!(answer[..4], [0x12, 0x34, 0, 0]);
    assert_eq!(usize::from(u16::from_be_bytes([answer[4], answer[5]])), answer.len() - 6);
    assert_eq!(answer[6..9], [17, 3, (count * 2) as u8]);
    answer[9..].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

#[test]
fn the_map_says_what_the_panel_knows() {
    assert_eq!(values(0, 6), [1, 3, 0, 0b10_1001, 0, 0b10_1001], "version, active alarms, their bits");
    assert_eq!(values(6, 2), [1, 34_464], "uptime: 100000 s");
    let clock_s = 1_795_435_200 + 100_000_u32;
    assert_eq!(values(8, 2), [(clock_s >> 16) as u16, clock_s as u16]);
    assert_eq!(values(10, 3), [1, 0, 3], "the machine's own, to 3 ms");
    assert_eq!(
        values(13, 7),
        [5, 14, 1, 1, 33, 3, 1],
        "stop, vector, watchdog, fence, history, devices, down"
    );
    assert_eq!(values(20, 2), [0, 7]);
    assert_eq!(values(22, 3), [0x0001, 0x0203, 0x0405]);
    assert_eq!(values(29, 2), [0x0e0f, 0xcdcd]);
    assert_eq!(values(38, 8), [0xb0b0; 8]);
    assert_eq!(values(46, 2), [0, 7]);
    assert_eq!(values(100, 4), [2, 3, 1, 0]);
    assert_eq!(values(200, 2), [u16::MAX, u16::MAX], "more than 65535 s, and never");
    assert_eq!(values(300, 2), [0x2345, 0x6789], "the low half of a counter");
    assert_eq!(answer(&read(4, 0, 6))[9..], answer(&read(3, 0, 6))[9..], "both functions read the same");
}

#[test]
fn the_age_of_a_value_counts_seconds() {
    let mut panel = Panel::new(facts(), &config(1, plain));
    let age = |panel: &Panel| registers::read(panel, 200);
    assert_eq!(age(&panel), Some(u16::MAX));
    say(&mut panel, 0, None, now(10));
    for (second, expected) in [(10, 0), (11, 1), (10 + 65_535, u16::MAX), (10 + 65_536, u16::MAX)] {
        panel.look(now(second), &look(), &Counters::default());
        assert_eq!(age(&panel), Some(expected));
    }
}

/// A register is on the map if and only if it can be read.
#[test]
fn what_is_documented_can_be_read_and_nothing_else() {
    let panel = panel();
    let mapped = |address: u16| {
        registers::rows().any(|row| (row.address..row.address + row.registers).contains(&address))
    };
    for address in 0..=u16::MAX {
        assert_eq!(registers::read(&panel, address).is_some(), mapped(address), "{address}");
    }
}

#[test]
fn rows_follow_each_other_and_counters_are_those_that_the_inside_knows() {
    let rows: Vec<_> = registers::rows().collect();
    assert!(rows.windows(2).all(|pair| pair[0].address + pair[0].registers <= pair[1].address));
    let unknown = ["link_", "outside_", "ring_overrun", "ring_malformed", "dma_faults"];
    for &counter in Counter::ALL {
        let outside = unknown.iter().any(|start| counter.name().starts_with(start));
        assert_eq!(!INSIDE_COUNTERS.contains(&counter), outside, "{}", counter.name());
    }
}

fn exception(function: u8, code: u8) -> Vec<u8> {
    request(&[function | 0x80, code])
}

#[test]
fn every_other_function_is_refused() {
    for function in (0..=127).filter(|function| ![3, 4].contains(function)) {
        let write = [&[function, 0, 0][..], &[0, 1, 2, 0, 7]].concat();
        assert_eq!(answer(&request(&write)), exception(function, 1));
        assert_eq!(answer(&request(&[function])), exception(function, 1));
    }
}

#[test]
fn wrong_addresses_and_counts_are_refused() {
    for (address, count, code) in [
        (48, 1, 2),
        (47, 2, 2),
        (99, 1, 2),
        (300, 125, 2),
        (u16::MAX, 1, 2),
        (u16::MAX, 2, 2),
        (0, 0, 3),
        (0, 126, 3),
        (0, u16::MAX, 3),
    ] {
        assert_eq!(answer(&read(3, address, count)), exception(3, code), "{count} from {address}");
    }
    for pdu in [&[3][..], &[3, 0, 0, 0], &[4, 0, 0, 0, 1, 0]] {
        assert_eq!(answer(&request(pdu)), exception(pdu[0], 3), "{pdu:?}");
    }
}

#[test]
fn a_header_that_cannot_be_ends_the_connection() {
    let good = read(3, 0, 1);
    let change = |place: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[place] = value;
        bytes
    };
    for wrong in [change(2, 1), change(3, 1), change(4, 1), change(5, 0), change(5, 1), change(5, 255)] {
        let (said, counters) = talk(Modbus::new(), &panel(), &[&wrong[..], &good].concat(), 1000);
        assert_eq!(said, b"", "{wrong:?}");
        assert_eq!(counters.get(Counter::StatusCut), 1, "{wrong:?}");
    }
}

/// 254 is the longest length; what it announces is a request that is refused, not a wrong header.
#[test]
fn the_longest_request_fits() {
    let longest = request(&[16; 253]);
    assert_eq!(longest.len(), 260);
    assert_eq!(answer(&longest), exception(16, 1));
}

#[test]
fn requests_are_answered_one_by_one_and_counted() {
    let both = [read(3, 0, 1), request(&[6, 0, 0, 0, 1]), read(4, 2, 2)].concat();
    let (said, counters) = talk(Modbus::new(), &panel(), &both, 1000);
    assert_eq!(said, [answer(&read(3, 0, 1)), exception(6, 1), answer(&read(4, 2, 2))].concat());
    assert_eq!((counters.get(Counter::StatusRequests), counters.get(Counter::StatusRefused)), (2, 1));
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        requests in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..20), 1..5),
        piece in 1..30_usize,
    ) {
        let bytes = requests.iter().map(|pdu| request(pdu)).collect::<Vec<_>>().concat();
        let panel = panel();
        let whole = talk(Modbus::new(), &panel, &bytes, 1000);
        prop_assert_eq!(talk(Modbus::new(), &panel, &bytes, piece), whole);
    }

    /// Any bytes are taken, and what is said to them are whole answers.
    #[test]
    fn noise_is_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..600), piece in 1..30_usize) {
        let (said, _) = talk(Modbus::new(), &panel(), &bytes, piece);
        let mut rest = &said[..];
        while !rest.is_empty() {
            let length = usize::from(u16::from_be_bytes([rest[4], rest[5]]));
            prop_assert!((3..=254).contains(&length) && rest.len() >= 6 + length);
            rest = &rest[6 + length..];
        }
    }
}
