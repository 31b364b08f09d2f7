//! The table of neighbours, frame by frame: who is asked when, who is believed, and what nobody can change.

#[path = "neighbours/bed.rs"]
mod bed;
mod common;
#[path = "neighbours/strangers.rs"]
mod strangers;

use std::net::Ipv4Addr;

use bed::{Bed, S, Sent, ask, packet};
use common::{
    ACK, GATEWAY, OWN, OWN_MAC, RST, SYN, TIME_SERVER, config, mac, pinned, reply, request, segment,
};
use noreturn_inside::Neighbours;
use noreturn_inside::ethernet::{BROADCAST, FRAME_BYTES_MAX, HEADER_BYTES};
use noreturn_wire::{Counter, Counters};

const PLC: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 10);
const SILENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 11);

#[test]
fn a_packet_waits_for_its_neighbour_and_leaves_with_the_reply() {
    let mut bed = Bed::new([PLC]);
    assert_eq!(bed.pass(3600 * S), [], "nobody wants to send");
    let syn = segment(PLC, 50_000, SYN);
    assert_eq!(bed.send(&syn), [ask(PLC)]);
    bed.now_us += 1000;
    assert_eq!(bed.hear(&reply(mac(1), PLC)), [packet(mac(1), syn)]);
    let ack = segment(PLC, 50_000, ACK);
    assert_eq!(bed.send(&ack), [packet(mac(1), ack)]);
    assert_eq!(bed.pass(bed.now_us + 3600 * S), []);
    assert_eq!((bed.count(Counter::ArpRequests), bed.count(Counter::InsideUnresolved)), (1, 0));
}

#[test]
fn a_silent_neighbour_is_asked_in_its_own_rhythm_and_delays_nobody() {
    let mut bed = Bed::new([SILENT, PLC]);
    let mut asked = Vec::new();
    for second in 0..10 {
        // TCP sends it again, so it never waits too long.
        for sent in bed.send(&segment(SILENT, 50_000, SYN)) {
            asked.push((bed.now_us, sent));
        }
        asked.extend(bed.pass((second + 1) * S - 1));
        bed.now_us += 1;
    }
    let times: Vec<_> = asked.iter().map(|(at_us, sent)| (at_us / S, sent)).collect();
    let request = ask(SILENT);
    assert_eq!(times, [0, 1, 3, 5, 7, 9].map(|at| (at, &request)).to_vec());
    // In the same instant as a request for the silent one.
    bed.now_us = 11 * S;
    assert_eq!(bed.send(&segment(SILENT, 50_000, SYN)), [ask(SILENT)]);
    assert_eq!(bed.send(&segment(PLC, 50_001, SYN)), [ask(PLC)]);
}

#[test]
fn who_gives_up_is_not_asked_for_any_more() {
    for stop in ["reset", "time"] {
        let mut bed = Bed::new([SILENT]);
        assert_eq!(bed.send(&segment(SILENT, 50_000, SYN)), [ask(SILENT)]);
        if stop == "reset" {
            bed.now_us = S / 2;
            assert_eq!(bed.send(&segment(SILENT, 50_000, RST)), []);
            assert_eq!(bed.pass(3600 * S), []);
            assert_eq!(bed.count(Counter::InsideUnresolved), 2, "the SYN and the RST");
        } else {
            let later = bed.pass(3600 * S);
            assert_eq!(later.iter().map(|(at_us, _)| at_us / S).collect::<Vec<_>>(), [1, 3]);
            assert_eq!(bed.count(Counter::InsideUnresolved), 1);
        }
        assert_eq!(bed.send(&segment(SILENT, 50_001, RST)), [], "an end is not worth a request");
        assert_eq!(bed.send(&segment(SILENT, 50_001, SYN)), [ask(SILENT)]);
    }
}

#[test]
fn only_who_was_asked_is_believed_and_only_then() {
    let mut bed = Bed::new([PLC, SILENT]);
    // Nobody has asked yet; then somebody else is asked.
    bed.hear(&reply(mac(66), PLC));
    bed.send(&segment(SILENT, 50_000, SYN));
    bed.hear(&reply(mac(66), PLC));
    assert_eq!((bed.neighbours.mac(PLC), bed.count(Counter::ArpUnsolicited)), (None, 2));
    bed.resolve(PLC, mac(1));
    // The first reply counts, while it was asked and later.
    bed.hear(&reply(mac(66), PLC));
    assert_eq!((bed.neighbours.mac(PLC), bed.count(Counter::ArpConflict)), (Some(mac(1)), 1));
    bed.now_us += 10 * S;
    bed.hear(&reply(mac(66), PLC));
    bed.hear(&request(mac(66), PLC, PLC));
    let mut broadcast = reply(mac(66), PLC);
    broadcast[..6].copy_from_slice(&BROADCAST);
    bed.hear(&broadcast);
    assert_eq!((bed.neighbours.mac(PLC), bed.count(Counter::ArpUnsolicited)), (Some(mac(1)), 4));
    // One who asks us in its name gets no answer, and spends none of its own.
    assert!(bed.answer(&request(mac(66), PLC, OWN)).is_none());
    assert!(bed.answer(&request(mac(1), PLC, OWN)).is_some());
    assert_eq!(bed.neighbours.mac(PLC), Some(mac(1)));
    // What comes too late was not asked any more.
    bed.now_us += 20 * S;
    bed.hear(&reply(mac(2), SILENT));
    assert_eq!(bed.neighbours.mac(SILENT), None);
}

#[test]
fn one_in_use_is_confirmed_where_it_is() {
    let mut bed = Bed::new([PLC]);
    bed.resolve(PLC, mac(1));
    let (ack, probe) = (segment(PLC, 50_000, ACK), Sent::Request { to: mac(1), target: PLC });
    bed.now_us = 29 * S;
    assert_eq!(bed.send(&ack), [packet(mac(1), ack.clone())]);
    bed.now_us = 30 * S;
    assert_eq!(bed.send(&ack), [packet(mac(1), ack.clone()), probe]);
    // Another one's answer to that is a conflict.
    bed.hear(&reply(mac(66), PLC));
    assert_eq!((bed.neighbours.mac(PLC), bed.count(Counter::ArpConflict)), (Some(mac(1)), 1));
    bed.hear(&reply(mac(1), PLC));
    assert_eq!(bed.pass(3600 * S), [], "not in use");
}

/// It answers TCP and no ARP, and somebody else answers every ARP request for it.
#[test]
fn one_in_conversation_is_not_asked_for() {
    let mut bed = Bed::new([PLC]);
    bed.resolve(PLC, mac(1));
    let ack = segment(PLC, 50_000, ACK);
    for second in 1..3600 {
        bed.now_us = second * S;
        assert_eq!(bed.send(&ack), [packet(mac(1), ack.clone())], "{second}");
        bed.neighbours.confirm(PLC, mac(1), bed.now_us);
        bed.hear(&reply(mac(66), PLC));
    }
    // A connection is made anew, in which nothing tells whether it is still there before the SYN is answered.
    let (syn, probe) = (segment(PLC, 50_001, SYN), Sent::Request { to: mac(1), target: PLC });
    assert_eq!(bed.send(&syn), [packet(mac(1), syn.clone()), probe]);
    bed.neighbours.confirm(PLC, mac(1), bed.now_us);
    bed.hear(&reply(mac(66), PLC));
    assert_eq!(bed.pass(bed.now_us + 20 * S), [], "it has answered");
    assert_eq!(bed.neighbours.mac(PLC), Some(mac(1)));
    // What comes from another Ethernet address confirms nothing.
    bed.now_us += 30 * S;
    assert_eq!(bed.send(&ack).len(), 2);
    bed.neighbours.confirm(PLC, mac(66), bed.now_us);
    assert_eq!(bed.pass(bed.now_us + 5 * S).len(), 1, "it is asked once more");
    assert_eq!(bed.neighbours.mac(PLC), None);
}

/// Whoever is behind it.
#[test]
fn the_gateway_is_confirmed_by_conversations_behind_it() {
    let behind = Ipv4Addr::new(192, 168, 0, 1);
    let mut bed = Bed::new([behind]);
    bed.send(&segment(behind, 50_000, SYN));
    bed.hear(&reply(mac(1), GATEWAY));
    let ack = segment(behind, 50_000, ACK);
    for second in 1..300 {
        bed.now_us = second * S;
        assert_eq!(bed.send(&ack), [packet(mac(1), ack.clone())], "{second}");
        bed.neighbours.confirm(behind, mac(1), bed.now_us);
    }
}

#[test]
fn a_changed_address_is_counted_and_told_one_a_second() {
    let devices: Vec<_> = (10..20).map(|n| Ipv4Addr::new(10, 1, 0, n)).collect();
    let mut bed = Bed::new(devices.clone());
    devices.iter().for_each(|&device| bed.resolve(device, mac(1)));
    assert_eq!((bed.count(Counter::ArpChanged), bed.neighbours.take_change(0)), (0, None), "found at first");
    let move_to = |bed: &mut Bed, device: Ipv4Addr, to| {
        bed.now_us += 10 * S;
        bed.send(&segment(device, 50_000, SYN));
        bed.pass(bed.now_us + 5 * S);
        bed.resolve(device, to);
    };
    devices.iter().for_each(|&device| move_to(&mut bed, device, mac(66)));
    assert_eq!(bed.count(Counter::ArpChanged), 10);
    // Two are back before it is told: then there is nothing to tell.
    devices[..2].iter().for_each(|&device| move_to(&mut bed, device, mac(1)));
    assert_eq!(bed.count(Counter::ArpChanged), 12);
    let start_us = bed.now_us;
    let told = (0..200).filter_map(|step| bed.neighbours.take_change(start_us + step * S / 10));
    let told: Vec<_> = told.map(|change| (change.address, change.from, change.to)).collect();
    assert_eq!(told, devices[2..].iter().map(|&device| (device, mac(1), mac(66))).collect::<Vec<_>>());
    // One that changes all the time keeps no other from its turn.
    let at_us = start_us + 100 * S;
    move_to(&mut bed, devices[5], mac(67));
    for (step, to) in [1, 66, 67, 1].into_iter().enumerate() {
        move_to(&mut bed, devices[4], mac(to));
        let told = bed.neighbours.take_change(at_us + step as u64 * S).map(|change| change.address);
        assert_eq!(told, Some(devices[[4, 5, 4, 4][step]]), "{step}");
    }
}

#[test]
fn one_that_moved_is_found_again() {
    let mut bed = Bed::new([PLC]);
    bed.resolve(PLC, mac(1));
    bed.now_us = 5 * S;
    let syn = segment(PLC, 50_001, SYN);
    let probe = Sent::Request { to: mac(1), target: PLC };
    assert_eq!(bed.send(&syn), [packet(mac(1), syn.clone()), probe]);
    bed.hear(&reply(mac(2), PLC));
    assert_eq!(bed.neighbours.mac(PLC), Some(mac(1)), "it was not asked");
    let probes = bed.pass(7 * S);
    assert_eq!(probes, [(6 * S, Sent::Request { to: mac(1), target: PLC })]);
    bed.hear(&reply(mac(66), PLC));
    assert_eq!(bed.neighbours.mac(PLC), None, "only the old address was asked");
    assert_eq!(bed.send(&syn), [ask(PLC)], "everybody is asked");
    assert_eq!(bed.hear(&reply(mac(2), PLC)), [packet(mac(2), syn)]);
    assert_eq!(bed.neighbours.mac(PLC), Some(mac(2)));
}

#[test]
fn a_pinned_neighbour_is_never_asked_for_and_no_arp_changes_it() {
    let mut bed = Bed::of(&pinned([(PLC, Some(mac(1)))]));
    let syn = segment(PLC, 50_000, SYN);
    for second in [0, 1, 100, 10_000] {
        bed.now_us = second * S;
        assert_eq!(bed.send(&syn), [packet(mac(1), syn.clone())]);
        bed.hear(&reply(mac(66), PLC));
        bed.hear(&reply(mac(1), PLC));
        assert!(bed.answer(&request(mac(66), PLC, OWN)).is_none(), "another one asks in its name");
        assert!(bed.answer(&request(mac(1), PLC, OWN)).is_some(), "it has lost no answer");
        assert_eq!(bed.neighbours.mac(PLC), Some(mac(1)));
    }
    assert_eq!(bed.pass(20_000 * S), []);
    assert_eq!((bed.count(Counter::ArpConflict), bed.count(Counter::ArpUnsolicited)), (8, 4));
}

#[test]
fn a_packet_of_each_device_waits_for_the_gateway() {
    let devices = [1, 2, 3].map(|n| Ipv4Addr::new(192, 168, 0, n));
    let mut bed = Bed::new(devices);
    // The gateway itself and three devices behind it: four flows.
    let flows: Vec<_> = (0..5).map(|n| segment(devices[n % 3], 50_000 + n as u16, SYN)).collect();
    assert_eq!(bed.send(&flows[0]), [ask(GATEWAY)]);
    flows.iter().for_each(|flow| assert_eq!(bed.send(flow), []));
    assert_eq!(bed.count(Counter::InsideUnresolved), 2, "one was replaced, one found no room");
    let expected: Vec<_> = flows[..4].iter().map(|flow| packet(mac(1), flow.clone())).collect();
    assert_eq!(bed.hear(&reply(mac(1), GATEWAY)), expected);
    assert_eq!(bed.send(&segment(TIME_SERVER, 50_000, SYN)), [ask(TIME_SERVER)]);
}

#[test]
fn packets_to_nobody_are_dropped() {
    let mut neighbours = Neighbours::new(OWN_MAC, &{
        let mut config = config([PLC]);
        config.inside.gateway = None;
        config
    });
    let mut counters = Counters::default();
    let nobody = [[10, 1, 255, 255], [10, 1, 0, 0], OWN.octets(), [192, 168, 0, 1], [255; 4], [224, 0, 0, 1]];
    for address in nobody {
        let mut bytes = [&[0; HEADER_BYTES][..], &segment(address.into(), 50_000, SYN)].concat();
        assert!(!neighbours.send(&mut bytes, 0, &mut counters), "{address:?}");
    }
    assert!(!neighbours.send(&mut [0; HEADER_BYTES], 0, &mut counters));
    assert_eq!(counters.get(Counter::InsideNoRoute), 7);
    assert_eq!(neighbours.poll(&mut [0; FRAME_BYTES_MAX], 3600 * S, &mut counters), None);
}
