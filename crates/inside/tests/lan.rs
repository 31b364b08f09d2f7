//! The inside on a simulated network of many hosts, each with addresses of its own: some off, some odd, one hostile.
//! Everything happens in virtual time; what is asserted are counts.

#[path = "common/cable.rs"]
mod cable;
mod common;
#[path = "lan/host.rs"]
mod host;
#[path = "lan/hostile.rs"]
mod hostile;
#[path = "lan/plant.rs"]
mod plant;

use common::{pinned, reply};
use host::Host;
use hostile::Hostile;
use noreturn_wire::{Counter, Fault};
use plant::{Plant, address, mac};

const S: u64 = 1_000_000;
const DEVICES: usize = 64;

/// Each of `places` answered at least `per_cent` of one poll a second, with its own values.
fn assert_read(plant: &Plant, places: impl IntoIterator<Item = usize>, seconds: u32, per_cent: u32) {
    for place in places {
        let (heard, answered) = (&plant.heard[place], plant.hosts[place].answered);
        assert!(answered * 100 >= seconds * per_cent, "{place}: asked {answered} times in {seconds} s");
        assert!(heard.values * 100 >= seconds * per_cent, "{place}: {heard:?}");
        assert_eq!(heard.wrong, 0, "{place}");
    }
}

#[test]
fn every_one_of_64_devices_is_read_from_the_start() {
    let mut plant = Plant::new(DEVICES);
    plant.run(60 * S, |_, _| {});
    assert_read(&plant, 0..DEVICES, 60, 99);
    for heard in &plant.heard {
        assert_eq!(heard.faults, [], "one that answers is never said to be down");
        assert!(heard.first_us.is_some_and(|at_us| at_us < S / 10), "{heard:?}");
    }
    // One request for each: from then on the conversations confirm them.
    assert_eq!(plant.asked.len(), DEVICES);
    assert_eq!(plant.count(Counter::ArpRequests), DEVICES as u64);
}

/// A link may be negotiated for seconds after the card has started.
#[test]
fn nobody_is_down_because_the_boxs_own_cable_has_no_link_yet() {
    let mut plant = Plant::new(DEVICES);
    plant.link_up = false;
    plant.run(5 * S, |_, _| {});
    plant.link_up = true;
    plant.run(10 * S, |_, _| {});
    assert!(
        plant.heard.iter().all(|heard| heard.faults.is_empty() && heard.values >= 10),
        "{:?}",
        plant.heard
    );
    // Without a link at all it is told after 10 s.
    let mut plant = Plant::new(DEVICES);
    plant.link_up = false;
    plant.run(12 * S, |_, _| {});
    assert!(plant.heard.iter().all(|heard| heard.faults == [Fault::ConnectTimeout]));
}

#[test]
fn ten_that_are_off_delay_nobody() {
    let mut plant = Plant::new(DEVICES);
    plant.hosts[..10].iter_mut().for_each(|host| host.switch(false));
    plant.run(60 * S, |_, _| {});
    assert_read(&plant, 10..DEVICES, 60, 99);
    assert!(plant.heard[10..].iter().all(|heard| heard.faults.is_empty()));
    for (place, heard) in plant.heard[..10].iter().enumerate() {
        assert_eq!(heard.faults, [Fault::ConnectTimeout], "asked, and did not answer");
        let asked: Vec<_> = plant.asked.iter().filter(|(_, target)| *target == address(place)).collect();
        assert!(asked.windows(2).all(|two| two[1].0 - two[0].0 >= S), "at most once a second: {asked:?}");
        // With pauses of 1, 2, 4, 8, 16 and 30 s between attempts of 1 s.
        assert!((6..=14).contains(&asked.len()), "{asked:?}");
    }
    // Back again, within their longest pause and 2 s.
    plant.hosts[..10].iter_mut().for_each(|host| host.switch(true));
    plant.run(32 * S, |_, _| {});
    assert!(plant.values(0..10).iter().all(|&values| values > 0), "{:?}", plant.values(0..10));
    assert_read(&plant, 10..DEVICES, 92, 99);
}

#[test]
fn one_that_comes_and_goes_disturbs_nobody() {
    let mut plant = Plant::new(DEVICES);
    plant.run(60 * S, |plant, _| {
        let is_on = (plant.now_us / (3 * S)).is_multiple_of(2);
        plant.hosts[0].switch(is_on);
    });
    assert_read(&plant, 1..DEVICES, 60, 99);
    assert!(plant.heard[1..].iter().all(|heard| heard.faults.is_empty()));
    assert!(plant.heard[0].values > 0);
}

#[test]
fn a_device_that_was_replaced_is_found_at_its_new_ethernet_address() {
    let mut plant = Plant::new(DEVICES);
    plant.run(20 * S, |_, _| {});
    plant.hosts[0] = Host::new([0x02, 0, 0, 0, 9, 9], address(0), 0);
    let before = plant.heard[0].values;
    plant.run(10 * S, |_, _| {});
    assert!(plant.heard[0].values > before, "{:?}", plant.heard[0]);
    assert_eq!(plant.stack.neighbours().mac(address(0)), Some([0x02, 0, 0, 0, 9, 9]));
    assert_read(&plant, 1..DEVICES, 30, 99);
}

#[test]
fn of_two_with_one_address_the_first_to_answer_is_kept() {
    let mut plant = Plant::new(DEVICES);
    // A second host with the address of each of the first four; on the wire behind them.
    for place in 0..4 {
        plant.hosts.push(Host::new([0x02, 0, 0, 0, 9, place as u8], address(place), 999));
    }
    plant.run(60 * S, |_, _| {});
    assert_read(&plant, 0..DEVICES, 60, 99);
    assert_eq!(plant.count(Counter::ArpConflict), 4, "each contradicted once");
    assert!(plant.hosts[DEVICES..].iter().all(|host| host.answered == 0));
}

/// Devices are known when it begins: who answers first for one that is not would be believed.
#[test]
fn a_hostile_host_stops_no_device_and_takes_none_over() {
    let mut plant = Plant::new(DEVICES);
    plant.run(2 * S, |_, _| {});
    let mut hostile = Hostile::new(DEVICES);
    plant.run(40 * S, |_, wire| wire.extend(hostile.frames()));
    assert_eq!(hostile.sent, 400_000);
    assert_read(&plant, 0..DEVICES, 42, 95);
    for place in 0..DEVICES {
        assert_eq!(plant.stack.neighbours().mac(address(place)), Some(mac(place)));
        assert_eq!(plant.heard[place].faults, []);
    }
    for counter in [
        Counter::InsideMalformed,
        Counter::InsideIgnored,
        Counter::InsideAddressConflict,
        Counter::InsideSynRefused,
        Counter::InsideFragments,
        Counter::ArpRepliesLimited,
        Counter::ArpUnsolicited,
        Counter::ArpConflict,
    ] {
        assert!(plant.count(counter) > 0, "{counter:?}");
    }
    // Whoever it claims to be, it has the box say little: places change hands once a second at most.
    assert!(plant.count(Counter::ArpReplies) <= 41 * 11 * 256, "{}", plant.count(Counter::ArpReplies));
}

/// A host that answers for every device, whether asked or not, ten times a second.
fn forge(plant: &Plant, wire: &mut Vec<Vec<u8>>) {
    if plant.now_us.is_multiple_of(S / 10) {
        wire.extend((0..plant.hosts.len()).map(|place| reply(FORGER, address(place))));
    }
}

const FORGER: [u8; 6] = [0x02, 0, 0, 0, 6, 6];

#[test]
fn a_forger_takes_over_no_device_that_answers_tcp_and_no_arp() {
    let mut plant = Plant::new(8);
    plant.run(2 * S, |_, _| {});
    plant.hosts.iter_mut().for_each(|host| host.answers_arp = false);
    // One of them resets its connection again and again.
    plant.run(100 * S, |plant, wire| {
        forge(plant, wire);
        if plant.now_us.is_multiple_of(7 * S) {
            plant.hosts[0].disconnect();
        }
    });
    assert_read(&plant, 1..8, 102, 99);
    assert_read(&plant, 0..1, 102, 80);
    for place in 0..8 {
        assert_eq!(plant.stack.neighbours().mac(address(place)), Some(mac(place)));
    }
    assert_eq!(plant.count(Counter::ArpChanged), 0);
    assert_eq!(plant.asked.len(), 8, "everybody is asked at the start, and never again");
}

/// Nothing authenticates ARP: what can be promised of one that is off is that it is told.
#[test]
fn a_forger_who_takes_over_a_device_that_is_off_is_counted_and_told() {
    let mut plant = Plant::new(8);
    plant.run(2 * S, |_, _| {});
    plant.hosts[0].switch(false);
    plant.run(20 * S, |plant, wire| forge(plant, wire));
    assert_eq!(plant.count(Counter::ArpChanged), 1);
    let change = plant.stack.take_change(plant.now_us).expect("it is told");
    assert_eq!((change.address, change.from, change.to), (address(0), mac(0), FORGER));
    assert_eq!(plant.stack.take_change(plant.now_us + 10 * S), None, "once");
    assert_read(&plant, 1..8, 22, 99);
}

/// From the first instant on, with devices of which ten are off: for none of them can it answer.
#[test]
fn a_hostile_host_cannot_stand_in_for_pinned_devices() {
    let mut plant = Plant::of(pinned((0..DEVICES).map(|place| (address(place), Some(mac(place))))));
    plant.hosts[..10].iter_mut().for_each(|host| host.switch(false));
    let mut hostile = Hostile::new(DEVICES);
    plant.run(20 * S, |_, wire| wire.extend(hostile.frames()));
    assert_read(&plant, 10..DEVICES, 20, 95);
    for place in 0..DEVICES {
        assert_eq!(plant.stack.neighbours().mac(address(place)), Some(mac(place)));
    }
    assert_eq!(plant.asked, [], "nobody has to be asked for");
}
