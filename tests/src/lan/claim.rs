//! A machine that claims an address which is another's.

use std::net::Ipv4Addr;

use super::hostile::{arp_reply, arp_request};
use crate::network::{INSIDE_IPV4, INSIDE_MAC};

/// One claim after the other, by an ARP reply to the box and by asking for the box, in turns.
#[derive(Debug)]
pub(super) struct Claim {
    ethernet: [u8; 6],
    address: Ipv4Addr,
    period_us: u64,
    next_us: u64,
    made: u64,
}

impl Claim {
    pub(super) const fn new(ethernet: [u8; 6], address: Ipv4Addr, period_us: u64, now_us: u64) -> Self {
        Self { ethernet, address, period_us, next_us: now_us + period_us, made: 0 }
    }

    pub(super) const fn made(&self) -> u64 {
        self.made
    }

    /// The claim that is due.
    pub(super) fn step(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if now_us < self.next_us {
            return None;
        }
        self.next_us = now_us + self.period_us;
        self.made += 1;
        Some(if self.made.is_multiple_of(2) {
            arp_request(self.ethernet, self.address, INSIDE_IPV4)
        } else {
            arp_reply(self.ethernet, self.address, INSIDE_MAC, INSIDE_IPV4)
        })
    }
}
