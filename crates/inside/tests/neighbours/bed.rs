//! The table of neighbours in the test's hands.

use std::net::Ipv4Addr;

use noreturn_image_format::Config;
use noreturn_inside::Neighbours;
use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{ARP, BROADCAST, FRAME_BYTES_MAX, HEADER_BYTES, Header, IPV4, MacAddress};
use noreturn_inside::neighbours::{ARP_FRAME_BYTES, Received};
use noreturn_wire::{Counter, Counters};

use crate::common::{OWN, OWN_MAC, SYN, config, reply, segment};

pub const S: u64 = 1_000_000;

/// The table, and what came out of it.
pub struct Bed {
    pub neighbours: Neighbours,
    pub counters: Counters,
    pub now_us: u64,
}

/// What left.
#[derive(Debug, PartialEq)]
pub enum Sent {
    Request { to: MacAddress, target: Ipv4Addr },
    Packet { to: MacAddress, packet: Vec<u8> },
}

impl Bed {
    pub fn new(devices: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        Self::of(&config(devices))
    }

    pub fn of(config: &Config) -> Self {
        let neighbours = Neighbours::new(OWN_MAC, config);
        Self { neighbours, counters: Counters::default(), now_us: 0 }
    }

    pub fn send(&mut self, packet: &[u8]) -> Vec<Sent> {
        let mut bytes = [&[0; HEADER_BYTES][..], packet].concat();
        let is_sent = self.neighbours.send(&mut bytes, self.now_us, &mut self.counters);
        let first = is_sent.then(|| sent(&bytes));
        first.into_iter().chain(self.poll()).collect()
    }

    pub fn poll(&mut self) -> Vec<Sent> {
        let mut bytes = [0; FRAME_BYTES_MAX];
        let next = || {
            self.neighbours.poll(&mut bytes, self.now_us, &mut self.counters).map(|len| sent(&bytes[..len]))
        };
        std::iter::from_fn(next).collect()
    }

    /// Lets time pass, and polls when that is due and no other time; what left when.
    pub fn pass(&mut self, until_us: u64) -> Vec<(u64, Sent)> {
        let mut all = Vec::new();
        while self.neighbours.poll_at() <= until_us {
            self.now_us = self.now_us.max(self.neighbours.poll_at());
            all.extend(self.poll().into_iter().map(|sent| (self.now_us, sent)));
        }
        self.now_us = until_us;
        all
    }

    /// Hears a frame; what left because of it.
    pub fn hear(&mut self, frame: &[u8]) -> Vec<Sent> {
        let received = self.neighbours.receive(frame, self.now_us, &mut self.counters);
        assert_eq!(received, Received::Nothing);
        self.poll()
    }

    /// Hears a request; the answer, if there is one.
    pub fn answer(&mut self, request: &[u8]) -> Option<[u8; ARP_FRAME_BYTES]> {
        match self.neighbours.receive(request, self.now_us, &mut self.counters) {
            Received::Answer(frame) => Some(frame),
            Received::Nothing => None,
            Received::Packet { .. } => panic!("a request is no packet"),
        }
    }

    /// Makes `address` known at `at`.
    pub fn resolve(&mut self, address: Ipv4Addr, at: MacAddress) {
        self.send(&segment(address, 50_000, SYN));
        self.hear(&reply(at, address));
        assert_eq!(self.neighbours.mac(address), Some(at));
    }

    pub fn count(&self, counter: Counter) -> u64 {
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

pub fn ask(target: Ipv4Addr) -> Sent {
    Sent::Request { to: BROADCAST, target }
}

pub fn packet(to: MacAddress, packet: Vec<u8>) -> Sent {
    Sent::Packet { to, packet }
}
