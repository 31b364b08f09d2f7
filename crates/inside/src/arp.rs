//! Address resolution of IPv4 over Ethernet (RFC 826).

use core::net::Ipv4Addr;

use noreturn_image_format::config::is_card_mac;

use crate::ethernet::MacAddress;

/// Bytes of a packet.
pub const PACKET_BYTES: usize = 28;
/// Hardware Ethernet, protocol IPv4, addresses of 6 and 4 bytes.
const TYPES: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Asks who has the target's IPv4 address.
    Request = 1,
    /// Says that the sender has the sender's.
    Reply = 2,
}

/// A packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// What it is.
    pub operation: Operation,
    /// Who says it: always the address of one station.
    pub sender_mac: MacAddress,
    /// The IPv4 address that the sender has, or 0.0.0.0 if it only wants to know whether another has the target's
    /// (RFC 5227, section 2.1).
    pub sender: Ipv4Addr,
    /// Who is told; of no meaning in a request.
    pub target_mac: MacAddress,
    /// Whose address is asked for, or who asked.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Reads a packet, behind which there may be padding. Nothing if it is for other kinds of addresses, neither
    /// request nor reply, or sent by no single station.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (types, rest) = payload.split_first_chunk::<6>()?;
        let (operation, rest) = rest.split_first_chunk::<2>()?;
        let (sender_mac, rest) = rest.split_first_chunk::<6>()?;
        let (sender, rest) = rest.split_first_chunk::<4>()?;
        let (target_mac, rest) = rest.split_first_chunk::<6>()?;
        let target = rest.first_chunk::<4>()?;
        let operation = match u16::from_be_bytes(*operation) {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return None,
        };
        (*types == TYPES && is_card_mac(*sender_mac)).then_some(Self {
            operation,
            sender_mac: *sender_mac,
            sender: Ipv4Addr::from_octets(*sender),
            target_mac: *target_mac,
            target: Ipv4Addr::from_octets(*target),
        })
    }

    /// The packet as bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; PACKET_BYTES] {
        let mut bytes = [0; PACKET_BYTES];
        bytes[..6].copy_from_slice(&TYPES);
        bytes[7] = self.operation as u8;
        bytes[8..14].copy_from_slice(&self.sender_mac);
        bytes[14..18].copy_from_slice(&self.sender.octets());
        bytes[18..24].copy_from_slice(&self.target_mac);
        bytes[24..].copy_from_slice(&self.target.octets());
        bytes
    }
}
