//! The card of a box whose wire is in the test's hands.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use etherparse::{PacketBuilder, SlicedPacket, TcpHeader, TransportSlice};
use noreturn_inside::Card;
use noreturn_inside::ethernet::{FRAME_BYTES_MAX, MacAddress};

use crate::common::{OWN, OWN_MAC};

/// Frames to and from the box.
#[derive(Default)]
pub struct Wire {
    pub to_box: VecDeque<Vec<u8>>,
    pub from_box: Vec<Vec<u8>>,
    /// No frame finds room.
    pub is_full: bool,
}

impl Card for Wire {
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        let next = self.to_box.pop_front()?;
        frame[..next.len()].copy_from_slice(&next);
        Some(next.len())
    }

    fn has_room(&mut self) -> bool {
        !self.is_full
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.from_box.push(frame.to_vec());
    }
}

impl Wire {
    /// A segment to the box from somebody.
    pub fn hear(&mut self, from: MacAddress, source: Ipv4Addr, segment: &TcpHeader, payload: &[u8]) {
        let packet = PacketBuilder::ethernet2(from, OWN_MAC).ipv4(source.octets(), OWN.octets(), 64);
        let mut frame = Vec::new();
        packet.tcp_header(segment.clone()).write(&mut frame, payload).expect("a vector takes it");
        self.to_box.push_back(frame);
    }

    /// The TCP segments of the box, and how many bytes each carries.
    pub fn segments(&self) -> Vec<(TcpHeader, usize)> {
        let segment = |frame: &Vec<u8>| match SlicedPacket::from_ethernet(frame).ok()?.transport? {
            TransportSlice::Tcp(tcp) => Some((tcp.to_header(), tcp.payload().len())),
            _ => None,
        };
        self.from_box.iter().filter_map(segment).collect()
    }
}
