//! Frames towards the outside card, one of each kind that a card could be woken, stopped, asked or fooled by.

use crate::network::{OUTSIDE_ADDRESS, OUTSIDE_PORT, RECEIVER_ADDRESS};
use crate::random::Random;

/// What QEMU gives the second card, if it is not told otherwise.
pub const OUTSIDE_MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x57];
const BROADCAST: [u8; 6] = [0xff; 6];
/// Where PAUSE frames go (IEEE 802.3, annex 31B).
const PAUSE_MAC: [u8; 6] = [1, 0x80, 0xc2, 0, 0, 1];
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const WAKE_ON_LAN: u16 = 0x0842;
const IPV6: u16 = 0x86dd;
const FLOW_CONTROL: u16 = 0x8808;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Bytes of a frame that is longer than any that the box sends.
const JUMBO_BYTES: usize = 9000;

/// One frame of a kind that `random` chooses.
pub fn frame(random: &mut Random) -> Vec<u8> {
    let noise = |random: &mut Random, most| -> Vec<u8> {
        (0..random.below(most)).map(|_| random.draw() as u8).collect()
    };
    let arp_request = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 0, 2, 2, 0, 0, 0, 0, 0, 0, 10, 0, 2, 15];
    match random.below(13) {
        0 => ethernet(BROADCAST, ARP, &arp_request),
        1 => ethernet(OUTSIDE_MAC, IPV4, &ip(ICMP, 0, &[8, 0, 0xf7, 0xff, 0, 0, 0, 0])),
        2 => ethernet(PAUSE_MAC, FLOW_CONTROL, &[0, 1, 0xff, 0xff]),
        3 => ethernet(BROADCAST, WAKE_ON_LAN, &[&BROADCAST[..], &OUTSIDE_MAC.repeat(16)].concat()),
        4 => ethernet(OUTSIDE_MAC, IPV4, &noise(random, 1486)),
        5 => ethernet([0x33, 0x33, 0, 0, 0, 1], IPV6, &noise(random, 1486)),
        6 => ethernet(BROADCAST, random.draw() as u16, &noise(random, 1486)),
        7 => ethernet(OUTSIDE_MAC, IPV4, &ip(TCP, 0, &connection_request())),
        // The first of several fragments.
        8 => ethernet(OUTSIDE_MAC, IPV4, &ip(UDP, 0x2000, &noise(random, 1400))),
        9 => ethernet(OUTSIDE_MAC, IPV4, &vec![0x5a; JUMBO_BYTES]),
        // As the box sends them itself.
        10 => {
            ethernet(OUTSIDE_MAC, IPV4, &ip(UDP, 0, &datagram(&[b"NRT", &noise(random, 1400)[..]].concat())))
        }
        // Cut off in the middle of a header; of nothing at all QEMU would make the end of the wire.
        11 => ethernet(OUTSIDE_MAC, IPV4, &[])[..1 + random.below(13) as usize].to_vec(),
        _ => ethernet(OUTSIDE_MAC, IPV4, &ip(UDP, 0, &datagram(&noise(random, 1400)))),
    }
}

fn ethernet(destination: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [&destination[..], &[2, 0, 0, 0, 0, 9], &ethertype.to_be_bytes(), payload].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

/// An IPv4 packet from the receiver to the box; `fragment` is flags and offset.
fn ip(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let [from, to] = [RECEIVER_ADDRESS, OUTSIDE_ADDRESS].map(|address| address.octets());
    let mut header = [
        &[0x45, 0],
        &length.to_be_bytes()[..],
        &[0, 0],
        &fragment.to_be_bytes(),
        &[64, protocol, 0, 0],
        &from,
        &to,
    ]
    .concat();
    let sum: u32 = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&header[..], payload].concat()
}

fn datagram(payload: &[u8]) -> Vec<u8> {
    let (port, length) = (OUTSIDE_PORT.to_be_bytes(), ((8 + payload.len()) as u16).to_be_bytes());
    [&port[..], &port, &length, &[0, 0], payload].concat()
}

/// A TCP segment with SYN to the box's own port.
fn connection_request() -> Vec<u8> {
    let mut segment = [&[0x30, 0x39][..], &OUTSIDE_PORT.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    segment
}
