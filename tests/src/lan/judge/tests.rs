//! Offences of every kind are planted, and refused.

use etherparse::{ArpHardwareId, ArpPacket, EtherType, PacketBuilder};

use super::*;
use crate::lan::bed;
use crate::network::INSIDE_MAC as STATION;

const PEER: [u8; 6] = [2, 0, 0, 1, 1, 5];
const STRANGER: [u8; 6] = [2, 0, 0, 9, 9, 9];
const ASKER: [u8; 4] = [10, 1, 7, 7];
const CLIENT: [u8; 4] = [10, 1, 9, 9];
const PIN: [u8; 6] = [2, 0, 0, 7, 7, 7];
/// A device that the site pins.
const PINNED: [u8; 4] = [10, 1, 1, 7];
const ADDRESS: [u8; 4] = [10, 1, 0, 2];
const DEVICE: [u8; 4] = [10, 1, 1, 5];
const SERVER: [u8; 4] = [10, 1, 2, 9];
const READ: [u8; 12] = [0, 7, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2];
const PORT: u16 = 50_000;
/// The number of the SYN: those of its bytes pass 0.
const SEQUENCE: u32 = 0xffff_fffa;

fn judge() -> Judge {
    let site = "\n[time]\nsources = [\"sntp\"]\nsntp = { server = \"10.1.2.9\" }\n\n[status]\nhttp_port = 80\n\n\
                [[modbus]]\nname = \"plc\"\naddress = \"10.1.1.5:502\"\nunit = 1\n\
                [[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";
    let pinned = "\n[[modbus]]\nname = \"pinned\"\naddress = \"10.1.1.7:502\"\nmac = \"02:00:00:07:07:07\"\nunit = 1\n\
                  [[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";
    let config = bed::config(&[site, pinned].concat()).expect("the site is right");
    let mut judge = Judge::new(&config, STATION);
    for host in [DEVICE, SERVER] {
        judge.place(host.into(), PEER, true);
    }
    judge.hear(&arp(ArpOperation::REQUEST, (PEER, ASKER), ADDRESS, BROADCAST));
    judge.hear(&from_client(80, "S"));
    judge
}

/// A segment of a client of the status.
fn from_client(port: u16, flags: &str) -> Vec<u8> {
    let packet = PacketBuilder::ethernet2(PEER, STATION).ipv4(CLIENT, ADDRESS, 64).tcp(40_000, port, 1, 1024);
    let packet = if flags.contains('S') { packet.syn() } else { packet };
    let packet = if flags.contains('A') { packet.ack(1) } else { packet };
    let mut frame = Vec::new();
    packet.write(&mut frame, &[]).expect("memory takes it");
    frame
}

/// The same frame to another Ethernet address.
fn redirected(mut frame: Vec<u8>, to: [u8; 6]) -> Vec<u8> {
    frame[..6].copy_from_slice(&to);
    frame
}

fn tcp(to: ([u8; 4], u16), port: u16, sequence: u32, flags: &str, payload: &[u8]) -> Vec<u8> {
    let packet =
        PacketBuilder::ethernet2(STATION, PEER).ipv4(ADDRESS, to.0, 64).tcp(port, to.1, sequence, 1024);
    let packet = if flags.contains('S') { packet.syn() } else { packet };
    let packet = if flags.contains('A') { packet.ack(1) } else { packet };
    let packet = if flags.contains('R') { packet.rst() } else { packet };
    let mut frame = Vec::new();
    packet.write(&mut frame, payload).expect("memory takes it");
    frame
}

/// A segment to the device, this far behind the SYN.
fn data(offset: u32, payload: &[u8]) -> Vec<u8> {
    tcp((DEVICE, 502), PORT, SEQUENCE.wrapping_add(1 + offset), "A", payload)
}

fn udp(to: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let packet = PacketBuilder::ethernet2(STATION, PEER).ipv4(ADDRESS, to.0, 64).udp(50_001, to.1);
    packet.write(&mut frame, payload).expect("memory takes it");
    frame
}

fn arp(operation: ArpOperation, sender: ([u8; 6], [u8; 4]), target: [u8; 4], to: [u8; 6]) -> Vec<u8> {
    let named = if operation == ArpOperation::REPLY { to } else { [0; 6] };
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &sender.0,
        &sender.1,
        &named,
        &target,
    );
    let mut frame = Vec::new();
    let packet = PacketBuilder::ethernet2(STATION, to).arp(packet.expect("it has the lengths of its kinds"));
    packet.write(&mut frame).expect("memory takes it");
    frame
}

/// The judge, and a connection to the device that was opened.
fn connected() -> Judge {
    let mut judge = judge();
    assert_eq!(judge.look(&tcp((DEVICE, 502), PORT, SEQUENCE, "S", &[])), Ok(()));
    judge
}

fn refusal(judge: &mut Judge, frame: &[u8]) -> String {
    judge.look(frame).expect_err("this must be refused")
}

fn request(function: u8, address: u8, count: u8) -> [u8; 12] {
    [&READ[..7], &[function, 0, address, 0, count]].concat().try_into().expect("it has 12 bytes")
}

#[test]
fn what_the_site_asks_for_passes() {
    let mut judge = connected();
    let own = (STATION, ADDRESS);
    let (ask, reply) = (ArpOperation::REQUEST, ArpOperation::REPLY);
    let mut padded = arp(ask, own, DEVICE, BROADCAST);
    padded.resize(60, 0);
    for frame in [
        padded,
        arp(ask, own, SERVER, BROADCAST),
        arp(ask, own, DEVICE, PEER),
        arp(reply, own, DEVICE, PEER),
        arp(reply, own, ASKER, PEER),
        data(0, &READ),
        // Said again, and then more, cut in two.
        data(0, &READ),
        data(12, &READ[..5]),
        data(12, &[&READ[..], &READ[..3]].concat()),
        data(27, &READ[3..]),
        tcp((DEVICE, 502), PORT, SEQUENCE.wrapping_add(37), "RA", &[]),
        // A new connection from the same port.
        tcp((DEVICE, 502), PORT, 5, "S", &[]),
        tcp((DEVICE, 502), PORT, 6, "A", &READ),
        tcp((CLIENT, 40_000), 80, 1, "SA", &[]),
        tcp((CLIENT, 40_000), 80, 2, "A", b"HTTP/1.1 200 OK"),
        redirected(tcp((PINNED, 502), PORT, 5, "S", &[]), PIN),
        udp((SERVER, 123), &[&[0x23][..], &[0; 47]].concat()),
    ] {
        assert_eq!(judge.look(&frame), Ok(()));
    }
}

#[test]
fn every_planted_offence_is_refused_by_name() {
    let own = (STATION, ADDRESS);
    let mut foreign_source = data(0, &READ);
    foreign_source[6..12].copy_from_slice(&PEER);
    let mut to_a_group = data(0, &READ);
    to_a_group[0] |= 1;
    let mut fragment = data(0, &READ);
    fragment[20] = 0x20;
    let tagged = [&data(0, &[])[..12], &[0x81, 0, 0, 7], &data(0, &[])[12..]].concat();
    let mut icmp = Vec::new();
    let packet = PacketBuilder::ethernet2(STATION, PEER).ipv4(ADDRESS, DEVICE, 64).icmpv4_echo_reply(1, 1);
    packet.write(&mut icmp, &[]).expect("memory takes it");
    let other = [10, 1, 7, 7];
    for (frame, name) in [
        (foreign_source, "another Ethernet source address"),
        (to_a_group, "IPv4 to a group address"),
        (fragment, "a fragment"),
        (tagged, "a VLAN tag or MACsec"),
        (icmp, "neither TCP nor UDP"),
        (vec![0; 60], "another Ethernet source address"),
        (STATION.repeat(2), "not enough data"),
        (
            arp(ArpOperation::REQUEST, own, other, BROADCAST),
            "an ARP request for somebody who is not configured",
        ),
        (arp(ArpOperation::REQUEST, (PEER, ADDRESS), DEVICE, BROADCAST), "ARP with another Ethernet address"),
        (arp(ArpOperation::REQUEST, (STATION, other), DEVICE, BROADCAST), "ARP with another IPv4 address"),
        (arp(ArpOperation::REPLY, own, other, BROADCAST), "an ARP reply to everybody"),
        (arp(ArpOperation(8), own, DEVICE, PEER), "ARP that neither asks nor replies"),
        (tcp((DEVICE, 503), PORT, 5, "S", &[]), "TCP to an endpoint that is not configured"),
        (tcp((other, 502), PORT, 5, "RA", &[]), "TCP to an endpoint that is not configured"),
        (tcp((DEVICE, 502), PORT, 5, "SA", &[]), "a connection that a device opened"),
        (tcp((DEVICE, 502), PORT, 5, "S", b"x"), "a SYN with data"),
        (tcp((DEVICE, 502), PORT + 1, 5, "A", b"x"), "data of a connection that the box did not open"),
        (tcp((CLIENT, 40_000), 80, 1, "S", &[]), "a connection from a status port"),
        (tcp((CLIENT, 40_001), 80, 1, "SA", &[]), "an answer to a client that has not asked"),
        (tcp((other, 40_000), 80, 1, "SA", &[]), "an answer to a client that has not asked"),
        (tcp((DEVICE, 502), 80, 1, "A", b"x"), "an answer to a client that has not asked"),
        (redirected(tcp((CLIENT, 40_000), 80, 1, "SA", &[]), STRANGER), "a host that has asked nothing"),
        (redirected(data(0, &READ), STRANGER), "a configured host to another Ethernet address"),
        (
            redirected(udp((SERVER, 123), &[0x23; 48]), STRANGER),
            "a configured host to another Ethernet address",
        ),
        (tcp((PINNED, 502), PORT, 5, "S", &[]), "a configured host to another Ethernet address"),
        (arp(ArpOperation::REQUEST, own, DEVICE, STRANGER), "a configured host to another Ethernet address"),
        (arp(ArpOperation::REPLY, own, DEVICE, STRANGER), "a configured host to another Ethernet address"),
        (arp(ArpOperation::REPLY, own, [10, 1, 7, 8], PEER), "a host that has asked nothing"),
        (arp(ArpOperation::REPLY, own, ASKER, STRANGER), "a host that has asked nothing"),
        (
            redirected(arp(ArpOperation::REPLY, own, ASKER, PEER), STRANGER),
            "an ARP reply to somebody else than it names",
        ),
        (data(1, &READ), "a segment that leaves something out"),
        (data(0, &request(5, 0, 2)), "a Modbus function that does not read"),
        (data(0, &request(16, 0, 2)[..8]), "a Modbus function that does not read"),
        (data(0, &request(4, 0, 2)), "a Modbus request that is not configured"),
        (data(0, &request(3, 1, 2)), "a Modbus request that is not configured"),
        (data(0, &request(3, 0, 3)), "a Modbus request that is not configured"),
        (data(0, b"GET / HTTP/1"), "no Modbus request that reads"),
        (udp((DEVICE, 123), &[0x23; 48]), "UDP to somebody else than the time server"),
        (udp((SERVER, 124), &[0x23; 48]), "UDP to somebody else than the time server"),
        (udp((SERVER, 123), &[0x23; 49]), "UDP that is no SNTP request"),
        (udp((SERVER, 123), &[0x24; 48]), "UDP that is no SNTP request"),
    ] {
        let said = refusal(&mut connected(), &frame);
        assert!(said.to_lowercase().contains(&name.to_lowercase()), "{said:?} is not {name:?}");
        assert!(said.contains(&format!("{frame:02x?}")), "the frame is not shown");
    }
}

#[test]
fn a_request_may_not_be_said_again_in_other_words() {
    let mut judge = connected();
    assert_eq!(judge.look(&data(0, &READ)), Ok(()));
    assert!(refusal(&mut judge, &data(0, &request(6, 0, 2))).contains("repeated with other bytes"));
    // Nor in two pieces, of which each is nothing.
    let mut judge = connected();
    let write = request(6, 0, 2);
    assert_eq!(judge.look(&data(0, &write[..7])), Ok(()));
    assert!(refusal(&mut judge, &data(7, &write[7..])).contains("a Modbus function that does not read"));
}

#[test]
fn what_the_box_cannot_know_better_is_no_offence_until_it_does() {
    let elsewhere = "a configured host to another Ethernet address";
    let (to_new, to_old) = (|| redirected(data(0, &READ), STRANGER), || data(0, &READ));
    // It has moved.
    let mut judge = connected();
    assert!(refusal(&mut judge, &to_new()).contains(elsewhere));
    judge.place(DEVICE.into(), STRANGER, true);
    for frame in [to_old(), to_new()] {
        assert_eq!(judge.look(&frame), Ok(()));
    }
    assert!(refusal(&mut judge, &to_old()).contains(elsewhere));

    // Somebody else answers in its name: that counts only while it is silent, and never for one that is pinned.
    let mut judge = connected();
    let claim = |address| arp(ArpOperation::REPLY, (STRANGER, address), ADDRESS, STATION);
    [DEVICE, PINNED].iter().for_each(|&address| judge.hear(&claim(address)));
    assert!(refusal(&mut judge, &to_new()).contains(elsewhere));
    for address in [DEVICE, PINNED] {
        judge.place(address.into(), PEER, false);
        judge.hear(&claim(address));
    }
    assert_eq!(judge.look(&to_new()), Ok(()));
    let to_pinned = tcp((PINNED, 502), PORT, 5, "S", &[]);
    assert!(refusal(&mut judge, &redirected(to_pinned.clone(), STRANGER)).contains(elsewhere));
    assert!(refusal(&mut judge, &to_pinned).contains(elsewhere));
    judge.place(DEVICE.into(), PEER, true);
    assert_eq!(judge.look(&to_old()), Ok(()));
    assert!(refusal(&mut judge, &to_new()).contains(elsewhere));
}

#[test]
fn only_what_opens_a_connection_to_a_status_port_asks() {
    let answer = || tcp((CLIENT, 40_000), 502, 1, "SA", &[]);
    for frame in [from_client(502, "S"), from_client(80, "A"), from_client(80, "SA")] {
        let mut judge =
            Judge::new(&bed::config("\n[status]\nhttp_port = 80\n").expect("it is right"), STATION);
        judge.hear(&frame);
        assert!(judge.look(&answer()).is_err());
        assert!(judge.look(&tcp((CLIENT, 40_000), 80, 1, "SA", &[])).is_err());
    }
}

#[test]
fn what_is_remembered_of_a_stream_is_bounded() {
    let mut judge = connected();
    let requests = (4 * STREAM_BYTES / REQUEST_BYTES) as u32;
    for number in 0..requests {
        // Each in two pieces, and said again.
        let (start, end) = (number * 12, number * 12 + 12);
        for frame in [data(start, &READ[..5]), data(start, &READ), data(end - 7, &READ[5..])] {
            assert_eq!(judge.look(&frame), Ok(()), "request {number}");
        }
    }
    let kept = |judge: &Judge| judge.streams.values().map(|stream| stream.bytes.len()).sum::<usize>();
    assert_eq!(kept(&judge), STREAM_BYTES);
    assert!(refusal(&mut judge, &data(0, &READ)).contains("sent long ago"));
    assert!(refusal(&mut judge, &data(12 * (requests + 1), &READ)).contains("leaves something out"));
    // One segment is as many requests as it likes.
    assert_eq!(judge.look(&data(12 * requests, &READ.repeat(100))), Ok(()));
    assert!(refusal(&mut judge, &data(12 * (requests + 100), &request(6, 0, 2))).contains("does not read"));
    assert_eq!(kept(&judge), STREAM_BYTES + REQUEST_BYTES);
}
