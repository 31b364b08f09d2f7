//! Offences of every kind are planted, and refused.

use etherparse::{ArpHardwareId, ArpPacket, EtherType, PacketBuilder};

use super::*;
use crate::lan::bed;
use crate::network::INSIDE_MAC as STATION;

const PEER: [u8; 6] = [2, 0, 0, 1, 1, 5];
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
    Judge::new(&bed::config(site).expect("the site is right"), STATION)
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
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &sender.0,
        &sender.1,
        &[0; 6],
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
        arp(reply, own, [10, 1, 7, 7], PEER),
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
        tcp(([10, 1, 9, 9], 40_000), 80, 1, "SA", &[]),
        tcp(([10, 1, 9, 9], 40_000), 80, 2, "A", b"HTTP/1.1 200 OK"),
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
        (tcp((other, 40_000), 80, 1, "S", &[]), "a connection from a status port"),
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
