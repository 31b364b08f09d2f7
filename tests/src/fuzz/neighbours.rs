//! The table of neighbours on the inside network, driven by whoever sends on it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use noreturn_image_format::Config;
use noreturn_inside::Neighbours;
use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{ARP, BROADCAST, FRAME_BYTES_MAX, HEADER_BYTES, Header, IPV4, MacAddress};
use noreturn_inside::neighbours::Received;
use noreturn_wire::Counters;

use super::script::Script;

const OWN_MAC: MacAddress = [2, 0, 0, 0, 0, 1];
/// The least time between two requests for one host, and the longest time after one in which its reply is believed.
const ASK_US: u64 = 1_000_000;
const REPLY_US: u64 = 2_000_000;
/// A packet waits at most this long.
const WAIT_US: u64 = 4_000_000;

/// Two devices on the network and two behind the gateway.
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let mut site = String::from(
        r#"
        diode = {id = 7, name = "d", key_file = "k"}
        inside = {card = "00:02.0", address = "10.1.0.2/24", gateway = "10.1.0.1"}
        [outside]
        card = "00:03.0"
        source = "10.0.2.15:1"
        destination = [{mac = "02:00:00:00:00:01", address = "10.0.2.2:1"}]
        "#,
    );
    for address in ["10.1.0.10", "10.1.0.11", "10.2.0.10", "10.2.0.11"] {
        site += &format!(
            "[[modbus]]\nname = \"{address}\"\naddress = \"{address}:502\"\n\
             point = [{{name = \"a\", function = 3, address = 0, type = \"u16\"}}]\n"
        );
    }
    noreturn_site::parse(&site, "site.toml", |_| Ok([1; 32])).expect("the site file is right")
});

/// The input is a list of events: a frame that is heard, a packet that is to be sent, time that passes.
pub(super) fn neighbours(data: &[u8]) {
    let mut bed = Bed::new(&CONFIG);
    let mut script = Script(data);
    while !script.is_empty() {
        match script.below(8) {
            0 => bed.hear(script.take(64)),
            1..=3 => bed.hear_arp(&mut script),
            4..=6 => bed.send(&mut script),
            _ => bed.pass(script.number().saturating_mul(10_000)),
        }
        bed.check();
    }
    (0..8).for_each(|_| bed.pass(WAIT_US));
    assert_eq!(bed.neighbours.poll_at(), u64::MAX, "something waits for ever");
}

struct Bed {
    neighbours: Neighbours,
    counters: Counters,
    now_us: u64,
    own: Ipv4Addr,
    hosts: Vec<Ipv4Addr>,
    /// What is known of each of the configured hosts.
    known: BTreeMap<Ipv4Addr, MacAddress>,
    /// When each was asked for last, and where.
    asked: BTreeMap<Ipv4Addr, (u64, MacAddress)>,
    /// Packets that were given to it.
    given: Vec<Vec<u8>>,
}

impl Bed {
    fn new(config: &Config) -> Self {
        let own = config.inside.address;
        let devices = config.devices.iter().map(|device| device.address);
        // The gateway is the neighbour of those behind it.
        let hosts = devices.filter(|address| address.octets()[1] == 1).chain(config.inside.gateway);
        Self {
            neighbours: Neighbours::new(OWN_MAC, config),
            counters: Counters::default(),
            now_us: 0,
            own,
            hosts: hosts.collect(),
            known: BTreeMap::new(),
            asked: BTreeMap::new(),
            given: Vec::new(),
        }
    }

    /// One of the configured hosts, or anybody.
    fn address(&self, script: &mut Script<'_>) -> Ipv4Addr {
        match script.below(8) {
            0 => self.own,
            1 => Ipv4Addr::from_bits(self.own.to_bits() & !0xff | u32::from(script.byte())),
            2 => Ipv4Addr::UNSPECIFIED,
            _ => script.choose(&self.hosts),
        }
    }

    fn hear_arp(&mut self, script: &mut Script<'_>) {
        let operation = script.choose(&[Operation::Reply, Operation::Reply, Operation::Request]);
        let sender_mac = [2, 0, 0, 0, 0, script.byte() % 4];
        let sender = self.address(script);
        let target = if script.below(4) == 0 { self.address(script) } else { self.own };
        let arp = Arp { operation, sender_mac, sender, target_mac: OWN_MAC, target };
        let destination = script.choose(&[OWN_MAC, OWN_MAC, BROADCAST]);
        let header = Header { destination, source: sender_mac, ether_type: ARP };
        self.hear(&[&header.emit()[..], &arp.emit()].concat());
    }

    fn hear(&mut self, frame: &[u8]) {
        match self.neighbours.receive(frame, self.now_us, &mut self.counters) {
            Received::Answer(answer) => {
                let (header, payload) = Header::parse(&answer).expect("a frame");
                let arp = Arp::parse(payload).expect("right");
                assert_eq!((header.destination, header.source), (arp.target_mac, OWN_MAC));
                assert_eq!(
                    (arp.operation, arp.sender_mac, arp.sender),
                    (Operation::Reply, OWN_MAC, self.own)
                );
            }
            Received::Packet { from, source, packet } => {
                assert_eq!((&frame[..6], &frame[12..14]), (&OWN_MAC[..], &[8, 0][..]));
                assert_eq!((&from[..], packet), (&frame[6..12], &frame[HEADER_BYTES..]));
                self.neighbours.hear(source, from, self.now_us);
                self.neighbours.confirm(source, from, self.now_us);
            }
            Received::Nothing => {}
        }
        self.learn(frame);
    }

    /// Whatever is known now was known before, or this frame is the reply of who was asked.
    fn learn(&mut self, frame: &[u8]) {
        for &host in &self.hosts {
            let now = self.neighbours.mac(host);
            if now == self.known.get(&host).copied() {
                continue;
            }
            let arp = Header::parse(frame).and_then(|(_, payload)| Arp::parse(payload)).expect("ARP");
            let (asked_us, to) = self.asked.get(&host).expect("it was asked for");
            assert_eq!((arp.operation, arp.sender, Some(arp.sender_mac)), (Operation::Reply, host, now));
            assert!(self.now_us - asked_us < REPLY_US && *to == BROADCAST, "too late, or not asked");
            self.known.insert(host, arp.sender_mac);
        }
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let mut packet = vec![0; 40];
        (packet[0], packet[9]) = (0x45, script.choose(&[6, 6, 6, 17, 1]));
        packet[12..16].copy_from_slice(&self.own.octets());
        packet[16..20].copy_from_slice(&self.address(script).octets());
        packet[21] = script.byte() % 4;
        packet[33] = script.byte();
        packet.truncate(40 - script.below(8).saturating_sub(6) * 30);
        let mut frame = [&[0; HEADER_BYTES][..], &packet].concat();
        self.given.push(packet);
        if self.neighbours.send(&mut frame, self.now_us, &mut self.counters) {
            self.judge(&frame);
        }
    }

    fn pass(&mut self, us: u64) {
        let until_us = self.now_us.saturating_add(us.min(1 << 40));
        // As often as it asks for, in steps that can be counted.
        for _ in 0..64 {
            let at_us = self.neighbours.poll_at().max(self.now_us);
            if at_us > until_us {
                break;
            }
            self.now_us = at_us;
            self.poll();
        }
        self.now_us = until_us;
        self.poll();
    }

    /// Everything that is due; how many frames that were.
    fn poll(&mut self) -> usize {
        let mut frame = [0; FRAME_BYTES_MAX];
        let mut frames = 0;
        while let Some(bytes) = self.neighbours.poll(&mut frame, self.now_us, &mut self.counters) {
            self.judge(&frame[..bytes]);
            frames += 1;
            assert!(frames <= 512, "it does not end");
        }
        frames
    }

    /// What leaves is a request in time, or a packet that was given, to where its next hop is.
    fn judge(&mut self, frame: &[u8]) {
        let (header, payload) = Header::parse(frame).expect("a frame");
        assert_eq!(header.source, OWN_MAC);
        if header.ether_type == IPV4 {
            assert!(self.given.iter().any(|packet| packet == payload), "an invented packet");
            assert!(header.destination[0] & 1 == 0, "a packet to a group");
            return;
        }
        let arp = Arp::parse(payload).expect("ARP");
        assert_eq!((header.ether_type, arp.operation, arp.sender), (ARP, Operation::Request, self.own));
        assert!(self.hosts.contains(&arp.target), "somebody is asked for who is not configured");
        if let Some((asked_us, _)) = self.asked.insert(arp.target, (self.now_us, header.destination)) {
            assert!(self.now_us - asked_us >= ASK_US, "asked too often");
        }
    }

    /// What was known may be given up, by the passing of time and no frame.
    fn check(&mut self) {
        for &host in &self.hosts {
            if self.neighbours.mac(host).is_none() {
                self.known.remove(&host);
            }
        }
    }
}
