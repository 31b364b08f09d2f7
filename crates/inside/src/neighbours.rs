//! Who is on the inside network, and at which Ethernet address (RFC 826; RFC 1122, section 2.3.2).
//!
//! Each configured neighbour (a device, the gateway, the time server) has an entry of its own, and is asked for in its
//! own rhythm while a packet for it waits. Others are never asked for, and share [`OTHERS_MAX`] places.
//!
//! Only who was asked is believed, while it was asked, and the first reply counts; nothing that comes unasked changes
//! a configured entry. One in use is confirmed by what the transport sees arrive from it, and without that by a request
//! to its own address; if that stays unanswered, everybody is asked, so that a device that was replaced is found. A
//! pinned one is never asked for.

mod answers;
mod others;
mod packet;
mod peer;
mod queue;

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use noreturn_image_format::Config;
use noreturn_image_format::config::is_card_mac;
use noreturn_wire::{Counter, Counters};

use crate::arp::{self, Arp, Operation};
use crate::ethernet::{self, BROADCAST, FRAME_BYTES_MAX, HEADER_BYTES, Header, MacAddress};
pub use others::OTHERS_MAX;
use others::Others;
use peer::{Action, Peer, Verdict};

/// The least time between two changes that are told.
const TELL_US: u64 = 1_000_000;
/// Bytes of a frame with an ARP packet.
pub const ARP_FRAME_BYTES: usize = HEADER_BYTES + arp::PACKET_BYTES;

/// Who we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Own {
    mac: MacAddress,
    address: Ipv4Addr,
    mask: u32,
    gateway: Option<Ipv4Addr>,
}

/// What became of a received frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received<'a> {
    /// An IPv4 packet for us.
    Packet {
        /// The Ethernet address that it came from.
        from: MacAddress,
        /// Its source address.
        source: Ipv4Addr,
        /// All of it.
        packet: &'a [u8],
    },
    /// Somebody asks for our address: a frame to send.
    Answer([u8; ARP_FRAME_BYTES]),
    /// Nothing more: it was taken, or dropped and counted.
    Nothing,
}

/// A configured host that was found at another Ethernet address than before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The host.
    pub address: Ipv4Addr,
    /// Where it was.
    pub from: MacAddress,
    /// Where it is.
    pub to: MacAddress,
}

/// The neighbours, and what waits for them.
#[derive(Debug)]
pub struct Neighbours {
    own: Own,
    /// By address.
    configured: Vec<Peer>,
    others: Others,
    /// Before this there is nothing to do for any of them.
    poll_at_us: u64,
    /// When the next change may be told, and of whom first.
    tell_at_us: u64,
    tell_next: usize,
}

impl Neighbours {
    /// The neighbours that a configuration names. `mac` is our own Ethernet address.
    #[must_use]
    pub fn new(mac: MacAddress, config: &Config) -> Self {
        let inside = &config.inside;
        let own = Own { mac, address: inside.address, mask: inside.mask(), gateway: inside.gateway };
        let (configured, others) = (Vec::new(), Others::new());
        let mut neighbours =
            Self { own, configured, others, poll_at_us: u64::MAX, tell_at_us: 0, tell_next: 0 };
        config.neighbours().for_each(|(address, pin)| neighbours.configure(address, pin));
        neighbours
    }

    /// Gives a host's next hop an entry, and each host behind it a packet that may wait.
    fn configure(&mut self, address: Ipv4Addr, pin: Option<MacAddress>) {
        let Some(next_hop) = self.own.next_hop(address) else { return };
        match self.configured_place(next_hop) {
            Ok(place) => self.configured[place].add_user(pin),
            Err(place) => self.configured.insert(place, Peer::new(next_hop, pin, 1)),
        }
    }

    /// The Ethernet address of a neighbour, if it is known.
    #[must_use]
    pub fn mac(&self, address: Ipv4Addr) -> Option<MacAddress> {
        match self.configured_place(address) {
            Ok(place) => self.configured[place].mac(),
            Err(_) => self.others.mac(address),
        }
    }

    /// Takes that a packet of `source` that is wanted came from the Ethernet address `from`: if the configuration does not
    /// name that host, answers go there. One on another network is answered by the way that leads to it, which a
    /// packet cannot change (RFC 1122, section 3.3.1).
    pub fn hear(&mut self, source: Ipv4Addr, from: MacAddress, now_us: u64) {
        if self.own.is_on_link(source) && self.configured_place(source).is_err() {
            // Without a place the answer is dropped and counted.
            let _ = self.others.hear(source, from, now_us);
        }
    }

    /// Takes that `source` has got what was sent to it, as a packet shows that came from the Ethernet address `from`
    /// (RFC 1122, section 2.3.2.1, advice from a higher layer; RFC 4861, section 7.3.1): its next hop is confirmed, if
    /// that is where it came from.
    pub fn confirm(&mut self, source: Ipv4Addr, from: MacAddress, now_us: u64) {
        let place = self.own.next_hop(source).and_then(|next_hop| self.configured_place(next_hop).ok());
        if let Some(place) = place {
            self.configured[place].confirm(from, now_us);
        }
    }

    /// The next change that is told: one a second at most, of each host in turn, as it is when its turn comes.
    pub fn take_change(&mut self, now_us: u64) -> Option<Change> {
        if now_us < self.tell_at_us {
            return None;
        }
        let count = self.configured.len();
        let (place, (from, to)) = (self.tell_next..self.tell_next + count)
            .map(|place| place % count)
            .find_map(|place| Some((place, self.configured[place].take_change()?)))?;
        (self.tell_at_us, self.tell_next) = (now_us.saturating_add(TELL_US), place + 1);
        Some(Change { address: self.configured[place].address, from, to })
    }

    /// Takes a received frame.
    pub fn receive<'a>(&mut self, frame: &'a [u8], now_us: u64, counters: &mut Counters) -> Received<'a> {
        let received = self.accept(frame, now_us);
        match received {
            Ok(Received::Answer(_)) => counters.add(Counter::ArpReplies, 1),
            Ok(_) => {}
            Err(counter) => counters.add(counter, 1),
        }
        received.unwrap_or(Received::Nothing)
    }

    /// Where the packet behind the header of `frame` goes. If that is known, the header is written, and the frame is
    /// to be sent; else the packet waits for it, or is dropped and counted.
    pub fn send(&mut self, frame: &mut [u8], now_us: u64, counters: &mut Counters) -> bool {
        match self.resolve(frame.get(HEADER_BYTES..).unwrap_or_default(), now_us) {
            Ok(mac) => {
                frame[..HEADER_BYTES].copy_from_slice(&self.own.header(mac, ethernet::IPV4).emit());
                true
            }
            Err((counter, dropped)) => {
                counters.add(counter, dropped);
                false
            }
        }
    }

    fn resolve(&mut self, packet: &[u8], now_us: u64) -> Result<MacAddress, (Counter, u64)> {
        let next_hop = packet::destination(packet).and_then(|destination| self.own.next_hop(destination));
        let next_hop = next_hop.ok_or((Counter::InsideNoRoute, 1))?;
        let Ok(place) = self.configured_place(next_hop) else {
            return self.others.send(next_hop, now_us).ok_or((Counter::InsideUnresolved, 1));
        };
        let peer = &mut self.configured[place];
        let sent = peer.send(packet, now_us);
        self.poll_at_us = self.poll_at_us.min(peer.poll_at());
        sent.map_err(|dropped| (Counter::InsideUnresolved, dropped))
    }

    /// The next frame that is due, written into `frame`: a request, or a packet that has waited; its length. To be
    /// called until it returns nothing.
    pub fn poll(
        &mut self,
        frame: &mut [u8; FRAME_BYTES_MAX],
        now_us: u64,
        counters: &mut Counters,
    ) -> Option<usize> {
        if now_us < self.poll_at_us {
            return None;
        }
        let due = self.configured.iter_mut().find_map(|peer| {
            counters.add(Counter::InsideUnresolved, peer.expire(now_us));
            Some((peer.address, peer.poll(now_us)?))
        });
        let Some((address, action)) = due else {
            self.poll_at_us = self.configured.iter().map(Peer::poll_at).min().unwrap_or(u64::MAX);
            return None;
        };
        Some(match action {
            Action::Ask(to) => {
                counters.add(Counter::ArpRequests, 1);
                write(frame, &self.own.request(to, address))
            }
            Action::Packet(mac, packet) => {
                let header = self.own.header(mac, ethernet::IPV4).emit();
                write(frame, &header) + write(&mut frame[HEADER_BYTES..], &packet)
            }
        })
    }

    /// When [`Self::poll`] must be called at the latest; 0 is at once.
    #[must_use]
    pub const fn poll_at(&self) -> u64 {
        self.poll_at_us
    }

    /// What became of a frame, or what counts it.
    fn accept<'a>(&mut self, frame: &'a [u8], now_us: u64) -> Result<Received<'a>, Counter> {
        let (header, payload) = Header::parse(frame).ok_or(Counter::InsideMalformed)?;
        let is_to_us = header.destination == self.own.mac;
        if !is_card_mac(header.source) {
            return Err(Counter::InsideMalformed);
        }
        match header.ether_type {
            ethernet::ARP if is_to_us || header.destination == BROADCAST => {
                let arp = Arp::parse(payload).ok_or(Counter::InsideMalformed)?;
                self.handle_arp(&arp, is_to_us, now_us)
            }
            ethernet::IPV4 if is_to_us => match packet::source(payload) {
                Some(source) if source == self.own.address => Err(Counter::InsideAddressConflict),
                Some(source) => Ok(Received::Packet { from: header.source, source, packet: payload }),
                None => Err(Counter::InsideMalformed),
            },
            _ => Err(Counter::InsideIgnored),
        }
    }

    fn handle_arp(&mut self, arp: &Arp, is_to_us: bool, now_us: u64) -> Result<Received<'static>, Counter> {
        if arp.sender == self.own.address {
            return Err(Counter::InsideAddressConflict);
        }
        match arp.operation {
            Operation::Reply if is_to_us && arp.target == self.own.address => self.handle_reply(arp, now_us),
            Operation::Reply => Err(Counter::ArpUnsolicited),
            Operation::Request if arp.target == self.own.address => self.handle_request(arp, now_us),
            Operation::Request => Err(Counter::InsideIgnored),
        }
    }

    fn handle_reply(&mut self, arp: &Arp, now_us: u64) -> Result<Received<'static>, Counter> {
        let place = self.configured_place(arp.sender).map_err(|_| Counter::ArpUnsolicited)?;
        let verdict = self.configured[place].handle_reply(arp.sender_mac, now_us);
        if matches!(verdict, Verdict::Believed | Verdict::Changed) {
            // What waited for it can leave.
            self.poll_at_us = 0;
        }
        match verdict {
            Verdict::Believed => Ok(Received::Nothing),
            Verdict::Changed => Err(Counter::ArpChanged),
            Verdict::Unsolicited => Err(Counter::ArpUnsolicited),
            Verdict::Conflict => Err(Counter::ArpConflict),
        }
    }

    /// A request for our address. One from 0.0.0.0 asks whether somebody has it already (RFC 5227, section 2.1.1). One in the name of a
    /// configured host from another Ethernet address than its own is not answered, so that it cannot spend that host's answers.
    fn handle_request(&mut self, arp: &Arp, now_us: u64) -> Result<Received<'static>, Counter> {
        let is_probe = arp.sender.is_unspecified();
        if !is_probe && !self.own.is_on_link(arp.sender) {
            return Err(Counter::InsideMalformed);
        }
        let answers = match self.configured_place(arp.sender) {
            Ok(place) => self.configured[place].answers_for(arp.sender_mac).ok_or(Counter::ArpConflict)?,
            Err(_) => {
                let answers = self.others.hear(arp.sender, arp.sender_mac, now_us);
                answers.ok_or(Counter::ArpRepliesLimited)?
            }
        };
        if !answers.take(now_us) {
            return Err(Counter::ArpRepliesLimited);
        }
        Ok(Received::Answer(self.own.answer(arp)))
    }

    fn configured_place(&self, address: Ipv4Addr) -> Result<usize, usize> {
        self.configured.binary_search_by_key(&address, |peer| peer.address)
    }
}

impl Own {
    /// Whether an address is that of another host on our network.
    fn is_on_link(&self, address: Ipv4Addr) -> bool {
        let host = address.to_bits() & !self.mask;
        let is_host = host != 0 && host != !self.mask;
        (address.to_bits() ^ self.address.to_bits()) & self.mask == 0 && is_host && address != self.address
    }

    /// The neighbour to which packets for an address go.
    fn next_hop(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        let is_local = (address.to_bits() ^ self.address.to_bits()) & self.mask == 0;
        let is_one_host = !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified();
        if is_local {
            return self.is_on_link(address).then_some(address);
        }
        self.gateway.filter(|_| is_one_host)
    }

    const fn header(&self, destination: MacAddress, ether_type: u16) -> Header {
        Header { destination, source: self.mac, ether_type }
    }

    fn answer(&self, request: &Arp) -> [u8; ARP_FRAME_BYTES] {
        self.arp_frame(request.sender_mac, Operation::Reply, request.sender_mac, request.sender)
    }

    fn request(&self, to: MacAddress, target: Ipv4Addr) -> [u8; ARP_FRAME_BYTES] {
        self.arp_frame(to, Operation::Request, [0; 6], target)
    }

    fn arp_frame(
        &self,
        to: MacAddress,
        operation: Operation,
        target_mac: MacAddress,
        target: Ipv4Addr,
    ) -> [u8; ARP_FRAME_BYTES] {
        let arp = Arp { operation, sender_mac: self.mac, sender: self.address, target_mac, target };
        let mut frame = [0; ARP_FRAME_BYTES];
        let header_bytes = write(&mut frame, &self.header(to, ethernet::ARP).emit());
        write(&mut frame[header_bytes..], &arp.emit());
        frame
    }
}

/// Copies `bytes` to the start of `place`, which has room for them; how many they are.
fn write(place: &mut [u8], bytes: &[u8]) -> usize {
    place[..bytes.len()].copy_from_slice(bytes);
    bytes.len()
}
