//! Packets that wait for their neighbour's Ethernet address.

use alloc::vec::Vec;

use super::packet::{self, Flow, Purpose};

/// A packet waits at most this long; TCP sends it again by then.
const WAIT_US: u64 = 4_000_000;

#[derive(Debug)]
struct Waiting {
    flow: Flow,
    packet: Vec<u8>,
    until_us: u64,
}

/// One packet for each flow, the latest, up to a number of flows. Memory is taken when a packet has to wait.
#[derive(Debug)]
pub(super) struct Queue {
    packets: Vec<Waiting>,
    packets_max: usize,
}

impl Queue {
    pub(super) const fn new(packets_max: usize) -> Self {
        Self { packets: Vec::new(), packets_max }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn packets_max_mut(&mut self) -> &mut usize {
        &mut self.packets_max
    }

    /// Takes a packet in place of the one of the same flow. One that ends its flow does not wait itself: nobody
    /// wants to send any more. Returns how many were dropped.
    pub(super) fn push(&mut self, packet: &[u8], now_us: u64) -> u64 {
        let (flow, before) = (packet::flow(packet), self.packets.len());
        self.packets.retain(|waiting| waiting.flow != flow);
        let replaced = (before - self.packets.len()) as u64;
        if packet::purpose(packet) == Purpose::End || self.packets.len() >= self.packets_max {
            return replaced + 1;
        }
        let until_us = now_us.saturating_add(WAIT_US);
        self.packets.push(Waiting { flow, packet: packet.to_vec(), until_us });
        replaced
    }

    /// The packet that has waited longest.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        (!self.packets.is_empty()).then(|| self.packets.remove(0).packet)
    }

    /// Drops what has waited too long; returns how many.
    pub(super) fn expire(&mut self, now_us: u64) -> u64 {
        let before = self.packets.len();
        self.packets.retain(|waiting| now_us < waiting.until_us);
        (before - self.packets.len()) as u64
    }

    /// When the first will have waited too long.
    pub(super) fn expires_at(&self) -> u64 {
        self.packets.iter().map(|waiting| waiting.until_us).min().unwrap_or(u64::MAX)
    }
}
