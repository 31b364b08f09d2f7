//! A host that sends 10,000 frames a second: ARP for everybody and from a thousand addresses, bare SYNs, UDP, fragments, noise.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;
use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{self, BROADCAST, IPV4, MacAddress};

use super::common::{OWN, OWN_MAC, frame, reply, request, segment};
use super::plant::address;

const MAC: MacAddress = [0x02, 0, 0, 0, 6, 6];
const FRAMES_PER_MS: u64 = 10;

pub struct Hostile {
    pub sent: u64,
    devices: usize,
}

impl Hostile {
    pub const fn new(devices: usize) -> Self {
        Self { sent: 0, devices }
    }

    /// What it sends in a millisecond.
    pub fn frames(&mut self) -> Vec<Vec<u8>> {
        let due = self.sent + FRAMES_PER_MS;
        let frames = (self.sent..due).map(|number| self.frame(number)).collect();
        self.sent = due;
        frames
    }

    fn frame(&self, number: u64) -> Vec<u8> {
        let (kind, round) = (number % 10, number / 10);
        let device = address(round as usize % self.devices);
        let made_up = Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 16, 1).to_bits() + (round % 1000) as u32);
        let port = 49_152 + (round % 16_384) as u16;
        match kind {
            0 => request([0x02, 6, 6, 6, (round >> 8) as u8, round as u8], made_up, OWN),
            1 => reply(MAC, device),
            2 => request(MAC, device, device),
            3 => {
                let arp = Arp {
                    operation: Operation::Reply,
                    sender_mac: MAC,
                    sender: device,
                    target_mac: BROADCAST,
                    target: device,
                };
                frame(BROADCAST, MAC, ethernet::ARP, &arp.emit())
            }
            4 => syn(device, port),
            5 => syn(made_up, 502),
            6 => udp(device, port),
            7 => {
                let mut fragment = segment(OWN, port, 0);
                fragment[6] = 0x20;
                fragment[12..16].copy_from_slice(&device.octets());
                frame(OWN_MAC, MAC, IPV4, &fragment)
            }
            8 if round % 2 == 0 => request(MAC, OWN, OWN),
            8 => request(MAC, device, OWN),
            _ => frame(OWN_MAC, MAC, ethernet::ARP, &round.to_be_bytes()),
        }
    }
}

fn syn(from: Ipv4Addr, port: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    let packet = PacketBuilder::ethernet2(MAC, OWN_MAC).ipv4(from.octets(), OWN.octets(), 64);
    packet.tcp(502, port, 1, 1024).syn().write(&mut frame, &[]).expect("a vector takes it");
    frame
}

fn udp(from: Ipv4Addr, port: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    let packet = PacketBuilder::ethernet2(MAC, OWN_MAC).ipv4(from.octets(), OWN.octets(), 64);
    packet.udp(502, port).write(&mut frame, b"noise").expect("a vector takes it");
    frame
}
