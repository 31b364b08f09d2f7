//! Addresses of the test networks, and the frames on the outside wire.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The box's address in QEMU's inside network.
pub const INSIDE_ADDRESS: &str = "10.1.0.2/24";
/// The same without the prefix.
pub const INSIDE_IPV4: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
/// The box's address in a plant of many hosts, [`crate::lan`].
pub const LAN_ADDRESS: &str = "10.1.0.2/16";
/// What QEMU gives the first card, if it is not told otherwise: the inside one.
pub const INSIDE_MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
/// The host, as the inside network sees it: a connection to it goes to the host's 127.0.0.1.
pub const PLANT_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// Source of everything on the outside.
pub const OUTSIDE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// Source port of everything on the outside.
pub const OUTSIDE_PORT: u16 = 4100;
/// The receiver, as the outside network sees it; in QEMU's user network this is the host.
pub const RECEIVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The fixed Ethernet address of QEMU's user network gateway at 10.0.2.2.
pub const RECEIVER_MAC: [u8; 6] = [0x52, 0x55, 0x0a, 0x00, 0x02, 0x02];

const HEADERS_BYTES: usize = 42;

/// The payload of the only kind of Ethernet frame that may ever be on the outside wire: IPv4 UDP from
/// our source to the configured destination.
///
/// # Errors
/// Says what else the frame is.
pub fn diode_payload(frame: &[u8], destination_port: u16) -> Result<&[u8], String> {
    payload_to(frame, RECEIVER_MAC, SocketAddrV4::new(RECEIVER_ADDRESS, destination_port))
}

/// The same for any destination, with the Ethernet address that goes with it.
///
/// # Errors
/// Says what else the frame is.
pub fn payload_to(frame: &[u8], ethernet: [u8; 6], destination: SocketAddrV4) -> Result<&[u8], String> {
    let refuse = |what: &str| Err(format!("{what}: {:02x?}", &frame[..frame.len().min(HEADERS_BYTES)]));
    if frame.len() < HEADERS_BYTES {
        return refuse("shorter than Ethernet, IPv4 and UDP headers");
    }
    if frame[..6] != ethernet || frame[12..14] != [8, 0] || frame[14] != 0x45 || frame[23] != 17 {
        return refuse("not IPv4 UDP to the configured receiver");
    }
    if frame[26..30] != OUTSIDE_ADDRESS.octets() || frame[30..34] != destination.ip().octets() {
        return refuse("another source or destination address");
    }
    if frame[34..36] != OUTSIDE_PORT.to_be_bytes() || frame[36..38] != destination.port().to_be_bytes() {
        return refuse("another source or destination port");
    }
    let length = usize::from(u16::from_be_bytes([frame[38], frame[39]]));
    match frame.get(HEADERS_BYTES..34 + length) {
        Some(payload) => Ok(payload),
        None => refuse("UDP length beyond the frame"),
    }
}
