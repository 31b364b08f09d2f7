//! A machine in the place of a device that is off, which answers no SYN, but opens connections to the ports from which the box connects.

use std::net::Ipv4Addr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use noreturn_inside::arp::{Arp, Operation};

use super::host::MODBUS_PORT;
use super::hostile::{arp_reply, syn};
use crate::network::{INSIDE_IPV4, INSIDE_MAC};

/// SYNs for each of the box's: to the port it came from and to those that follow.
pub const SYNS: u16 = 256;

/// It has the device's addresses and answers ARP as the device would, so that nothing but the missing ACK tells its SYN from an answer.
#[derive(Debug)]
pub(super) struct Opener {
    ethernet: [u8; 6],
    address: Ipv4Addr,
    sent: u64,
}

impl Opener {
    pub(super) const fn new(ethernet: [u8; 6], address: Ipv4Addr) -> Self {
        Self { ethernet, address, sent: 0 }
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// What it sends when the box has sent this; if that is a SYN, while the box waits for the answer.
    pub(super) fn take(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        match self.connecting(frame) {
            Some(port) => self.open(port),
            None if self.is_asked_for(frame) => {
                vec![arp_reply(self.ethernet, self.address, INSIDE_MAC, INSIDE_IPV4)]
            }
            None => Vec::new(),
        }
    }

    fn open(&mut self, port: u16) -> Vec<Vec<u8>> {
        self.sent += u64::from(SYNS);
        let from = (self.ethernet, self.address, MODBUS_PORT);
        let open = |place| syn(from, (INSIDE_MAC, INSIDE_IPV4, port.wrapping_add(place)), u32::from(place));
        (0..SYNS).map(open).collect()
    }

    fn is_asked_for(&self, frame: &[u8]) -> bool {
        let arp = frame.get(14..).filter(|_| frame[12..14] == [8, 6]).and_then(Arp::parse);
        arp.is_some_and(|arp| (arp.operation, arp.target) == (Operation::Request, self.address))
    }

    /// The port from which this frame connects to the device, if it does.
    fn connecting(&self, frame: &[u8]) -> Option<u16> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(NetSlice::Ipv4(ip)) = packet.net else { return None };
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
        let is_to_it =
            ip.header().destination_addr() == self.address && tcp.destination_port() == MODBUS_PORT;
        (is_to_it && tcp.syn() && !tcp.ack()).then(|| tcp.source_port())
    }
}
