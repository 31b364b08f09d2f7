//! Hosts that no configuration names.

use std::net::Ipv4Addr;

use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{ARP, BROADCAST, Header, IPV4};
use noreturn_inside::neighbours::{OTHERS_MAX, Received};
use noreturn_wire::Counter;

use crate::bed::{Bed, S, ask, packet};
use crate::common::{ACK, GATEWAY, OWN, OWN_MAC, SYN, frame, mac, reply, request, segment};
use crate::{PLC, SILENT};

#[test]
fn who_is_not_configured_is_answered_where_it_was_heard_and_never_asked_for() {
    let mut bed = Bed::new([PLC]);
    let client = |n: u16| Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 9, 0).to_bits() + u32::from(n) + 1);
    for n in 0..1000 {
        bed.now_us += S / 100;
        let answer = segment(client(n), 502, ACK);
        assert_eq!(bed.send(&answer), [], "it was not heard");
        bed.neighbours.hear(client(n), mac(n as u8), bed.now_us);
        assert_eq!(bed.send(&answer), [packet(mac(n as u8), answer)]);
    }
    // One that is in use does not move to who uses its address, until nothing was heard of it for a second.
    bed.neighbours.hear(client(7), mac(7), bed.now_us);
    bed.now_us += S / 2;
    bed.neighbours.hear(client(7), mac(66), bed.now_us);
    assert_eq!(bed.neighbours.mac(client(7)), Some(mac(7)));
    bed.now_us += S / 2;
    bed.neighbours.hear(client(7), mac(66), bed.now_us);
    assert_eq!(bed.neighbours.mac(client(7)), Some(mac(66)));
    // A configured host is not moved by it, and one on another network is behind the gateway wherever its packet came from.
    bed.resolve(PLC, mac(1));
    bed.neighbours.hear(PLC, mac(66), bed.now_us);
    assert_eq!(bed.neighbours.mac(PLC), Some(mac(1)));
    let far = Ipv4Addr::new(192, 168, 0, 9);
    bed.neighbours.hear(far, mac(66), bed.now_us);
    let answer = segment(far, 502, ACK);
    assert_eq!(bed.send(&answer), [ask(GATEWAY)]);
    assert_eq!(bed.hear(&reply(mac(3), GATEWAY)), [packet(mac(3), answer)]);
    assert_eq!(bed.count(Counter::InsideUnresolved), 1000);
}

#[test]
fn made_up_neighbours_take_nothing_from_others() {
    let mut bed = Bed::new([PLC]);
    bed.resolve(PLC, mac(1));
    let client = Ipv4Addr::new(10, 1, 9, 9);
    bed.answer(&request(mac(9), client, OWN));
    let made_up = |n: u32| Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 16, 0).to_bits() + n + 1);
    for n in 0..10_000 {
        bed.now_us += 100;
        bed.answer(&request(mac(66), made_up(n % 1000), OWN));
        if n % 1000 == 0 {
            let ack = segment(client, 502, ACK);
            assert_eq!(bed.send(&ack), [packet(mac(9), ack)], "one who is served keeps its place");
        }
    }
    assert_eq!(bed.neighbours.mac(PLC), Some(mac(1)));
    let answered = bed.count(Counter::ArpReplies);
    // Each place is answered ten times a second at most, and changes hands once a second at most.
    assert!(answered <= 11 * OTHERS_MAX as u64, "{answered}");
    assert_eq!(answered + bed.count(Counter::ArpRepliesLimited), 10_001);
    // Later there is room for new ones.
    bed.now_us += 2 * S;
    assert!(bed.answer(&request(mac(8), Ipv4Addr::new(10, 1, 9, 8), OWN)).is_some());
}

#[test]
fn our_address_is_told_to_who_may_ask() {
    let mut bed = Bed::new([PLC]);
    let mut ask_us = |frame: &[u8]| {
        bed.now_us += S;
        bed.answer(frame)
    };
    // A neighbour, and one that tries whether it can have our address.
    for sender in [PLC, Ipv4Addr::new(10, 1, 7, 7), Ipv4Addr::UNSPECIFIED] {
        let answer = ask_us(&request(mac(1), sender, OWN)).expect("an answer");
        let (header, payload) = Header::parse(&answer).expect("a frame");
        assert_eq!((header.destination, header.source, header.ether_type), (mac(1), OWN_MAC, ARP));
        let expected = Arp {
            operation: Operation::Reply,
            sender_mac: OWN_MAC,
            sender: OWN,
            target_mac: mac(1),
            target: sender,
        };
        assert_eq!(Arp::parse(payload), Some(expected));
    }
    let from = |sender_mac, source| {
        let arp =
            Arp { operation: Operation::Request, sender_mac, sender: PLC, target_mac: [0; 6], target: OWN };
        frame(BROADCAST, source, ARP, &arp.emit())
    };
    for wrong in [
        request(mac(1), Ipv4Addr::new(192, 168, 0, 1), OWN),
        request(mac(1), Ipv4Addr::new(10, 1, 255, 255), OWN),
        request(mac(1), Ipv4Addr::new(10, 1, 0, 0), OWN),
        from(BROADCAST, mac(1)),
        from([0; 6], mac(1)),
        from(mac(1), BROADCAST),
        request(mac(1), PLC, OWN)[..41].to_vec(),
    ] {
        assert_eq!(ask_us(&wrong), None, "{wrong:?}");
    }
    assert_eq!(ask_us(&request(mac(1), PLC, SILENT)), None);
    assert_eq!((bed.count(Counter::InsideMalformed), bed.count(Counter::InsideIgnored)), (7, 1));
    // One that asks without end is answered ten times a second.
    let before = bed.count(Counter::ArpReplies);
    for _ in 0..10_000 {
        bed.now_us += 100;
        bed.answer(&request(mac(1), PLC, OWN));
    }
    assert_eq!(bed.count(Counter::ArpReplies) - before, 10);
}

#[test]
fn who_uses_our_address_is_counted_and_not_heard() {
    let mut bed = Bed::new([PLC]);
    bed.hear(&request(mac(66), OWN, OWN));
    bed.hear(&reply(mac(66), OWN));
    let mut own = segment(OWN, 502, SYN);
    own[12..16].copy_from_slice(&OWN.octets());
    bed.hear(&frame(OWN_MAC, mac(66), IPV4, &own));
    assert_eq!(bed.count(Counter::InsideAddressConflict), 3);
}

#[test]
fn only_frames_to_us_are_passed_on() {
    let mut bed = Bed::new([PLC]);
    let mut answer = segment(OWN, 50_000, ACK);
    answer[12..16].copy_from_slice(&PLC.octets());
    for other in [BROADCAST, mac(5), [0x01, 0, 0x5e, 0, 0, 1]] {
        bed.hear(&frame(other, mac(1), IPV4, &answer));
    }
    bed.hear(&frame(OWN_MAC, mac(1), 0x86dd, &answer));
    assert_eq!(bed.count(Counter::InsideIgnored), 4);
    bed.hear(&[0; 13]);
    bed.hear(&frame(OWN_MAC, mac(1), IPV4, &[0x45; 15]));
    bed.hear(&frame(OWN_MAC, BROADCAST, IPV4, &answer));
    assert_eq!(bed.count(Counter::InsideMalformed), 3);
    let whole = frame(OWN_MAC, mac(1), IPV4, &answer);
    let received = bed.neighbours.receive(&whole, 0, &mut bed.counters);
    assert_eq!(received, Received::Packet { from: mac(1), source: PLC, packet: &answer });
}
