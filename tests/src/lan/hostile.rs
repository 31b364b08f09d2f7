//! Frames that a hostile host sends to the box's inside card, at a pace of the guest's time.

use std::net::Ipv4Addr;

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, IpFragOffset, IpHeaders, IpNumber, Ipv4Header,
    PacketBuilder,
};

use super::host::MODBUS_PORT;
use crate::random::Random;

/// Addresses that nobody has, in turns.
const MADE_UP: u64 = 1000;
/// Ports for connections that a host opens (RFC 6335, section 6).
const EPHEMERAL_START: u16 = 49_152;

/// Whom the frames are meant for and in whose name they come.
#[derive(Clone, Debug)]
pub struct Target {
    /// The box.
    pub ethernet: [u8; 6],
    /// The box.
    pub address: Ipv4Addr,
    /// Hosts in whose name ARP replies come, with another Ethernet address.
    pub impersonated: Vec<Ipv4Addr>,
    /// Hosts from whose Modbus port TCP connections to the box come.
    pub silent: Vec<Ipv4Addr>,
}

/// A hostile host.
#[derive(Debug)]
pub struct Hostile {
    target: Target,
    random: Random,
    frames_per_s: u64,
    /// Start, in the guest's time; nothing before the first step.
    start_us: Option<u64>,
    sent: u64,
}

impl Hostile {
    /// One that sends so many frames a second of the guest's time; what they are follows from `seed`.
    #[must_use]
    pub const fn new(target: Target, frames_per_s: u64, seed: u64) -> Self {
        Self { target, random: Random(seed), frames_per_s, start_us: None, sent: 0 }
    }

    /// Frames that were sent.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// What is due by now, but at most `room` frames; the rest waits.
    pub fn step(&mut self, now_us: u64, room: u64) -> Vec<Vec<u8>> {
        let start_us = *self.start_us.get_or_insert(now_us);
        let due = (now_us - start_us) * self.frames_per_s / 1_000_000;
        let count = due.saturating_sub(self.sent).min(room);
        let frames = (0..count).map(|place| self.frame(self.sent + place)).collect();
        self.sent += count;
        frames
    }

    /// Frame number `number`: the kinds come in turns.
    fn frame(&mut self, number: u64) -> Vec<u8> {
        let (made_up, host) = made_up(self.random.below(MADE_UP));
        let Target { ethernet, address, .. } = self.target;
        let round = number / 7;
        match number % 7 {
            0 => arp(ArpOperation::REQUEST, (made_up, host), [0xff; 6], ([0; 6], address)),
            1 => arp(ArpOperation::REPLY, (made_up, host), ethernet, (ethernet, address)),
            2 => arp_reply(made_up, pick(&self.target.impersonated, round), ethernet, address),
            3 => self.syn(made_up, pick(&self.target.silent, round), MODBUS_PORT, round),
            4 => self.syn(made_up, host, self.random_port(), round),
            5 => self.udp(made_up, host),
            _ => self.fragment(made_up, host),
        }
    }

    fn random_port(&self) -> u16 {
        // Any but 0.
        (self.sent % 65_535) as u16 + 1
    }

    /// A SYN to each of the ports from which the box connects, in turns.
    fn syn(&self, from: [u8; 6], source: Ipv4Addr, source_port: u16, round: u64) -> Vec<u8> {
        let port = EPHEMERAL_START + (round % u64::from(u16::MAX - EPHEMERAL_START + 1)) as u16;
        let Target { ethernet, address, .. } = self.target;
        syn((from, source, source_port), (ethernet, address, port), round as u32)
    }

    fn udp(&mut self, from: [u8; 6], source: Ipv4Addr) -> Vec<u8> {
        let Target { ethernet, address, .. } = self.target;
        let (port, length) = (self.random.draw() as u16 | 1, self.random.below(256) as usize);
        let packet = PacketBuilder::ethernet2(from, ethernet).ipv4(source.octets(), address.octets(), 64);
        written(|frame| packet.udp(123, port).write(frame, &vec![0x5a; length]))
    }

    /// The first part of a datagram, or one of its middle.
    fn fragment(&mut self, from: [u8; 6], source: Ipv4Addr) -> Vec<u8> {
        const PART_BYTES: u16 = 256;
        let Target { ethernet, address, .. } = self.target;
        let ip = Ipv4Header::new(PART_BYTES, 64, IpNumber::UDP, source.octets(), address.octets());
        let mut ip = ip.unwrap_or_default();
        ip.more_fragments = true;
        ip.identification = self.random.draw() as u16;
        ip.fragment_offset =
            IpFragOffset::try_new(self.random.below(64) as u16).unwrap_or(IpFragOffset::ZERO);
        let packet = PacketBuilder::ethernet2(from, ethernet).ip(IpHeaders::Ipv4(ip, Default::default()));
        written(|frame| packet.write(frame, IpNumber::UDP, &[0x5a; PART_BYTES as usize]))
    }
}

/// A SYN without ACK, by Ethernet address, IPv4 address and port: where the other side connects, too, a simultaneous open (RFC 9293, section 3.5).
pub(super) fn syn(
    (from, source, source_port): ([u8; 6], Ipv4Addr, u16),
    (to, target, target_port): ([u8; 6], Ipv4Addr, u16),
    sequence: u32,
) -> Vec<u8> {
    let packet = PacketBuilder::ethernet2(from, to).ipv4(source.octets(), target.octets(), 64);
    written(|frame| packet.tcp(source_port, target_port, sequence, 0xffff).syn().write(frame, &[]))
}

/// An ARP reply to `to`, which says that `address` is at `ethernet`.
#[must_use]
pub fn arp_reply(ethernet: [u8; 6], address: Ipv4Addr, to: [u8; 6], target: Ipv4Addr) -> Vec<u8> {
    arp(ArpOperation::REPLY, (ethernet, address), to, (to, target))
}

/// An ARP request of `address`, which is at `ethernet`, for `target`.
#[must_use]
pub fn arp_request(ethernet: [u8; 6], address: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    arp(ArpOperation::REQUEST, (ethernet, address), [0xff; 6], ([0; 6], target))
}

fn arp(
    operation: ArpOperation,
    (ethernet, address): ([u8; 6], Ipv4Addr),
    to: [u8; 6],
    (target_ethernet, target): ([u8; 6], Ipv4Addr),
) -> Vec<u8> {
    let (address, target) = (address.octets(), target.octets());
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &ethernet,
        &address,
        &target_ethernet,
        &target,
    );
    // Both have the lengths of their kinds.
    let Ok(packet) = packet else { return Vec::new() };
    written(|frame| PacketBuilder::ethernet2(ethernet, to).arp(packet).write(frame))
}

/// The Ethernet and IPv4 address of a host that does not exist.
fn made_up(number: u64) -> ([u8; 6], Ipv4Addr) {
    let [.., high, low] = number.to_be_bytes();
    ([2, 0xba, 0xd0, 0, high, low], Ipv4Addr::new(10, 1, 100 + high, low))
}

fn pick(hosts: &[Ipv4Addr], round: u64) -> Ipv4Addr {
    let place = round as usize % hosts.len().max(1);
    hosts.get(place).copied().unwrap_or(Ipv4Addr::UNSPECIFIED)
}

/// A frame as it is on the wire, at least as long as Ethernet has it.
fn written<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Vec<u8> {
    let mut frame = Vec::new();
    // Writing to memory cannot fail.
    let _ = write(&mut frame);
    frame.resize(frame.len().max(60), 0);
    frame
}
