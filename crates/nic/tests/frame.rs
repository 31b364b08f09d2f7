//! Headers against an independent implementation, etherparse.

use std::net::Ipv4Addr;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use noreturn_nic::{FrameError, HEADERS_BYTES, UDP_PAYLOAD_BYTES_MAX, UdpFrame};
use proptest::prelude::*;

fn any_headers() -> impl Strategy<Value = UdpFrame> {
    any::<([u8; 6], [u8; 6], u32, u32, u16, u16)>().prop_map(|(source, destination, from, to, out, into)| {
        UdpFrame {
            source_mac: source,
            destination_mac: destination,
            source_address: Ipv4Addr::from(from),
            destination_address: Ipv4Addr::from(to),
            source_port: out,
            destination_port: into,
        }
    })
}

fn emit(headers: &UdpFrame, payload: &[u8]) -> Vec<u8> {
    // What was in the buffer before must not matter.
    let mut buffer = [0xa5; 1600];
    headers.emit(payload, &mut buffer).expect("it fits").to_vec()
}

/// The same frame, built by etherparse.
fn oracle(headers: &UdpFrame, payload: &[u8]) -> Vec<u8> {
    let mut ipv4 = etherparse::Ipv4Header::new(
        (8 + payload.len()) as u16,
        64,
        etherparse::IpNumber::UDP,
        headers.source_address.octets(),
        headers.destination_address.octets(),
    )
    .expect("lengths fit");
    ipv4.dont_fragment = true;
    let ip = etherparse::IpHeaders::Ipv4(ipv4, etherparse::Ipv4Extensions::default());
    let builder = PacketBuilder::ethernet2(headers.source_mac, headers.destination_mac)
        .ip(ip)
        .udp(headers.source_port, headers.destination_port);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).expect("a Vec takes everything");
    frame
}

proptest! {
    #[test]
    fn frames_equal_the_oracles(
        headers in any_headers(),
        payload in prop::collection::vec(any::<u8>(), 0..=UDP_PAYLOAD_BYTES_MAX),
    ) {
        prop_assert_eq!(emit(&headers, &payload), oracle(&headers, &payload));
    }

    #[test]
    fn frames_parse_back(headers in any_headers(), payload in prop::collection::vec(any::<u8>(), 0..100)) {
        let frame = emit(&headers, &payload);
        let packet = SlicedPacket::from_ethernet(&frame).expect("a packet");
        let Some(NetSlice::Ipv4(ipv4)) = packet.net else { panic!("no IPv4") };
        let Some(TransportSlice::Udp(udp)) = packet.transport else { panic!("no UDP") };
        prop_assert_eq!(ipv4.header().header_checksum(), ipv4.header().to_header().calc_header_checksum());
        prop_assert!(ipv4.header().dont_fragment() && ipv4.header().identification() == 0);
        prop_assert_eq!(udp.payload(), &payload[..]);
        prop_assert!(udp.checksum() != 0, "zero would say: no checksum");
    }
}

/// RFC 768: a sum that comes out as zero is sent as all ones.
#[test]
fn a_checksum_of_zero_is_sent_as_ones() {
    let headers = UdpFrame {
        source_mac: [2; 6],
        destination_mac: [4; 6],
        source_address: Ipv4Addr::new(10, 0, 0, 1),
        destination_address: Ipv4Addr::new(10, 0, 0, 2),
        source_port: 1,
        destination_port: 2,
    };
    // A payload of two bytes reaches every sum: one of them is zero.
    let ones = (0..=u16::MAX).filter(|payload| {
        let frame = emit(&headers, &payload.to_be_bytes());
        assert_ne!(frame[40..42], [0, 0]);
        frame[40..42] == [0xff, 0xff]
    });
    let ones: Vec<_> = ones.collect();
    assert_eq!(ones.len(), 1, "{ones:?}");
    assert_eq!(emit(&headers, &ones[0].to_be_bytes()), oracle(&headers, &ones[0].to_be_bytes()));
}

#[test]
fn what_does_not_fit_is_told() {
    let headers = UdpFrame {
        source_mac: [0; 6],
        destination_mac: [0; 6],
        source_address: Ipv4Addr::UNSPECIFIED,
        destination_address: Ipv4Addr::UNSPECIFIED,
        source_port: 0,
        destination_port: 0,
    };
    let longest = [0; UDP_PAYLOAD_BYTES_MAX];
    assert_eq!(HEADERS_BYTES + longest.len(), 1514);
    assert_eq!(headers.emit(&longest, &mut [0; 1514]).map(<[u8]>::len), Ok(1514));
    let error = FrameError::BufferTooSmall { bytes: 1513, needed: 1514 };
    assert_eq!(headers.emit(&longest, &mut [0; 1513]), Err(error));
    let error = headers.emit(&[0; UDP_PAYLOAD_BYTES_MAX + 1], &mut [0; 2000]).expect_err("too long");
    assert_eq!(error.to_string(), "a payload of 1473 bytes: a packet holds 1472");
}
