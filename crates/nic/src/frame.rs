//! Ethernet II, IPv4 and UDP headers around a payload, for addresses that never change.
//!
//! Sources: RFC 791 (IPv4), RFC 768 (UDP), RFC 1071 (checksum), RFC 6864 (identification of
//! a packet that is never fragmented means nothing, so it is 0).

use core::fmt;
use core::net::Ipv4Addr;

/// Bytes of the Ethernet, IPv4 and UDP headers together.
pub const HEADERS_BYTES: usize = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES;
/// The largest payload of one unfragmented packet on Ethernet.
pub const UDP_PAYLOAD_BYTES_MAX: usize = 1500 - IPV4_BYTES - UDP_BYTES;

const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const UDP_BYTES: usize = 8;

const ETHERTYPE_IPV4: u16 = 0x0800;
const VERSION_4_HEADER_5_WORDS: u8 = 0x45;
const DO_NOT_FRAGMENT: u16 = 0x4000;
const TIME_TO_LIVE: u8 = 64;
const PROTOCOL_UDP: u8 = 17;

/// Where frames come from and go to. Nothing of it is ever looked up on the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpFrame {
    /// Ethernet address of the sending card.
    pub source_mac: [u8; 6],
    /// Ethernet address of the receiver, or of the router in front of it.
    pub destination_mac: [u8; 6],
    /// IPv4 address of the sender.
    pub source_address: Ipv4Addr,
    /// IPv4 address of the receiver.
    pub destination_address: Ipv4Addr,
    /// UDP port of the sender.
    pub source_port: u16,
    /// UDP port of the receiver.
    pub destination_port: u16,
}

/// Why a frame was not built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// The payload is larger than [`UDP_PAYLOAD_BYTES_MAX`].
    PayloadTooLong {
        /// Bytes of the payload.
        bytes: usize,
    },
    /// Headers and payload do not fit into the buffer.
    BufferTooSmall {
        /// Bytes of the buffer.
        bytes: usize,
        /// Bytes that are needed.
        needed: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadTooLong { bytes } => {
                write!(f, "a payload of {bytes} bytes: a packet holds {UDP_PAYLOAD_BYTES_MAX}")
            }
            Self::BufferTooSmall { bytes, needed } => {
                write!(f, "the frame needs {needed} bytes, the buffer has {bytes}")
            }
        }
    }
}

impl core::error::Error for FrameError {}

impl UdpFrame {
    /// Writes headers and payload to the start of `buffer` and returns the part written,
    /// without padding and without the frame check sequence.
    ///
    /// # Errors
    /// [`FrameError`] if the payload or the frame does not fit.
    // A function of its own in the binary, so that it can be proved what it writes (docs/proof.md).
    #[inline(never)]
    pub fn emit<'b>(&self, payload: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], FrameError> {
        if payload.len() > UDP_PAYLOAD_BYTES_MAX {
            return Err(FrameError::PayloadTooLong { bytes: payload.len() });
        }
        let (needed, bytes) = (HEADERS_BYTES + payload.len(), buffer.len());
        let error = FrameError::BufferTooSmall { bytes, needed };
        let frame = buffer.get_mut(..needed).ok_or(error)?;
        let (headers, body) = frame.split_at_mut(HEADERS_BYTES);
        body.copy_from_slice(payload);
        let (ethernet, packet) = headers.split_at_mut(ETHERNET_BYTES);
        let (ipv4, udp) = packet.split_at_mut(IPV4_BYTES);
        ethernet.copy_from_slice(&self.ethernet_header());
        // The lengths fit: the payload is at most 1472 bytes.
        let udp_bytes = (UDP_BYTES + payload.len()) as u16;
        ipv4.copy_from_slice(&self.ipv4_header(udp_bytes));
        udp.copy_from_slice(&self.udp_header(udp_bytes, payload));
        Ok(frame)
    }

    fn ethernet_header(&self) -> [u8; ETHERNET_BYTES] {
        let mut header = [0; ETHERNET_BYTES];
        header[0..6].copy_from_slice(&self.destination_mac);
        header[6..12].copy_from_slice(&self.source_mac);
        header[12..14].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
        header
    }

    /// RFC 791, section 3.1.
    fn ipv4_header(&self, udp_bytes: u16) -> [u8; IPV4_BYTES] {
        let mut header = [0; IPV4_BYTES];
        header[0] = VERSION_4_HEADER_5_WORDS;
        header[2..4].copy_from_slice(&(IPV4_BYTES as u16 + udp_bytes).to_be_bytes());
        header[6..8].copy_from_slice(&DO_NOT_FRAGMENT.to_be_bytes());
        header[8] = TIME_TO_LIVE;
        header[9] = PROTOCOL_UDP;
        header[12..16].copy_from_slice(&self.source_address.octets());
        header[16..20].copy_from_slice(&self.destination_address.octets());
        let checksum = Checksum::default().add(&header).finish();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    /// RFC 768, with the checksum over pseudo header, header and payload.
    fn udp_header(&self, udp_bytes: u16, payload: &[u8]) -> [u8; UDP_BYTES] {
        let mut header = [0; UDP_BYTES];
        header[0..2].copy_from_slice(&self.source_port.to_be_bytes());
        header[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        header[4..6].copy_from_slice(&udp_bytes.to_be_bytes());
        let checksum = Checksum::default()
            .add(&self.source_address.octets())
            .add(&self.destination_address.octets())
            .add(&[0, PROTOCOL_UDP])
            .add(&udp_bytes.to_be_bytes())
            .add(&header)
            .add(payload)
            .finish();
        // Zero would say that there is no checksum.
        let checksum = if checksum == 0 { 0xffff } else { checksum };
        header[6..8].copy_from_slice(&checksum.to_be_bytes());
        header
    }
}

/// The Internet checksum (RFC 1071): the one's complement of the one's complement sum.
#[derive(Clone, Copy, Default)]
struct Checksum {
    sum: u64,
}

impl Checksum {
    /// Adds bytes; only the last piece may have an odd length.
    fn add(mut self, bytes: &[u8]) -> Self {
        let (words, tail) = bytes.as_chunks::<4>();
        self.sum += words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum::<u64>();
        for pair in tail.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            self.sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
        self
    }

    /// Folds the carries back in and complements.
    fn finish(self) -> u16 {
        let mut sum = self.sum;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !(sum as u16)
    }
}
