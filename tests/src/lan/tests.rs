//! The bed itself: a client that is known plays the box.

use noreturn_inside::random::{SECRET_BYTES, Secret};
use noreturn_inside::sequence::initial_sequence;
use smoltcp::iface::{Config as InterfaceConfig, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use super::host::Queues;
use super::*;
use crate::counting::reply;
use crate::network::INSIDE_IPV4;

const STEP_US: u64 = 10_000;
const REQUEST: [u8; 12] = [0, 7, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2];

/// A client at the box's place, which asks one host.
struct Client {
    lan: Lan,
    wire: Queues,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    now_us: u64,
    port: u16,
}

impl Client {
    fn new(hosts: usize) -> Self {
        let device = |number| {
            format!(
                "\n[[modbus]]\nname = \"d{number}\"\naddress = \"{}:502\"\nunit = 1\n[[modbus.point]]\nname = \"n\"\n\
                 function = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n",
                host_address(number)
            )
        };
        let config = bed::config(&(0..hosts).map(device).collect::<String>()).expect("the site is right");
        let mut wire = Queues::default();
        let settings = InterfaceConfig::new(
            EthernetAddress(INSIDE_MAC).into(),
            initial_sequence(Secret([2; SECRET_BYTES])),
        );
        let mut interface = Interface::new(settings, &mut wire, Instant::ZERO);
        let own = IpCidr::new(IpAddress::v4(10, 1, 0, 2), PREFIX);
        interface.update_ip_addrs(|addresses| addresses.push(own).expect("there is room"));
        let mut sockets = SocketSet::new(Vec::new());
        let buffer = || SocketBuffer::new(vec![0; 512]);
        let socket = sockets.add(Socket::new(buffer(), buffer()));
        Self { lan: Lan::new(hosts, &config), wire, interface, sockets, socket, now_us: 1, port: 50_000 }
    }

    fn connect(&mut self, host: usize) {
        self.port += 1;
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        socket.abort();
        let remote = (IpAddress::Ipv4(host_address(host)), MODBUS_PORT);
        socket.connect(self.interface.context(), remote, self.port).expect("the socket is closed");
    }

    /// Lets time pass; what was received.
    fn pass(&mut self, time_us: u64) -> Vec<u8> {
        let mut received = Vec::new();
        for _ in 0..time_us / STEP_US {
            self.now_us += STEP_US;
            let now = Instant::from_micros(self.now_us as i64);
            self.interface.poll(now, &mut self.wire, &mut self.sockets);
            while let Some(frame) = self.wire.sent.pop_front() {
                self.wire.received.extend(self.lan.take(self.now_us, &frame, 0));
            }
            self.interface.poll(now, &mut self.wire, &mut self.sockets);
            let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
            let _ = socket.recv(|bytes| {
                received.extend(&*bytes);
                (bytes.len(), ())
            });
        }
        received
    }

    fn send(&mut self, request: &[u8]) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        socket.send_slice(request).expect("it is connected");
    }

    /// Sends a request, and returns the value in the answer if there is one.
    fn ask(&mut self) -> Option<u32> {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        socket.send_slice(&REQUEST).ok()?;
        // The frames of odd hosts come one at a time.
        let answer = self.pass(2_000_000);
        Some(u32::from_be_bytes(answer.get(9..13)?.try_into().ok()?))
    }
}

#[test]
fn a_host_that_is_healthy_answers_and_counts_by_the_guests_time() {
    let mut client = Client::new(3);
    client.connect(1);
    client.pass(1_000_000);
    let before_us = client.now_us;
    // More than the host's buffer holds, so that requests lie at its end and its start.
    for number in 0..100 {
        assert_eq!(client.ask(), Some(number));
    }
    let counted = client.lan.hosts()[1].requests_us();
    assert_eq!(counted.len(), 100);
    assert!(counted.iter().all(|at| (before_us..client.now_us).contains(at)), "{counted:?}");
    assert_eq!(client.lan.hosts()[0].requests_us().len() + client.lan.hosts()[2].requests_us().len(), 0);
    assert_eq!(client.lan.offences(), [""; 0]);
}

#[test]
fn a_host_that_is_off_says_nothing_and_has_forgotten_everything_afterwards() {
    let mut client = Client::new(1);
    client.connect(0);
    client.pass(1_000_000);
    assert_eq!(client.ask(), Some(0));
    client.lan.set([0], Behaviour::Off);
    assert_eq!(client.ask(), None);
    client.lan.set([0], Behaviour::Healthy);
    // The old connection is not known any more.
    client.pass(10_000_000);
    assert!(!client.sockets.get_mut::<Socket<'_>>(client.socket).may_send());
    client.connect(0);
    client.pass(1_000_000);
    assert_eq!(client.ask(), Some(0));

    let mut client = Client::new(1);
    client.lan.set([0], Behaviour::Off);
    client.connect(0);
    client.pass(5_000_000);
    assert!(client.lan.frames() > 1, "it was asked for by ARP again and again");
    assert!(!client.sockets.get_mut::<Socket<'_>>(client.socket).may_send());
}

#[test]
fn a_host_that_flaps_is_off_half_of_the_time() {
    let mut host = Host::new(host_ethernet(0), host_address(0));
    host.set(Behaviour::Flapping { half_period_us: 10 }, 100);
    let request = hostile::arp_request(INSIDE_MAC, Ipv4Addr::new(10, 1, 0, 2), host_address(0));
    let mut answers = |now_us| {
        host.step(now_us);
        host.take(now_us, &request);
        !host.step(now_us).is_empty()
    };
    assert_eq!([100, 109, 110, 119, 120, 135].map(&mut answers), [true, true, false, false, true, false]);
}

#[test]
fn another_machine_with_the_same_address_has_another_ethernet_address() {
    let mut client = Client::new(1);
    client.connect(0);
    client.pass(1_000_000);
    assert_eq!(client.ask(), Some(0));
    let new = [2, 0, 0, 9, 9, 9];
    client.lan.replace(0, new);
    // Nobody takes what is sent to the old one.
    assert_eq!(client.ask(), None);
    // This forgets what was learnt by ARP.
    client.interface.update_ip_addrs(|_| ());
    client.connect(0);
    client.pass(1_000_000);
    assert_eq!((client.ask(), client.lan.hosts()[0].ethernet()), (Some(0), new));
}

#[test]
fn a_host_that_is_odd_answers_in_single_bytes_and_then_wrong_in_every_way() {
    let mut client = Client::new(1);
    client.lan.set([0], Behaviour::Odd);
    client.connect(0);
    client.pass(1_000_000);
    assert_eq!(client.ask(), Some(0));
    let mut next = || {
        client.send(&REQUEST);
        client.pass(2_000_000)
    };
    let right = reply(&REQUEST, 1);
    assert_eq!(next(), [&[0x80], &right[1..]].concat());
    assert_eq!(next(), reply(&REQUEST, 2)[..6]);
    assert_eq!(next(), [0xa5; 13]);
    assert_eq!(next(), [0, 7, 0, 0, 0, 5, 1, 3, 2, 0, 0]);
    assert_eq!(next(), reply(&REQUEST, 5));
    assert_eq!(client.lan.offences(), [""; 0]);
}

#[test]
fn who_claims_an_address_does_so_once_a_period_until_it_is_told_to_stop() {
    const OTHER: [u8; 6] = [2, 0, 0, 9, 9, 8];
    let mut lan = Lan::new(2, &bed::config(&bed::devices(2, 100_000, None)).expect("the site is right"));
    let request = hostile::arp_request(INSIDE_MAC, INSIDE_IPV4, host_address(0));
    lan.take(1, &request, 0);
    lan.claim(1, OTHER, 1_000_000);
    let claims: Vec<_> = (1..=4).flat_map(|at| lan.take(at * 1_000_000, &request, 0)).collect();
    let claims: Vec<_> = claims.into_iter().filter(|frame| frame[6..12] == OTHER).collect();
    let told = [
        hostile::arp_reply(OTHER, host_address(1), INSIDE_MAC, INSIDE_IPV4),
        hostile::arp_request(OTHER, host_address(1), INSIDE_IPV4),
    ];
    assert_eq!(claims, [&told[..], &told[..1]].concat());
    assert_eq!(lan.end_claim(), 3);
    assert!(lan.take(9_000_000, &request, 0).iter().all(|frame| frame[6..12] != OTHER));
}

/// The client takes SYNs that a diode drops, so that it shows when they come: while it waits for an answer to its own.
#[test]
fn connections_are_opened_where_the_box_opens_one_to_a_host_that_is_off() {
    let mut client = Client::new(2);
    client.connect(0);
    client.pass(1_000_000);
    client.lan.set([0], Behaviour::Off);
    client.lan.open_towards_box(0);
    client.connect(0);
    client.pass(10_000);
    let state = client.sockets.get_mut::<Socket<'_>>(client.socket).state();
    assert_eq!(state, smoltcp::socket::tcp::State::SynReceived);
    assert_eq!(client.lan.end_open_towards_box(), u64::from(SYNS));

    // It is found as the device would be.
    client.interface.update_ip_addrs(|_| ());
    client.lan.open_towards_box(0);
    client.connect(0);
    client.pass(1_000_000);
    let state = client.sockets.get_mut::<Socket<'_>>(client.socket).state();
    assert_eq!(state, smoltcp::socket::tcp::State::SynReceived);
    assert!(client.lan.end_open_towards_box() >= u64::from(SYNS));
    client.lan.open_towards_box(0);
    client.connect(1);
    client.pass(1_000_000);
    assert_eq!((client.ask(), client.lan.end_open_towards_box()), (Some(0), 0));
}

/// The client is no diode: it writes, and the judge sees it.
#[test]
fn a_box_that_writes_is_caught() {
    let mut client = Client::new(1);
    client.connect(0);
    client.pass(1_000_000);
    client.send(&[0, 1, 0, 0, 0, 6, 1, 6, 0, 0, 0, 1]);
    client.pass(100_000);
    let [offence, ..] = client.lan.offences() else { panic!("nothing was noticed") };
    assert!(offence.contains("a Modbus function that does not read"), "{offence}");
}

#[test]
fn a_flood_keeps_its_pace_by_the_guests_time() {
    let target = Target {
        ethernet: INSIDE_MAC,
        address: Ipv4Addr::new(10, 1, 0, 2),
        impersonated: vec![host_address(3)],
        silent: vec![host_address(4)],
    };
    let mut hostile = Hostile::new(target, 10_000, 7);
    let frames: Vec<_> =
        (5_000_000..=6_000_000).step_by(1000).flat_map(|now_us| hostile.step(now_us, u64::MAX)).collect();
    assert_eq!((frames.len(), hostile.sent()), (10_000, 10_000));
    // Nobody took anything for a long time: what is due waits, and comes in pieces.
    assert_eq!(hostile.step(60_000_000, 5).len(), 5);
    let kinds = frames.iter().map(|frame| {
        let packet = etherparse::SlicedPacket::from_ethernet(frame).expect("the frame is right");
        let is_fragment =
            packet.net.as_ref().and_then(|net| net.ipv4_ref()).is_some_and(|ip| ip.is_payload_fragmented());
        (frame[12..14].to_vec(), frame.get(23).copied().filter(|_| frame[12..14] == [8, 0]), is_fragment)
    });
    let kinds: std::collections::BTreeSet<_> = kinds.collect();
    // ARP, TCP, UDP, and fragments of UDP.
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    let made_up: std::collections::BTreeSet<_> = frames.iter().map(|frame| frame[6..12].to_vec()).collect();
    assert!(made_up.len() > 900, "{} Ethernet addresses", made_up.len());
}
