//! Frames: the header is read as it was written, or refused.

use noreturn_wire::frame::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, HEADER_BYTES, HEADER_TAG_BYTES};
use noreturn_wire::{Header, HeaderKey};

const KEY: HeaderKey = HeaderKey([7; 16]);
/// Bytes that no receiver reads, before the tag.
const RESERVED: std::ops::Range<usize> = HEADER_BYTES - HEADER_TAG_BYTES - 3..HEADER_BYTES - HEADER_TAG_BYTES;

/// Runs the input as a datagram, and again with magic, version and suite put right.
pub(super) fn frame(data: &[u8]) {
    check(data);
    if data.len() >= HEADER_BYTES {
        let mut datagram = data.to_vec();
        datagram[..3].copy_from_slice(b"NR\x02");
        datagram[3] = 1 + datagram[3] % 2;
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
            let written = header.emit(&KEY);
            assert!(KEY.verifies(&written), "its own tag");
            let mut fields = *bytes;
            fields[RESERVED].fill(0);
            let end = HEADER_BYTES - HEADER_TAG_BYTES;
            assert_eq!(written[..end], fields[..end], "the header can be written in two ways");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
