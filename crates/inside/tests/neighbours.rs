//! The table of neighbours, frame by frame: who is asked when, who is believed, and what nobody can change.

mod common;

use std::net::Ipv4Addr;

use common::{
    ACK, GATEWAY, OWN, OWN_MAC, RST, SYN, TIME_SERVER, config, frame, mac, pinned, reply, request, segment,
};
use noreturn_image_format::Config;
use noreturn_inside::Neighbours;
use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{ARP, BROADCAST, FRAME_BYTES_MAX, HEADER_BYTES, Header, IPV4, MacAddress};
use noreturn_inside::neighbours::{ARP_FRAME_BYTES, OTHERS_MAX, Received};
use noreturn_wire::{Counter, Counters};

const PLC: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 10);
const SILENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 11);
const S: u64 = 1_000_000;

/// The table, and what came out of it.
struct Bed {
    neighbours: Neighbours,
    counters: Counters,
    now_us: u64,
}

/// What left.
#[derive(Debug, PartialEq)]
enum Sent {
    Request { to: MacAddress, target: Ipv4Addr },
    Packet { to: MacAddress, packet: Vec<u8> },
}

impl Bed {
    fn new(devices: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        Self::of(&config(devices))
    }

    fn of(config: &Config) -> Self {
        let neighbours = Neighbours::new(OWN_MAC, config);
        Self { neighbours, counters: Counters::default(), now_us: 0 }
    }

    fn send(&mut self, packet: &[u8]) -> Vec<Sent> {
        let mut bytes = [&[0; HEADER_BYTES][..], packet].concat();
        let is_sent = self.neighbours.send(&mut bytes, self.now_us, &mut self.counters);
        let first = is_sent.then(|| sent(&bytes));
        first.into_iter().chain(self.poll()).collect()
    }

    fn poll(&mut self) -> Vec<Sent> {
        let mut bytes = [0; FRAME_BYTES_MAX];
        let next = || {
            self.neighbours.poll(&mut bytes, self.now_us, &mut self.counters).map(|len| sent(&bytes[..len]))
        };
        std::iter::from_fn(next).collect()
    }

    /// Lets time pass, and polls when that is due and no other time; what left when.
    fn pass(&mut self, until_us: u64) -> Vec<(u64, Sent)> {
        let mut all = Vec::new();
        while self.neighbours.poll_at() <= until_us {
            self.now_us = self.now_us.max(self.neighbours.poll_at());
            all.extend(self.poll().into_iter().map(|sent| (self.now_us, sent)));
        }
        self.now_us = until_us;
        all
    }

    /// Hears a frame; what left because of it.
    fn hear(&mut self, frame: &[u8]) -> Vec<Sent> {
        let received = self.neighbours.receive(frame, self.now_us, &mut self.counters);
        assert_eq!(received, Received::Nothing);
        self.poll()
    }

    /// Hears a request; the answer, if there is one.
    fn answer(&mut self, request: &[u8]) -> Option<[u8; ARP_FRAME_BYTES]> {
        match self.neighbours.receive(request, self.now_us, &mut self.counters) {
            Received::Answer(frame) => Some(frame),
            Received::Nothing => None,
            Received::Packet { .. } => panic!("a request is no packet"),
        }
    }

    /// Makes `address` known at `at`.
    fn resolve(&mut self, address: Ipv4Addr, at: MacAddress) {
        self.send(&segment(address, 50_000, SYN));
        self.hear(&reply(at, address));
        assert_eq!(self.neighbours.mac(address), Some(at));
    }

    fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }
}

fn sent(frame: &[u8]) -> Sent {
    let (header, payload) = Header::parse(frame).expect("a frame");
    assert_eq!(header.source, OWN_MAC);
    let to = header.destination;
    match header.ether_type {
        IPV4 => Sent::Packet { to, packet: payload.to_vec() },
        ARP => {
            let arp = Arp::parse(payload).expect("right");
            assert_eq!((arp.operation, arp.sender_mac, arp.sender), (Operation::Request, OWN_MAC, OWN));
            Sent::Request { to, target: arp.target }
        }
        other => panic!("{other:04x}"),
    }
}

fn ask(target: Ipv4Addr) -> Sent {
    Sent::Request { to: BROADCAST, target }
}

fn packet(to: MacAddress, packet: Vec<u8>) -> Sent {
    Sent::Packet { to, packet }
}

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
