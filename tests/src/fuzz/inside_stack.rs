//! The whole inside network, from Ethernet frame to poller, driven by whoever sends on it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use noreturn_collect::{Now, Output, Sample};
use noreturn_image_format::Config;
use noreturn_image_format::config::time::TimeSource;
use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{self, FRAME_BYTES_MAX, HEADER_BYTES, Header, MacAddress};
use noreturn_inside::random::Generator;
use noreturn_inside::{Card, DeviceConnection, Stack};
use noreturn_wire::{Counter, Counters, TimeQuality};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{IpProtocol, Ipv4Packet, TcpPacket, TcpSeqNumber};

use super::script::Script;
use super::seeds;

const OWN_MAC: MacAddress = [2, 0, 0, 0, 0, 1];
/// The first of the ports from which the box connects.
const CONNECTING: u16 = 49_152;
const IPV4_BYTES: usize = 20;
const TCP_BYTES: usize = 20;

/// The input is a list of events: a frame that is heard, time that passes.
pub(super) fn inside_stack(data: &[u8]) {
    let mut bed = Bed::new(seeds::config());
    let mut script = Script(data);
    while !script.is_empty() {
        match script.below(8) {
            0 => bed.hear(script.take(64)),
            1 => bed.hear_arp(&mut script),
            2 => bed.hear_answer(&mut script),
            3 | 4 => bed.hear_tcp(&mut script),
            5 => bed.hear_udp(&mut script),
            _ => bed.pass(script.number().saturating_mul(10_000)),
        }
        bed.step();
    }
    bed.pass(100_000_000);
}

/// A segment that the box sent.
#[derive(Clone)]
struct Sent {
    to: (Ipv4Addr, u16),
    port: u16,
    is_syn: bool,
    /// The number that acknowledges it, and the one that it wants next.
    end: TcpSeqNumber,
    wanted: TcpSeqNumber,
    payload: Vec<u8>,
}

struct Bed {
    config: Config,
    wire: Wire,
    stack: Stack,
    devices: Vec<DeviceConnection>,
    listeners: Vec<(SocketHandle, u16)>,
    counters: Counters,
    now_us: u64,
    latest: Option<Sent>,
}

impl Bed {
    fn new(config: Config) -> Self {
        let mut wire = Wire::default();
        let mut stack = Stack::new(&mut wire, OWN_MAC, &config, &mut Generator::new([7; 32]), 0);
        let listen = |port| {
            let buffer = || SocketBuffer::new(vec![0; 512]);
            (stack.sockets.add(Socket::new(buffer(), buffer())), port)
        };
        let listeners = config.status.ports().map(listen).collect();
        let devices = config.devices.iter().cloned();
        let devices = devices.map(|device| DeviceConnection::new(device, now(0), &mut stack)).collect();
        let counters = Counters::default();
        Self { config, wire, stack, devices, listeners, counters, now_us: 0, latest: None }
    }

    /// As the kernel does it.
    fn step(&mut self) {
        self.stack.poll(&mut self.wire, self.now_us, &mut self.counters);
        for device in &mut self.devices {
            device.step(now(self.now_us), &mut self.stack, &mut Sink);
        }
        for &(socket, port) in &self.listeners {
            let socket = self.stack.sockets.get_mut::<Socket<'_>>(socket);
            if matches!(socket.state(), State::Closed | State::TimeWait) {
                socket.listen(port).expect("it is not open");
            }
        }
        for frame in std::mem::take(&mut self.wire.sent) {
            self.judge(&frame);
        }
    }

    fn pass(&mut self, us: u64) {
        let until_us = self.now_us.saturating_add(us.min(1 << 40));
        for _ in 0..64 {
            let devices_us = self.devices.iter().map(DeviceConnection::poll_at).min().unwrap_or(u64::MAX);
            let at_us = self.stack.poll_at(self.now_us).min(devices_us).max(self.now_us);
            if at_us > until_us {
                break;
            }
            self.now_us = at_us;
            self.step();
        }
        self.now_us = until_us;
        self.step();
    }

    fn hear(&mut self, frame: &[u8]) {
        self.wire.received.push_back(frame.to_vec());
    }

    /// The Ethernet address of a configured device or the gateway: as it would tell it, or another.
    fn hear_arp(&mut self, script: &mut Script<'_>) {
        let (device, _) = self.device(script);
        let is_gateway = script.below(2) > 0;
        let sender = self.config.inside.gateway.filter(|_| is_gateway).unwrap_or(device);
        let sender_mac = mac(sender, script.byte() / 0xf0);
        let target = self.config.inside.address;
        let arp = Arp { operation: Operation::Reply, sender_mac, sender, target_mac: OWN_MAC, target };
        let header = Header { destination: OWN_MAC, source: sender_mac, ether_type: ethernet::ARP };
        self.hear(&[&header.emit()[..], &arp.emit()].concat());
    }

    /// What a device would say to the latest segment.
    fn hear_answer(&mut self, script: &mut Script<'_>) {
        let Some(Sent { to, port, is_syn, end, wanted, payload }) = self.latest.clone() else { return };
        let mut segment = segment(to.1, port, &reply(&payload, script.byte()).unwrap_or_default());
        let mut header = TcpPacket::new_unchecked(&mut segment[..]);
        header.set_syn(is_syn);
        header.set_ack(true);
        header.set_seq_number(wanted);
        header.set_ack_number(end);
        self.hear_segment(to.0, segment);
    }

    /// Any segment, mostly with numbers near those of the latest.
    fn hear_tcp(&mut self, script: &mut Script<'_>) {
        let (host, port) = self.device(script);
        let is_near = script.below(8) > 0;
        let latest = self.latest.as_ref().filter(|_| is_near);
        let (host, port) = latest.map_or((host, port), |latest| latest.to);
        let own = latest.map_or(CONNECTING, |latest| latest.port);
        let (end, wanted) = latest.map_or_else(Default::default, |latest| (latest.end, latest.wanted));
        let own = script.choose(&[own, own, 502, 80, 81]);
        let flags = script.byte();
        let near =
            |number: TcpSeqNumber, by: u64| TcpSeqNumber(number.0.wrapping_add(by as i32).wrapping_sub(8));
        let (sequence, acknowledged) = (near(wanted, script.number()), near(end, script.number()));
        let window = script.number() as u16;
        let payload_bytes = script.below(64);
        let mut segment = segment(port, own, script.take(payload_bytes));
        segment[13] = flags;
        let mut header = TcpPacket::new_unchecked(&mut segment[..]);
        header.set_seq_number(sequence);
        header.set_ack_number(acknowledged);
        header.set_window_len(window);
        // What would be payload is then options.
        let words = (script.below(4) * 4).min(payload_bytes / 4 * 4);
        header.set_header_len((TCP_BYTES + words) as u8);
        self.hear_segment(host, segment);
    }

    fn hear_segment(&mut self, from: Ipv4Addr, mut segment: Vec<u8>) {
        let to = self.config.inside.address;
        TcpPacket::new_unchecked(&mut segment[..]).fill_checksum(&from.into(), &to.into());
        self.hear_packet(from, IpProtocol::Tcp, &segment);
    }

    /// A datagram or an ICMP message of a device, or of the time server, to a port that does not ask.
    fn hear_udp(&mut self, script: &mut Script<'_>) {
        let (device, _) = self.device(script);
        let bytes = script.below(64);
        let server = self.config.time.sources.iter().find_map(|source| match source {
            TimeSource::Sntp(server) => Some(server.address),
            TimeSource::Gps(_) | TimeSource::Rtc => None,
        });
        let from = server.filter(|_| bytes.is_multiple_of(2)).unwrap_or(device);
        self.hear_packet(from, script.choose(&[IpProtocol::Udp, IpProtocol::Icmp]), script.take(bytes));
    }

    fn hear_packet(&mut self, from: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) {
        let mut bytes = vec![0; IPV4_BYTES + payload.len()];
        bytes[IPV4_BYTES..].copy_from_slice(payload);
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        packet.set_version(4);
        packet.set_header_len(IPV4_BYTES as u8);
        packet.set_total_len((IPV4_BYTES + payload.len()) as u16);
        packet.set_hop_limit(64);
        packet.set_next_header(protocol);
        packet.set_src_addr(from);
        packet.set_dst_addr(self.config.inside.address);
        packet.fill_checksum();
        let header = Header { destination: OWN_MAC, source: mac(from, 0), ether_type: ethernet::IPV4 };
        self.hear(&[&header.emit()[..], &bytes].concat());
    }

    /// A configured device.
    fn device(&self, script: &mut Script<'_>) -> (Ipv4Addr, u16) {
        let device = &self.config.devices[script.below(self.config.devices.len())];
        (device.address, device.port)
    }

    /// It connects to devices and to nobody else, accepts only where it listens, and sends no fragment and no ICMP.
    fn judge(&mut self, frame: &[u8]) {
        let (header, payload) = Header::parse(frame).expect("a frame");
        assert_eq!(header.source, OWN_MAC);
        if header.ether_type != ethernet::IPV4 {
            assert_eq!(header.ether_type, ethernet::ARP);
            return;
        }
        let packet = Ipv4Packet::new_checked(payload).expect("a packet");
        assert!(packet.verify_checksum() && packet.src_addr() == self.config.inside.address);
        assert!(!packet.more_frags() && packet.frag_offset() == 0, "a fragment");
        assert_eq!(packet.next_header(), IpProtocol::Tcp, "nothing asks by UDP here, and ICMP is never sent");
        let segment = TcpPacket::new_checked(packet.payload()).expect("a segment");
        let to = (packet.dst_addr(), segment.dst_port());
        let port = segment.src_port();
        if segment.syn() && !segment.ack() {
            let is_device = self.config.devices.iter().any(|device| (device.address, device.port) == to);
            assert!(is_device && port >= CONNECTING, "a connection to {to:?} from {port}");
        } else if segment.syn() {
            assert!(self.config.status.ports().any(|listening| listening == port), "accepted on {port}");
        }
        let end = segment.seq_number() + segment.segment_len();
        let is_syn = segment.syn() && !segment.ack();
        let (wanted, payload) = (segment.ack_number(), segment.payload().to_vec());
        self.latest = Some(Sent { to, port, is_syn, end, wanted, payload });
    }
}

/// The reply of a Modbus server whose every byte is `value`.
fn reply(request: &[u8], value: u8) -> Option<Vec<u8>> {
    let &[a, b, _, _, _, _, unit, function, _, _, high, low] = request else { return None };
    let count = u16::from_be_bytes([high, low]);
    let bytes = if function <= 2 { count.div_ceil(8) } else { count * 2 };
    let head = [a, b, 0, 0, 0, bytes as u8 + 3, unit, function, bytes as u8];
    Some([&head[..], &vec![value; bytes.into()]].concat())
}

/// A segment without its numbers and checksum.
fn segment(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; TCP_BYTES + payload.len()];
    bytes[TCP_BYTES..].copy_from_slice(payload);
    let mut header = TcpPacket::new_unchecked(&mut bytes[..]);
    header.set_src_port(from);
    header.set_dst_port(to);
    header.set_header_len(TCP_BYTES as u8);
    header.set_window_len(4096);
    bytes
}

/// The Ethernet address of a host, and others that claim to be it.
fn mac(host: Ipv4Addr, other: u8) -> MacAddress {
    let [_, _, c, d] = host.octets();
    [2, 0, 0, other, c, d]
}

fn now(uptime_us: u64) -> Now {
    Now { uptime_us, clock_us: 0, time_quality: TimeQuality::default() }
}

struct Sink;

impl Output for Sink {
    fn sample(&mut self, _: Sample) {}
    fn count(&mut self, _: Counter, _: u64) {}
}

/// A card without a limit.
#[derive(Default)]
struct Wire {
    received: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

impl Card for Wire {
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        let received = self.received.pop_front()?;
        frame[..received.len()].copy_from_slice(&received);
        Some(received.len())
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn transmit(&mut self, frame: &[u8]) {
        assert!((HEADER_BYTES..=FRAME_BYTES_MAX).contains(&frame.len()));
        self.sent.push(frame.to_vec());
    }
}
