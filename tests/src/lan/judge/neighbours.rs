//! Where the box may send: to the Ethernet addresses of the site's hosts, and to who has asked it.
//!
//! A host has one Ethernet address, its pin or where it is; frames for it go there. Two more are no offence as long as the box cannot
//! know better: where it was before it moved, and those of who answers in its name while it is silent, for ARP believes who answers first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use noreturn_image_format::Config;
use noreturn_image_format::config::Inside;
use noreturn_image_format::config::time::TimeSource;

use super::{BROADCAST, require};

/// Who has asked, and connections to the status, of which as many are remembered.
const HEARD_MAX: usize = 1 << 14;
/// Bytes of an ARP packet for IPv4 with its Ethernet header (RFC 826).
const ARP_BYTES: usize = 42;
const ARP_TYPE: [u8; 2] = [8, 6];
const ARP_REQUEST: [u8; 2] = [0, 1];

/// An Ethernet address.
type Mac = [u8; 6];

/// A host that the configuration names.
#[derive(Debug, Default)]
struct Home {
    mac: Option<Mac>,
    is_pinned: bool,
    is_on: bool,
    /// What else the box may take for its Ethernet address, until it has sent to the right one.
    others: BTreeSet<Mac>,
}

/// Where the box may send.
#[derive(Debug)]
pub(super) struct Neighbours {
    station: Mac,
    inside: Inside,
    homes: BTreeMap<Ipv4Addr, Home>,
    status_ports: Vec<u16>,
    /// From where the box was asked.
    heard: Recent<(Mac, Ipv4Addr)>,
    /// Ends of connections that were opened to a port of the status.
    clients: Recent<(SocketAddrV4, u16)>,
}

impl Neighbours {
    pub(super) fn new(config: &Config, station: Mac) -> Self {
        let time_servers = config.time.sources.iter().filter_map(|source| match source {
            TimeSource::Sntp(sntp) => Some((sntp.address, sntp.mac)),
            TimeSource::Gps(_) | TimeSource::Rtc => None,
        });
        let gateway = config.inside.gateway.map(|address| (address, config.inside.gateway_mac));
        let devices = config.devices.iter().map(|device| (device.address, device.mac));
        let home = |(address, mac): (_, Option<_>)| {
            (address, Home { mac, is_pinned: mac.is_some(), ..Home::default() })
        };
        let status_ports = [config.status.modbus_port, config.status.http_port];
        Self {
            station,
            inside: config.inside.clone(),
            homes: devices.chain(time_servers).chain(gateway).map(home).collect(),
            status_ports: status_ports.into_iter().flatten().collect(),
            heard: Recent::default(),
            clients: Recent::default(),
        }
    }

    /// Whether the configuration names the host, so that it may be asked for.
    pub(super) fn is_configured(&self, address: Ipv4Addr) -> bool {
        self.homes.contains_key(&address)
    }

    /// Whether the box listens on this port.
    pub(super) fn is_status(&self, port: u16) -> bool {
        self.status_ports.contains(&port)
    }

    /// Whether somebody there has opened a connection to this port of the box's.
    pub(super) fn has_asked(&self, client: SocketAddrV4, port: u16) -> bool {
        self.clients.contains(&(client, port))
    }

    /// The host is at this Ethernet address now, and is on or silent.
    pub(super) fn place(&mut self, address: Ipv4Addr, mac: Mac, is_on: bool) {
        let Some(home) = self.homes.get_mut(&address) else { return };
        home.is_on = is_on;
        if !home.is_pinned && home.mac != Some(mac) {
            home.others.extend(home.mac.replace(mac));
        }
    }

    /// Takes a frame that is sent to the box.
    pub(super) fn hear(&mut self, frame: &[u8]) {
        if frame.len() >= ARP_BYTES && frame[12..14] == ARP_TYPE {
            self.hear_arp(frame);
        } else if frame.starts_with(&self.station) && !self.status_ports.is_empty() {
            self.hear_client(frame);
        }
    }

    fn hear_arp(&mut self, frame: &[u8]) {
        let (mac, sender): (Mac, [u8; 4]) = (part(frame, 22), part(frame, 28));
        let (sender, target) = (Ipv4Addr::from(sender), part(frame, 38));
        if frame[20..22] == ARP_REQUEST && self.inside.address.octets() == target {
            self.heard.insert((mac, sender));
        }
        if let Some(home) = self.homes.get_mut(&sender).filter(|home| !home.is_on && !home.is_pinned) {
            home.others.insert(mac);
        }
    }

    fn hear_client(&mut self, frame: &[u8]) {
        let Ok(packet) = SlicedPacket::from_ethernet(frame) else { return };
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (packet.net, packet.transport)
        else {
            return;
        };
        let (header, port) = (ip.header(), tcp.destination_port());
        let is_ours = header.destination_addr() == self.inside.address && self.is_status(port);
        if is_ours && tcp.syn() && !tcp.ack() {
            self.clients.insert((SocketAddrV4::new(header.source_addr(), tcp.source_port()), port));
            self.heard.insert((part(frame, 6), header.source_addr()));
        }
    }

    /// Whether a packet for `address` may go to `mac`.
    pub(super) fn check_packet(&mut self, address: Ipv4Addr, mac: Mac) -> Result<(), String> {
        let hop = if self.inside.is_local(address) { Some(address) } else { self.inside.gateway };
        self.check(hop.ok_or("a packet for another network, without a gateway")?, mac)
    }

    /// Whether a frame for `address` on this wire may go to `mac`.
    pub(super) fn check(&mut self, address: Ipv4Addr, mac: Mac) -> Result<(), String> {
        require(mac != BROADCAST, "a frame for one host to everybody")?;
        match self.homes.get_mut(&address) {
            Some(home) => {
                require(home.takes(mac), "a frame for a configured host to another Ethernet address")
            }
            None => {
                require(self.heard.contains(&(mac, address)), "a frame for a host that has asked nothing")
            }
        }
    }
}

impl Home {
    fn takes(&mut self, mac: Mac) -> bool {
        let is_own = self.mac == Some(mac);
        if is_own && self.is_on {
            self.others.clear();
        }
        is_own || self.others.contains(&mac)
    }
}

/// The last [`HEARD_MAX`] of something.
#[derive(Debug)]
struct Recent<T> {
    all: BTreeSet<T>,
    order: VecDeque<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { all: BTreeSet::new(), order: VecDeque::new() }
    }
}

impl<T: Ord + Copy> Recent<T> {
    fn contains(&self, what: &T) -> bool {
        self.all.contains(what)
    }

    fn insert(&mut self, what: T) {
        if !self.all.insert(what) {
            return;
        }
        self.order.push_back(what);
        if self.order.len() > HEARD_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }
}

/// The bytes of a frame from `place` on, which it has.
fn part<const N: usize>(frame: &[u8], place: usize) -> [u8; N] {
    std::array::from_fn(|at| frame[place + at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut recent = Recent::default();
        for number in 0..=HEARD_MAX {
            recent.insert(number);
            recent.insert(number);
        }
        assert_eq!((recent.all.len(), recent.order.len()), (HEARD_MAX, HEARD_MAX));
        assert!(!recent.contains(&0) && recent.contains(&1) && recent.contains(&HEARD_MAX));
    }
}
