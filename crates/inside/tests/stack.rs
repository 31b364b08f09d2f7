//! The network stack behind the packet filter, with a socket of each kind that the box has, and one device.

mod common;
#[path = "common/wire.rs"]
mod wire;

use std::net::Ipv4Addr;

use common::{GATEWAY, OWN, OWN_MAC, TIME_SERVER, config, frame, mac, reply};
use etherparse::TcpHeader;
use noreturn_collect::{Now, Output, Sample};
use noreturn_inside::arp::Arp;
use noreturn_inside::ethernet::{IPV4, MacAddress};
use noreturn_inside::random::Generator;
use noreturn_inside::{DeviceConnection, Stack};
use noreturn_wire::{Counter, Counters, TimeQuality};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::socket::udp;
use wire::Wire;

const DEVICE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 9);

/// What is collected is of no concern here.
struct Nowhere;

impl Output for Nowhere {
    fn sample(&mut self, _: Sample) {}
    fn count(&mut self, _: Counter, _: u64) {}
}

struct Bed {
    wire: Wire,
    stack: Stack,
    device: DeviceConnection,
    counters: Counters,
    listener: SocketHandle,
}

impl Bed {
    /// One socket listens; the other connects to the device, whose Ethernet address is not known yet.
    fn new() -> Self {
        let (mut wire, config) = (Wire::default(), config([DEVICE]));
        let mut stack = Stack::new(&mut wire, OWN_MAC, &config, &mut Generator::new([1; 32]), 0);
        let buffer = || SocketBuffer::new(vec![0; 1024]);
        let mut listener = Socket::new(buffer(), buffer());
        listener.listen(502).expect("it is closed");
        let listener = stack.sockets.add(listener);
        let device = DeviceConnection::new(config.devices[0].clone(), now(0), &mut stack);
        let mut bed = Self { wire, stack, device, counters: Counters::default(), listener };
        bed.step(0);
        bed
    }

    fn step(&mut self, ms: u64) {
        self.stack.poll(&mut self.wire, ms * 1000, &mut self.counters);
        self.device.step(now(ms), &mut self.stack, &mut Nowhere);
        self.stack.poll(&mut self.wire, ms * 1000, &mut self.counters);
        self.stack.poll_at(ms * 1000);
    }

    /// A segment from the device.
    fn hear(&mut self, segment: &TcpHeader) {
        self.hear_of(mac(9), DEVICE, segment);
    }

    /// A segment from somebody.
    fn hear_of(&mut self, from: MacAddress, source: Ipv4Addr, segment: &TcpHeader) {
        self.wire.hear(from, source, segment, &[]);
    }

    /// The TCP segments to the device.
    fn sent(&self) -> Vec<TcpHeader> {
        self.wire.segments().into_iter().map(|(segment, _)| segment).collect()
    }

    /// Everybody who was asked for by ARP.
    fn asked(&self) -> Vec<Ipv4Addr> {
        let arp = |frame: &Vec<u8>| Arp::parse(frame.get(14..)?).map(|arp| arp.target);
        self.wire.from_box.iter().filter(|frame| frame[12..14] == [8, 6]).filter_map(arp).collect()
    }

    fn states(&self) -> Vec<State> {
        let sockets = self.stack.sockets.iter();
        sockets
            .map(|(_, socket)| match socket {
                smoltcp::socket::Socket::Tcp(socket) => socket.state(),
                smoltcp::socket::Socket::Udp(_) => unreachable!("there is none"),
            })
            .collect()
    }
}

fn now(ms: u64) -> Now {
    Now { uptime_us: ms * 1000, clock_us: 0, time_quality: TimeQuality::NONE }
}

fn syn(port: u16) -> TcpHeader {
    let mut header = TcpHeader::new(502, port, 7, 65_535);
    header.syn = true;
    header
}

#[test]
fn a_bare_syn_never_reaches_a_socket_that_connects() {
    let mut bed = Bed::new();
    bed.wire.to_box.push_back(reply(mac(9), DEVICE));
    bed.step(1);
    let port = bed.sent()[0].source_port;
    for ms in 2..258 {
        bed.hear(&syn(port));
        bed.step(ms);
        assert_eq!(bed.states(), [State::Listen, State::SynSent]);
    }
    assert_eq!(bed.counters.get(Counter::InsideSynRefused), 256);
}

#[test]
fn a_port_without_a_listener_stays_silent() {
    let mut bed = Bed::new();
    bed.wire.to_box.push_back(reply(mac(9), DEVICE));
    bed.step(1);
    bed.wire.from_box.clear();
    for port in [1, 501, 503, 49_151, 65_535] {
        bed.hear(&syn(port));
        bed.step(2);
    }
    assert_eq!(bed.counters.get(Counter::InsideSynRefused), 5);
    assert!(bed.wire.from_box.is_empty(), "{:?}", bed.wire.from_box);
}

#[test]
fn fragments_are_dropped() {
    let mut bed = Bed::new();
    let mut packet = common::segment(OWN, 502, common::ACK);
    packet[6] = 0x20;
    // The checksum of this header with DEVICE as its source; the filter does not look at it.
    packet[12..16].copy_from_slice(&DEVICE.octets());
    bed.wire.to_box.push_back(frame(OWN_MAC, mac(9), IPV4, &packet));
    bed.step(1);
    assert_eq!(bed.counters.get(Counter::InsideFragments), 1);
}

/// The first SYN leaves with the reply that it waited for, not a second later.
#[test]
fn a_listener_is_reached_and_a_device_can_answer() {
    let mut bed = Bed::new();
    bed.wire.to_box.push_back(reply(mac(9), DEVICE));
    bed.hear(&syn(502));
    bed.step(1);
    assert_eq!(bed.states(), [State::SynReceived, State::SynSent]);
    let sent = bed.sent();
    let first = sent.iter().find(|segment| segment.syn && !segment.ack).expect("a SYN to the device");
    let mut answer = syn(first.source_port);
    (answer.ack, answer.acknowledgment_number) = (true, first.sequence_number.wrapping_add(1));
    bed.hear(&answer);
    bed.step(2);
    assert_eq!(bed.states(), [State::SynReceived, State::Established]);
    assert_eq!(
        bed.stack.sockets.get::<Socket<'_>>(bed.listener).local_endpoint().map(|local| local.port),
        Some(502)
    );
    let refused = [Counter::InsideSynRefused, Counter::InsideMalformed, Counter::InsideIgnored];
    assert!(refused.iter().all(|&counter| bed.counters.get(counter) == 0), "{:?}", bed.counters);
}

/// A thousand clients of the status that are not there, of one host, and one among them that is.
#[test]
fn clients_are_answered_where_they_were_heard_and_never_asked_for() {
    let mut bed = Bed::new();
    bed.wire.to_box.push_back(reply(mac(9), DEVICE));
    bed.step(1);
    bed.wire.from_box.clear();
    for n in 0..1000_u16 {
        let client = Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 9, 0).to_bits() + u32::from(n) + 1);
        let from = mac(if n == 500 { 50 } else { 66 });
        let ms = 2 + u64::from(n) * 10;
        bed.hear_of(from, client, &syn(502));
        bed.step(ms);
        let answers = bed.wire.from_box.iter().filter(|frame| frame[30..34] == client.octets());
        let to: Vec<_> = answers.map(|frame| frame[..6].to_vec()).collect();
        assert_eq!(to, [from], "{n}");
        let listener = bed.stack.sockets.get_mut::<Socket<'_>>(bed.listener);
        listener.abort();
        bed.step(ms + 1);
        bed.stack.sockets.get_mut::<Socket<'_>>(bed.listener).listen(502).expect("it is closed");
    }
    assert!(bed.asked().iter().all(|asked| *asked == DEVICE), "{:?}", bed.asked());
    // One on another network is answered by the gateway, which is configured, wherever its packet came from.
    bed.wire.from_box.clear();
    bed.hear_of(mac(66), Ipv4Addr::new(192, 168, 0, 9), &syn(502));
    bed.step(20_000);
    assert_eq!(bed.asked().iter().filter(|asked| **asked != DEVICE).collect::<Vec<_>>(), [&GATEWAY]);
    bed.wire.to_box.push_back(reply(mac(3), GATEWAY));
    bed.step(20_001);
    let answer = bed.wire.from_box.last().expect("a SYN and ACK");
    assert_eq!((&answer[..6], &answer[30..34]), (&mac(3)[..], &[192, 168, 0, 9][..]));
}

#[test]
fn a_datagram_of_the_time_server_to_a_port_that_does_not_ask_draws_nothing() {
    let mut bed = Bed::new();
    bed.wire.from_box.clear();
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 1024]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(50_000).expect("it is not open");
    let socket = bed.stack.sockets.add(socket);
    for port in [1, 123, 502, 49_999, 50_000, 50_001] {
        let mut frame = Vec::new();
        let packet = etherparse::PacketBuilder::ethernet2(mac(3), OWN_MAC).ipv4(
            TIME_SERVER.octets(),
            OWN.octets(),
            64,
        );
        packet.udp(123, port).write(&mut frame, &[0; 48]).expect("a vector takes it");
        bed.wire.to_box.push_back(frame);
    }
    bed.step(1);
    assert_eq!(bed.wire.from_box, Vec::<Vec<u8>>::new());
    assert_eq!(bed.counters.get(Counter::InsideIgnored), 5);
    let socket = bed.stack.sockets.get_mut::<udp::Socket<'_>>(socket);
    assert!(socket.recv().is_ok() && socket.recv().is_err(), "one was asked for");
}

/// In virtual time: a deadline in the past would have no end of looks.
#[test]
fn a_card_without_room_is_looked_at_a_hundred_times_a_second() {
    let mut bed = Bed::new();
    bed.wire.to_box.push_back(reply(mac(9), DEVICE));
    bed.wire.is_full = true;
    bed.hear(&syn(502));
    let (mut now_us, mut looks) = (1000, 0);
    while now_us < 1_000_000 {
        bed.stack.poll(&mut bed.wire, now_us, &mut bed.counters);
        now_us = bed.stack.poll_at(now_us).max(now_us);
        looks += 1;
        assert!(looks <= 100, "{now_us}");
    }
    assert_eq!(looks, 100);
    assert!(bed.sent().is_empty());
    // With room, what waits leaves at the next look.
    bed.wire.is_full = false;
    bed.stack.poll(&mut bed.wire, now_us, &mut bed.counters);
    assert!(bed.sent().iter().any(|segment| segment.syn && segment.ack), "{:?}", bed.sent());
    assert!(bed.stack.poll_at(now_us) > now_us);
}

/// No ARP request is answered after the first; connections are made anew again and again.
#[test]
fn a_conversation_confirms_its_neighbour_from_its_ethernet_address_alone() {
    for (from, kept) in [(mac(9), Some(mac(9))), (mac(66), None)] {
        let mut bed = Bed::new();
        bed.wire.to_box.push_back(reply(mac(9), DEVICE));
        bed.step(1);
        let first = bed.sent()[0].clone();
        let mut answer = syn(first.source_port);
        (answer.ack, answer.acknowledgment_number) = (true, first.sequence_number.wrapping_add(1));
        bed.hear_of(from, DEVICE, &answer);
        bed.step(2);
        // Each request is acknowledged, for two minutes; none is answered, so it is asked anew.
        for ms in (1000..120_000).step_by(10) {
            bed.step(ms);
            let Some(sent) = bed.sent().into_iter().rev().find(|segment| !segment.rst) else { continue };
            bed.wire.from_box.retain(|frame| frame[12..14] == [8, 6]);
            let mut answer = TcpHeader::new(502, sent.source_port, 7, 65_535);
            answer.ack = true;
            answer.syn = sent.syn;
            answer.sequence_number = if sent.syn { 7 } else { sent.acknowledgment_number };
            let bytes = if sent.syn { 1 } else { 12 };
            answer.acknowledgment_number = sent.sequence_number.wrapping_add(bytes);
            bed.hear_of(from, DEVICE, &answer);
        }
        assert_eq!(bed.stack.neighbours().mac(DEVICE), kept, "{from:?}");
    }
}
