//! The packet filter in front of the network stack.
//!
//! Headers are read with smoltcp's own types, so that filter and stack never disagree about what a packet is:
//! what these refuse as truncated or malformed, the stack refuses by the same check.

use alloc::vec::Vec;
use core::net::SocketAddrV4;

use noreturn_image_format::Config;
use noreturn_image_format::config::time::TimeSource;
use noreturn_wire::Counter;
use smoltcp::wire::{IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};

/// From whom, and for which port, the network stack takes packets. To anything else it would answer with a reset or with ICMP.
#[derive(Clone, Debug)]
pub struct Filter {
    /// TCP ports on which something listens, for everybody.
    pub listening: Vec<u16>,
    /// Where the box connects to by TCP.
    pub devices: Vec<SocketAddrV4>,
    /// What the box asks by UDP.
    pub time_servers: Vec<SocketAddrV4>,
}

impl Filter {
    /// What `config` names.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let time_servers = config.time.sources.iter().filter_map(|source| match source {
            TimeSource::Sntp(server) => Some(SocketAddrV4::new(server.address, server.port)),
            TimeSource::Gps(_) | TimeSource::Rtc => None,
        });
        Self {
            listening: config.status.ports().collect(),
            devices: config
                .devices
                .iter()
                .map(|device| SocketAddrV4::new(device.address, device.port))
                .collect(),
            time_servers: time_servers.collect(),
        }
    }

    /// What counts an IPv4 packet that the network stack must not see; nothing if it may. `is_bound` says whether a UDP port
    /// of ours asks.
    ///
    /// - A fragment: the stack reassembles nothing, and would take its payload for a whole one.
    /// - A SYN without ACK (RFC 9293, section 3.5) to a TCP port on which nothing listens. To a port from which a
    ///   connection is being made it would be a simultaneous open, which no device on this network makes.
    /// - Another protocol than TCP and UDP, or a packet of somebody whom the box did not ask, or
    ///   for a UDP port from which it does not ask.
    #[must_use]
    pub fn refusal(&self, packet: &[u8], is_bound: impl FnOnce(u16) -> bool) -> Option<Counter> {
        let packet = Ipv4Packet::new_checked(packet).ok()?;
        if packet.more_frags() || packet.frag_offset() != 0 {
            return Some(Counter::InsideFragments);
        }
        let is_asked = match packet.next_header() {
            IpProtocol::Tcp => {
                let segment = TcpPacket::new_checked(packet.payload()).ok()?;
                if self.listening.contains(&segment.dst_port()) {
                    return None;
                }
                if segment.syn() && !segment.ack() {
                    return Some(Counter::InsideSynRefused);
                }
                self.devices.contains(&SocketAddrV4::new(packet.src_addr(), segment.src_port()))
            }
            IpProtocol::Udp => {
                let datagram = UdpPacket::new_checked(packet.payload()).ok()?;
                let from = SocketAddrV4::new(packet.src_addr(), datagram.src_port());
                self.time_servers.contains(&from) && is_bound(datagram.dst_port())
            }
            _ => false,
        };
        (!is_asked).then_some(Counter::InsideIgnored)
    }
}
