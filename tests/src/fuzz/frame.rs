//! Frames: the header is read as it was written, or refused.

use crc::{CRC_32_ISCSI, Crc};
use noreturn_wire::Header;
use noreturn_wire::frame::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, HEADER_BYTES};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const CRC_OFFSET: usize = HEADER_BYTES - 4;

/// Runs the input as a datagram, and again with magic, version and checksum put right.
pub(super) fn frame(data: &[u8]) {
    check(data);
    if data.len() >= HEADER_BYTES {
        let mut datagram = data.to_vec();
        datagram[..3].copy_from_slice(b"NR\x01");
        let crc = CRC.checksum(&datagram[..CRC_OFFSET]);
        datagram[CRC_OFFSET..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
        check(&datagram);
    }
}

fn check(datagram: &[u8]) {
    match Header::parse(datagram) {
        Ok((header, bytes, sealed)) => {
            assert!(
                (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&datagram.len()),
                "a length that no frame has"
            );
            assert_eq!([&bytes[..], sealed].concat(), datagram, "something of the datagram was lost");
            assert_eq!(header.emit(), *bytes, "the header can be written in two ways");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
