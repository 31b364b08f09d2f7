//! What the box may send into the plant, and nothing else: an allow list made of the site's configuration.
//!
//! ARP: requests for configured peers, replies for its own address to who asked. TCP: to configured devices, where every byte is part of
//! a configured read request, and from its status ports to clients that connected to them. UDP: requests to the configured time server.
//! No fragment, no option, no ICMP, and nothing to a group address but ARP requests. What is for a host goes to that host's own Ethernet
//! address ([`neighbours`]).

mod neighbours;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use etherparse::{
    ArpOperation, ArpPacketSlice, Ipv4Slice, NetSlice, SlicedPacket, TcpSlice, TransportSlice, UdpSlice,
};
use noreturn_image_format::Config;
use noreturn_image_format::config::time::TimeSource;

use neighbours::Neighbours;

/// Bytes of every Modbus request that reads (MODBUS Application Protocol 1.1b3, sections 4.1 and 6.1 to 6.4).
const REQUEST_BYTES: usize = 12;
/// Bytes of an SNTP request (RFC 5905, section 7.3), and its first: no warning, version 3 or 4, client.
const SNTP_BYTES: usize = 48;
const SNTP_FIRST: [u8; 2] = [0x1b, 0x23];
const BROADCAST: [u8; 6] = [0xff; 6];
/// Bytes of a stream that are remembered, whole requests: more than the box ever has on their way to a device.
const STREAM_BYTES: usize = 256 * REQUEST_BYTES;

/// A read request: unit, function, address and count.
type Request = (u8, u8, u16, u16);

/// One direction of a TCP connection: what was sent last, at most [`STREAM_BYTES`] with the start of a request first, and the number of the
/// first of these bytes.
#[derive(Debug)]
struct Stream {
    start: u32,
    bytes: Vec<u8>,
}

/// Looks at every frame that the box sends into the plant.
#[derive(Debug)]
pub struct Judge {
    station: [u8; 6],
    address: Ipv4Addr,
    neighbours: Neighbours,
    devices: BTreeMap<SocketAddrV4, BTreeSet<Request>>,
    time_server: Option<SocketAddrV4>,
    /// By the box's port and the device.
    streams: BTreeMap<(u16, SocketAddrV4), Stream>,
}

impl Judge {
    /// What `config` allows a box whose inside card has the address `station`.
    #[must_use]
    pub fn new(config: &Config, station: [u8; 6]) -> Self {
        let mut devices = BTreeMap::<_, BTreeSet<_>>::new();
        for device in &config.devices {
            let reads =
                device.reads.iter().map(|read| (device.unit, read.function as u8, read.address, read.count));
            devices.entry(SocketAddrV4::new(device.address, device.port)).or_default().extend(reads);
        }
        let time_server = config.time.sources.iter().find_map(|source| match source {
            TimeSource::Sntp(sntp) => Some(SocketAddrV4::new(sntp.address, sntp.port)),
            TimeSource::Gps(_) | TimeSource::Rtc => None,
        });
        let address = config.inside.address;
        let neighbours = Neighbours::new(config, station);
        Self { station, address, neighbours, devices, time_server, streams: BTreeMap::new() }
    }

    /// A host of the site is at this Ethernet address now, and is on or silent.
    pub fn place(&mut self, address: Ipv4Addr, ethernet: [u8; 6], is_on: bool) {
        self.neighbours.place(address, ethernet, is_on);
    }

    /// Takes a frame that is sent to the box.
    pub fn hear(&mut self, frame: &[u8]) {
        self.neighbours.hear(frame);
    }

    /// Judges the next frame.
    ///
    /// # Errors
    /// Says what is wrong with it, and all of its bytes.
    pub fn look(&mut self, frame: &[u8]) -> Result<(), String> {
        self.judge(frame).map_err(|what| format!("{what}: {frame:02x?}"))
    }

    fn judge(&mut self, frame: &[u8]) -> Result<(), String> {
        let packet = SlicedPacket::from_ethernet(frame).map_err(|error| error.to_string())?;
        let ethernet =
            packet.link.as_ref().and_then(|link| link.to_header()).and_then(|link| link.ethernet2());
        let ethernet = ethernet.ok_or("no Ethernet header")?;
        require(ethernet.source == self.station, "another Ethernet source address")?;
        require(packet.link_exts.is_empty(), "a VLAN tag or MACsec")?;
        match (&packet.net, &packet.transport) {
            (Some(NetSlice::Arp(arp)), None) => self.arp(arp, ethernet.destination),
            (Some(NetSlice::Ipv4(ip)), transport) => {
                require(ethernet.destination[0] & 1 == 0, "IPv4 to a group address")?;
                self.ipv4(ip, transport.as_ref())?;
                self.neighbours.check_packet(ip.header().destination_addr(), ethernet.destination)
            }
            _ => Err("neither ARP nor IPv4".to_owned()),
        }
    }

    fn arp(&mut self, arp: &ArpPacketSlice<'_>, destination: [u8; 6]) -> Result<(), String> {
        let packet = arp.to_packet();
        let packet = packet.try_eth_ipv4().map_err(|_| "ARP for something else than Ethernet and IPv4")?;
        require(packet.sender_mac == self.station, "ARP with another Ethernet address")?;
        require(packet.sender_ipv4 == self.address.octets(), "ARP with another IPv4 address")?;
        let target = Ipv4Addr::from(packet.target_ipv4);
        match packet.operation {
            ArpOperation::REQUEST => {
                let is_peer = self.neighbours.is_configured(target);
                require(is_peer, "an ARP request for somebody who is not configured")?;
                if destination == BROADCAST { Ok(()) } else { self.neighbours.check(target, destination) }
            }
            ArpOperation::REPLY => {
                require(destination != BROADCAST, "an ARP reply to everybody")?;
                require(destination == packet.target_mac, "an ARP reply to somebody else than it names")?;
                self.neighbours.check(target, destination)
            }
            _ => Err("ARP that neither asks nor replies".to_owned()),
        }
    }

    fn ipv4(&mut self, ip: &Ipv4Slice<'_>, transport: Option<&TransportSlice<'_>>) -> Result<(), String> {
        let header = ip.header();
        require(header.source_addr() == self.address, "another IPv4 source address")?;
        require(header.options().is_empty(), "IPv4 options")?;
        require(!header.is_fragmenting_payload(), "a fragment")?;
        let to = |port| SocketAddrV4::new(header.destination_addr(), port);
        match transport {
            Some(TransportSlice::Tcp(tcp)) => self.tcp(tcp, to(tcp.destination_port())),
            Some(TransportSlice::Udp(udp)) => self.udp(udp, to(udp.destination_port())),
            _ => Err("neither TCP nor UDP".to_owned()),
        }
    }

    fn udp(&self, udp: &UdpSlice<'_>, to: SocketAddrV4) -> Result<(), String> {
        require(self.time_server == Some(to), "UDP to somebody else than the time server")?;
        let request = udp.payload();
        let is_request = request.len() == SNTP_BYTES && SNTP_FIRST.contains(&request[0]);
        require(is_request, "UDP that is no SNTP request")
    }

    fn tcp(&mut self, tcp: &TcpSlice<'_>, to: SocketAddrV4) -> Result<(), String> {
        let port = tcp.source_port();
        if self.neighbours.is_status(port) {
            require(!tcp.syn() || tcp.ack(), "a connection from a status port")?;
            return require(self.neighbours.has_asked(to, port), "an answer to a client that has not asked");
        }
        let requests = self.devices.get(&to).ok_or("TCP to an endpoint that is not configured")?;
        let key = (port, to);
        if tcp.syn() {
            require(!tcp.ack(), "a connection that a device opened")?;
            require(tcp.payload().is_empty(), "a SYN with data")?;
            let start = tcp.sequence_number().wrapping_add(1);
            self.streams.insert(key, Stream { start, bytes: Vec::new() });
        }
        if tcp.payload().is_empty() {
            return Ok(());
        }
        let stream = self.streams.get_mut(&key).ok_or("data of a connection that the box did not open")?;
        let complete = stream.bytes.len() / REQUEST_BYTES * REQUEST_BYTES;
        stream.add(tcp.sequence_number(), tcp.payload())?;
        stream.bytes[complete..].chunks(REQUEST_BYTES).try_for_each(|request| check(request, requests))?;
        stream.forget();
        Ok(())
    }
}

impl Stream {
    /// Adds a segment, which may repeat what was sent.
    fn add(&mut self, sequence: u32, payload: &[u8]) -> Result<(), String> {
        let offset = sequence.wrapping_sub(self.start);
        require(offset.cast_signed() >= 0, "a segment that repeats what was sent long ago")?;
        let offset = offset as usize;
        let known = self.bytes.get(offset..).ok_or("a segment that leaves something out")?;
        let repeated = known.len().min(payload.len());
        require(known[..repeated] == payload[..repeated], "a segment that is repeated with other bytes")?;
        self.bytes.extend(&payload[repeated..]);
        Ok(())
    }

    /// Forgets the oldest requests when there are too many.
    fn forget(&mut self) {
        let excess = self.bytes.len().saturating_sub(STREAM_BYTES).next_multiple_of(REQUEST_BYTES);
        self.bytes.drain(..excess);
        self.start = self.start.wrapping_add(excess as u32);
    }
}

/// Checks a request as far as it was sent: every part of it once it is there.
fn check(request: &[u8], allowed: &BTreeSet<Request>) -> Result<(), String> {
    let is_word = |place: usize, word: u16| {
        request.iter().skip(place).zip(word.to_be_bytes()).all(|(&found, expected)| found == expected)
    };
    require(is_word(2, 0) && is_word(4, 6), "no Modbus request that reads")?;
    require(
        request.get(7).is_none_or(|function| (1..=4).contains(function)),
        "a Modbus function that does not read",
    )?;
    let Ok(&[.., unit, function, a, b, c, d]) = <&[u8; REQUEST_BYTES]>::try_from(request) else {
        return Ok(());
    };
    let asked = (unit, function, u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    require(allowed.contains(&asked), "a Modbus request that is not configured")
}

fn require(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

#[cfg(test)]
mod tests;
