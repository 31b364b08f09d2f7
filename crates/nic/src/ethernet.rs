//! Ethernet lengths (IEEE 802.3), without the frame check sequence, which cards add and remove; and addresses.

use core::fmt;

/// Bytes of the header: two addresses and the EtherType.
pub const HEADER_BYTES: usize = 14;
/// Bytes of the largest frame: header and 1500 bytes of payload.
pub const FRAME_BYTES_MAX: usize = 1514;
/// Bytes of the smallest frame on the wire; shorter ones are padded with zeros.
pub const FRAME_BYTES_MIN_ON_WIRE: usize = 60;

/// Whether a frame of so many bytes can be sent.
#[must_use]
pub(crate) fn is_length_valid(bytes: usize) -> bool {
    (HEADER_BYTES..=FRAME_BYTES_MAX).contains(&bytes)
}

/// A card's own address, as people write it: `52:54:00:12:34:56`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StationAddress(pub [u8; 6]);

impl fmt::Display for StationAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Whether six bytes can be the address of one card: not a group's, and not all zero.
#[must_use]
pub(crate) fn is_station_address(address: [u8; 6]) -> bool {
    address[0] & 1 == 0 && address != [0; 6]
}
