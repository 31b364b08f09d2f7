//! What a neighbour's entry has to know of an IPv4 packet that leaves (RFC 791, section 3.1; RFC 9293, section 3.1).

use core::net::Ipv4Addr;

const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// What a packet is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Opens a connection of ours.
    Open,
    /// Carries on something that is wanted.
    Traffic,
    /// Ends a connection, or tells of a fault: not worth an ARP request.
    End,
}

/// Source and destination, addresses and ports: where a packet without options has them.
pub(super) type Flow = [u8; 12];

/// The source address; nothing if the header is cut off.
pub(super) fn source(packet: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from_octets(*packet.get(12..)?.first_chunk()?))
}

/// The destination address; nothing if the header is cut off.
pub(super) fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from_octets(*packet.get(16..)?.first_chunk()?))
}

pub(super) fn flow(packet: &[u8]) -> Flow {
    packet.get(12..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
}

pub(super) fn purpose(packet: &[u8]) -> Purpose {
    let header_bytes = packet.first().map_or(0, |first| usize::from(first & 0xf) * 4);
    match (packet.get(9), packet.get(header_bytes + 13)) {
        (Some(&TCP), Some(flags)) if flags & RST != 0 => Purpose::End,
        (Some(&TCP), Some(flags)) if flags & (SYN | ACK) == SYN => Purpose::Open,
        (Some(&(TCP | UDP)), _) => Purpose::Traffic,
        _ => Purpose::End,
    }
}
