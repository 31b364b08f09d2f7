//! The packet filter on frames that an independent implementation (etherparse) built.

use std::net::{Ipv4Addr, SocketAddrV4};

use etherparse::{IpFragOffset, IpHeaders, Ipv4Extensions, Ipv4Header, Ipv4Options, TcpHeader, ip_number};
use noreturn_inside::filter::Filter;
use noreturn_wire::Counter;
use proptest::prelude::*;

const LISTENING: [u16; 2] = [502, 80];
const HOST: [u8; 4] = [10, 0, 0, 9];
/// Whom the box asks for the time.
const SERVER: [u8; 4] = [10, 0, 0, 4];
const CONNECTING: u16 = 49_200;
const ASKING: u16 = 49_168;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The device is the host that [`header`] has for a source.
fn filter() -> Filter {
    let end = |[a, b, c, d]: [u8; 4], port| SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port);
    Filter {
        listening: LISTENING.to_vec(),
        devices: vec![end(HOST, 502)],
        time_servers: vec![end(SERVER, 123)],
    }
}

/// Of a box that asks the time server from one port.
fn refusal(packet: &[u8]) -> Option<Counter> {
    filter().refusal(packet, |port| port == ASKING)
}

/// A TCP segment to `port` with these flags (CWR to FIN, as in the header), which carries `payload`.
fn segment(port: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = TcpHeader::new(502, port, 7, 65_535);
    let flag = |bit: u8| flags & (1 << bit) != 0;
    (header.fin, header.syn, header.rst, header.psh) = (flag(0), flag(1), flag(2), flag(3));
    (header.ack, header.urg, header.ece, header.cwr) = (flag(4), flag(5), flag(6), flag(7));
    [&header.to_bytes()[..], payload].concat()
}

/// An IPv4 packet around `payload`, before its checksum is computed.
fn header(protocol: u8, payload: &[u8]) -> Ipv4Header {
    let bytes = u16::try_from(payload.len()).expect("short");
    Ipv4Header::new(bytes, 64, protocol.into(), HOST, [10, 0, 0, 2]).expect("it fits")
}

fn packet(header: Ipv4Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    IpHeaders::Ipv4(header, Ipv4Extensions::default()).write(&mut bytes).expect("a vector takes it");
    [&bytes, payload].concat()
}

fn tcp(port: u16, flags: u8) -> Vec<u8> {
    let segment = segment(port, flags, &[]);
    packet(header(ip_number::TCP.0, &segment), &segment)
}

#[test]
fn a_syn_passes_only_to_a_port_that_listens() {
    assert_eq!(refusal(&tcp(CONNECTING, SYN)), Some(Counter::InsideSynRefused));
    assert_eq!(refusal(&tcp(81, SYN)), Some(Counter::InsideSynRefused));
    assert_eq!(
        Filter { listening: Vec::new(), ..filter() }.refusal(&tcp(502, SYN), |_| false),
        Some(Counter::InsideSynRefused)
    );
    for port in LISTENING {
        assert_eq!(refusal(&tcp(port, SYN)), None);
    }
}

/// Whatever else is set: FIN, RST, PSH, URG, ECE, CWR.
#[test]
fn every_combination_of_flags_is_judged_by_syn_and_ack_alone() {
    for flags in 0..=u8::MAX {
        let opens = flags & (SYN | ACK) == SYN;
        let expected = opens.then_some(Counter::InsideSynRefused);
        assert_eq!(refusal(&tcp(CONNECTING, flags)), expected, "{flags:#04x}");
        assert_eq!(refusal(&tcp(502, flags)), None, "{flags:#04x}");
    }
}

#[test]
fn options_of_ip_and_tcp_do_not_hide_a_syn() {
    let segment = segment(CONNECTING, SYN, &[]);
    for words in 1..=10 {
        let mut header = header(ip_number::TCP.0, &segment);
        // No operation (RFC 791).
        header.options = Ipv4Options::try_from(&vec![1; words * 4][..]).expect("whole words");
        header.set_payload_len(segment.len()).expect("short");
        assert_eq!(refusal(&packet(header, &segment)), Some(Counter::InsideSynRefused));
    }
    let mut header_with_options = TcpHeader::new(502, CONNECTING, 7, 65_535);
    header_with_options.syn = true;
    header_with_options.set_options_raw(&[1; 40]).expect("whole words");
    let segment = header_with_options.to_bytes();
    let packet = packet(header(ip_number::TCP.0, &segment), &segment);
    assert_eq!(refusal(&packet), Some(Counter::InsideSynRefused));
}

/// Padding of a short Ethernet frame lies behind the packet, and data in a SYN is allowed (RFC 7413).
#[test]
fn padding_and_data_do_not_hide_a_syn() {
    let padded = [tcp(CONNECTING, SYN), vec![0; 6]].concat();
    assert_eq!(refusal(&padded), Some(Counter::InsideSynRefused));
    let segment = segment(CONNECTING, SYN, b"data");
    let packet = packet(header(ip_number::TCP.0, &segment), &segment);
    assert_eq!(refusal(&packet), Some(Counter::InsideSynRefused));
}

#[test]
fn every_fragment_is_refused_whatever_it_carries() {
    let segment = segment(502, ACK, &[0; 64]);
    for protocol in [ip_number::TCP.0, ip_number::UDP.0, ip_number::ICMP.0] {
        for (more, offset) in [(true, 0), (true, 3), (false, 3), (false, 8191)] {
            let mut header = header(protocol, &segment);
            header.dont_fragment = false;
            header.more_fragments = more;
            header.fragment_offset = IpFragOffset::try_new(offset).expect("13 bits");
            assert_eq!(refusal(&packet(header, &segment)), Some(Counter::InsideFragments));
        }
    }
}

/// What is cut off anywhere is left to the stack, which refuses it by the same check of lengths.
#[test]
fn a_truncated_packet_is_left_to_the_stack() {
    let whole = tcp(CONNECTING, SYN);
    for bytes in 0..whole.len() {
        assert_eq!(refusal(&whole[..bytes]), None, "{bytes}");
    }
    // The same with a total length that says so: a header of TCP that is not whole.
    let segment = segment(CONNECTING, SYN, &[]);
    for bytes in 0..segment.len() {
        let cut = packet(header(ip_number::TCP.0, &segment[..bytes]), &segment[..bytes]);
        assert_eq!(refusal(&cut), None, "{bytes}");
    }
}

/// Else the stack would tell the sender that it does not speak them.
#[test]
fn other_protocols_are_refused() {
    let payload = segment(CONNECTING, SYN, &[]);
    for protocol in (0..=u8::MAX).filter(|protocol| ![ip_number::TCP.0, ip_number::UDP.0].contains(protocol))
    {
        assert_eq!(refusal(&packet(header(protocol, &payload), &payload)), Some(Counter::InsideIgnored));
    }
}

/// Else the stack would reset connections that it does not know, and tell that nothing is bound to a port.
#[test]
fn packets_of_somebody_who_was_not_asked_are_refused() {
    let segment = segment(CONNECTING, ACK, &[]);
    let datagram_to =
        |from: u16, to: u16| [&from.to_be_bytes()[..], &to.to_be_bytes(), &[0, 8, 0, 0]].concat();
    let datagram = |from| datagram_to(from, ASKING);
    let from = |source: [u8; 4], protocol, payload: &[u8]| {
        let mut header = header(protocol, payload);
        header.source = source;
        refusal(&packet(header, payload))
    };
    let (tcp, udp, refused) = (ip_number::TCP.0, ip_number::UDP.0, Some(Counter::InsideIgnored));
    assert_eq!([from(HOST, tcp, &segment), from(SERVER, tcp, &segment)], [None, refused]);
    assert_eq!([from(SERVER, udp, &datagram(123)), from(HOST, udp, &datagram(123))], [None, refused]);
    assert_eq!(from(SERVER, udp, &datagram(124)), refused);
    for port in [1, 123, 502, ASKING - 1, ASKING + 1] {
        assert_eq!(from(SERVER, udp, &datagram_to(123, port)), refused, "{port}");
    }
    let other_port = [&[0, 80][..], &segment[2..]].concat();
    assert_eq!(from(HOST, tcp, &other_port), refused);
}

proptest! {
    /// Any bytes have an answer.
    #[test]
    fn any_packet_has_an_answer(packet in proptest::collection::vec(any::<u8>(), 0..80)) {
        let refused = refusal(&packet);
        prop_assert!(refused.is_none() || packet.len() >= 20);
    }
}
