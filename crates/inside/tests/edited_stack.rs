//! The network stack alone, as `kernel-app/prepare` edits it, without the packet filter in front.

#[path = "common/cable.rs"]
mod cable;

use std::net::Ipv4Addr;

use cable::Cable;
use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use noreturn_inside::random::Secret;
use noreturn_inside::sequence::initial_sequence;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

const OWN: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 2], Ipv4Addr::new(10, 0, 0, 2));
const DEVICE: ([u8; 6], Ipv4Addr) = ([2, 0, 0, 0, 0, 9], Ipv4Addr::new(10, 0, 0, 9));
const PORT: u16 = 49_200;
const LISTENING: u16 = 502;

struct Bed {
    cable: Cable,
    interface: Interface,
    sockets: SocketSet<'static>,
    client: SocketHandle,
}

impl Bed {
    /// One socket listens, the other connects to the device. `random_seed` is that of smoltcp's own generator.
    fn new(secret: Secret, random_seed: u64, us: i64) -> Self {
        let mut cable = Cable::default();
        let mut config = Config::new(EthernetAddress(OWN.0).into(), initial_sequence(secret));
        config.random_seed = random_seed;
        let mut interface = Interface::new(config, &mut cable, Instant::from_micros(us));
        interface.update_ip_addrs(|own| own.push(IpCidr::new(OWN.1.into(), 24)).expect("the list is empty"));
        let socket = || Socket::new(SocketBuffer::new(vec![0; 1024]), SocketBuffer::new(vec![0; 1024]));
        let (mut client, mut listener) = (socket(), socket());
        client.connect(interface.context(), (DEVICE.1, 502), PORT).expect("it is closed");
        listener.listen(LISTENING).expect("it is closed");
        let mut sockets = SocketSet::new(Vec::new());
        let client = sockets.add(client);
        sockets.add(listener);
        Self { cable, interface, sockets, client }
    }

    /// A SYN of the device.
    fn hear_syn(&mut self, from: u16, to: u16) {
        let mut syn = Vec::new();
        let packet = PacketBuilder::ethernet2(DEVICE.0, OWN.0).ipv4(DEVICE.1.octets(), OWN.1.octets(), 64);
        packet.tcp(from, to, 7, 65_535).syn().write(&mut syn, &[]).expect("a vector takes it");
        self.cable.received.push_back(syn);
    }

    fn hear_arp_reply(&mut self) {
        let arp = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &DEVICE.0, &DEVICE.1.octets(), &OWN.0, &OWN.1.octets()];
        self.cable.received.push_back([&OWN.0[..], &DEVICE.0, &[8, 6], &arp.concat()].concat());
    }

    fn poll(&mut self, us: i64) {
        let now = Instant::from_micros(us);
        self.interface.poll(now, &mut self.cable, &mut self.sockets);
        self.interface.poll_at(now, &self.sockets);
    }

    /// The sequence number of the latest SYN from a port.
    fn sequence_number(&self, port: u16) -> Option<u32> {
        let tcp = |frame: &Vec<u8>| match SlicedPacket::from_ethernet(frame).ok()?.transport? {
            TransportSlice::Tcp(tcp) if tcp.syn() && tcp.source_port() == port => Some(tcp.sequence_number()),
            _ => None,
        };
        self.cable.sent.iter().rev().find_map(tcp)
    }
}

/// A simultaneous open while this side's SYN waits for the neighbour, for which smoltcp 0.14.0 as published panics.
#[test]
fn a_bare_syn_to_a_port_that_connects_does_not_panic() {
    let mut bed = Bed::new(Secret([1; 64]), 1, 0);
    bed.poll(0);
    bed.hear_syn(502, PORT);
    (1..5000).for_each(|ms| bed.poll(ms * 1000));
    assert_eq!(bed.sockets.get::<Socket<'_>>(bed.client).state(), State::SynReceived);
}

/// Numbers of both kinds of connections, the one made and the one accepted, at a time.
fn numbers(secret: u8, random_seed: u64, us: i64) -> [u32; 2] {
    let mut bed = Bed::new(Secret([secret; 64]), random_seed, us);
    bed.poll(us);
    bed.hear_arp_reply();
    bed.hear_syn(50_000, LISTENING);
    bed.poll(us);
    // The SYN that waited for the neighbour is sent again, with the number that it had.
    bed.poll(us + 1_000_000);
    [PORT, LISTENING].map(|port| bed.sequence_number(port).expect("a SYN"))
}

/// smoltcp's own generator, whose state three numbers give away, has no part in them: they follow from secret and time.
#[test]
fn initial_sequence_numbers_come_from_the_secret_and_the_time() {
    let first = numbers(1, 1, 0);
    assert_eq!(numbers(1, 2, 0), first);
    let later = numbers(1, 3, 4_000_000);
    assert_eq!(later, first.map(|number| number.wrapping_add(1_000_000)));
    let other = numbers(2, 1, 0);
    assert!(other[0] != first[0] && other[1] != first[1]);
}
