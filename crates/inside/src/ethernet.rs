//! Ethernet II frames (IEEE 802.3, clause 3), without the frame check sequence, which cards add and remove.

/// Bytes of the header: two addresses and the EtherType.
pub const HEADER_BYTES: usize = 14;
/// Bytes of the largest frame: header and 1500 bytes of payload.
pub const FRAME_BYTES_MAX: usize = 1514;
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// The address of every station.
pub const BROADCAST: MacAddress = [0xff; 6];

/// The address of a station or of a group of them.
pub type MacAddress = [u8; 6];

/// The start of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// To whom.
    pub destination: MacAddress,
    /// From whom.
    pub source: MacAddress,
    /// What the payload is.
    pub ether_type: u16,
}

impl Header {
    /// Splits a frame into header and payload; nothing if it is too short for a header.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<(Self, &[u8])> {
        let (destination, rest) = frame.split_first_chunk::<6>()?;
        let (source, rest) = rest.split_first_chunk::<6>()?;
        let (ether_type, payload) = rest.split_first_chunk::<2>()?;
        let ether_type = u16::from_be_bytes(*ether_type);
        Some((Self { destination: *destination, source: *source, ether_type }, payload))
    }

    /// The header as bytes.
    #[must_use]
    pub fn emit(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..6].copy_from_slice(&self.destination);
        bytes[6..12].copy_from_slice(&self.source);
        bytes[12..].copy_from_slice(&self.ether_type.to_be_bytes());
        bytes
    }
}
