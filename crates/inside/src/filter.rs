//! The packet filter in front of the network stack.
//!
//! Headers are read with smoltcp's own types, so that filter and stack never disagree about what a packet is:
//! what these refuse as truncated or malformed, the stack refuses by the same check.

use noreturn_wire::Counter;
use smoltcp::wire::{IpProtocol, Ipv4Packet, TcpPacket};

/// What counts an IPv4 packet that the network stack must not see; nothing if it may.
///
/// - A fragment: the stack reassembles nothing, and would take its payload for a whole one.
/// - A SYN without ACK (RFC 9293, section 3.5) to a TCP port that is not in `listening`. To a port from which a
///   connection is being made it would be a simultaneous open, which no device on this network makes.
#[must_use]
pub fn refusal(packet: &[u8], listening: &[u16]) -> Option<Counter> {
    let packet = Ipv4Packet::new_checked(packet).ok()?;
    if packet.more_frags() || packet.frag_offset() != 0 {
        return Some(Counter::InsideFragments);
    }
    if packet.next_header() != IpProtocol::Tcp {
        return None;
    }
    let segment = TcpPacket::new_checked(packet.payload()).ok()?;
    let opens = segment.syn() && !segment.ack();
    (opens && !listening.contains(&segment.dst_port())).then_some(Counter::InsideSynRefused)
}
