//! The box and its plant on one wire, in virtual time.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use noreturn_collect::{Now, Output, Sample};
use noreturn_image_format::Config;
use noreturn_inside::arp::{Arp, Operation};
use noreturn_inside::ethernet::{self, BROADCAST, FRAME_BYTES_MAX, Header};
use noreturn_inside::random::Generator;
use noreturn_inside::{Card, Devices, Stack};
use noreturn_wire::{Counter, Counters, Fault, Quality, TimeQuality, Value};

use super::common::{OWN_MAC, config};
use super::host::Host;

/// One step of time: how often the box looks, and what a frame takes.
pub const TICK_US: u64 = 1000;
/// Frames that the box's receive ring holds.
const RING: usize = 255;

/// The address of device `place`.
pub fn address(place: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 1, u8::try_from(place + 1).expect("at most 64"))
}

/// The Ethernet address that device `place` has at first.
pub fn mac(place: usize) -> [u8; 6] {
    [0x02, 0, 0, 0, 2, place as u8]
}

/// What was collected of one device.
#[derive(Clone, Default, Debug)]
pub struct Heard {
    /// Good values, and when the last of them came.
    pub values: u32,
    pub first_us: Option<u64>,
    pub last_us: u64,
    /// Values of another host than the one that is right.
    pub wrong: u32,
    /// Why it was said to be down, each time.
    pub faults: Vec<Fault>,
}

/// The box's card.
#[derive(Default)]
struct Ring {
    received: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

impl Ring {
    fn hear(&mut self, frame: &[u8]) {
        let is_sent_by_box = frame.get(6..12) == Some(&OWN_MAC);
        if !is_sent_by_box && self.received.len() < RING {
            self.received.push_back(frame.to_vec());
        }
    }
}

impl Card for Ring {
    fn receive(&mut self, frame: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        let next = self.received.pop_front()?;
        frame[..next.len()].copy_from_slice(&next);
        Some(next.len())
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.sent.push(frame.to_vec());
    }
}

/// Everything on the wire.
pub struct Plant {
    pub now_us: u64,
    pub hosts: Vec<Host>,
    pub heard: Vec<Heard>,
    pub counters: Counters,
    /// When the box asked for whom: broadcasts only.
    pub asked: Vec<(u64, Ipv4Addr)>,
    pub stack: Stack,
    ring: Ring,
    /// Whether the box's cable is in.
    pub link_up: bool,
    devices: Devices,
    wire: Vec<Vec<u8>>,
}

impl Plant {
    /// `count` devices that are read once a second, and as many hosts that are there and answer.
    pub fn new(count: usize) -> Self {
        Self::of(config((0..count).map(address)))
    }

    pub fn of(config: Config) -> Self {
        let mut ring = Ring::default();
        let stack = Stack::new(&mut ring, OWN_MAC, &config, &mut Generator::new([7; 32]), 0);
        let count = config.devices.len();
        Self {
            now_us: 0,
            hosts: (0..count).map(|place| Host::new(mac(place), address(place), place as u16)).collect(),
            heard: vec![Heard::default(); count],
            counters: Counters::default(),
            asked: Vec::new(),
            stack,
            ring,
            link_up: true,
            devices: Devices::new(config.devices),
            wire: Vec::new(),
        }
    }

    /// Lets time pass. Before each step `script` may change the plant, and put frames on the wire.
    pub fn run(&mut self, for_us: u64, mut script: impl FnMut(&mut Self, &mut Vec<Vec<u8>>)) {
        let until_us = self.now_us + for_us;
        while self.now_us < until_us {
            let mut wire = std::mem::take(&mut self.wire);
            script(self, &mut wire);
            wire.iter().for_each(|frame| self.carry(frame));
            self.step_box();
            for host in &mut self.hosts {
                self.wire.extend(host.step(self.now_us));
            }
            self.now_us += TICK_US;
        }
    }

    /// Hands a frame to whom it is for, as a switch and the filter of a card do.
    fn carry(&mut self, frame: &[u8]) {
        if !self.link_up {
            return;
        }
        let Some((header, payload)) = Header::parse(frame) else { return self.ring.hear(frame) };
        let is_broadcast = header.destination == BROADCAST;
        if is_broadcast || header.destination == OWN_MAC {
            self.ring.hear(frame);
        }
        let asks = is_broadcast && header.ether_type == ethernet::ARP;
        let wanted = Arp::parse(payload).filter(|_| asks).map(|arp| arp.target);
        let hosts = self.hosts.iter_mut().filter(|host| host.mac != header.source);
        hosts
            .filter(|host| host.mac == header.destination || Some(host.address) == wanted)
            .for_each(|host| host.hear(frame));
    }

    /// As the kernel does it.
    fn step_box(&mut self) {
        let (uptime_us, counters) = (self.now_us, &mut self.counters);
        self.stack.poll(&mut self.ring, uptime_us, counters);
        let devices = self.devices.connections(now(uptime_us), || self.link_up, &mut self.stack);
        for (place, device) in devices.iter_mut().enumerate() {
            let heard = &mut self.heard[place];
            device.step(now(uptime_us), &mut self.stack, &mut Judge { heard, place, uptime_us, counters });
        }
        for frame in self.ring.sent.drain(..) {
            if let Some(target) = broadcast_request(&frame) {
                self.asked.push((uptime_us, target));
            }
            if self.link_up {
                self.wire.push(frame);
            }
        }
    }

    /// Good values of each of `places`.
    pub fn values(&self, places: impl IntoIterator<Item = usize>) -> Vec<u32> {
        places.into_iter().map(|place| self.heard[place].values).collect()
    }

    pub fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }
}

fn now(uptime_us: u64) -> Now {
    Now { uptime_us, clock_us: uptime_us, time_quality: TimeQuality::NONE }
}

fn broadcast_request(frame: &[u8]) -> Option<Ipv4Addr> {
    let (header, payload) = Header::parse(frame)?;
    let arp = Arp::parse(payload).filter(|_| header.ether_type == ethernet::ARP)?;
    (header.destination == BROADCAST && arp.operation == Operation::Request).then_some(arp.target)
}

/// Looks at the samples of device `place`, whose register holds its place.
struct Judge<'a> {
    heard: &'a mut Heard,
    place: usize,
    uptime_us: u64,
    counters: &'a mut Counters,
}

impl Output for Judge<'_> {
    fn sample(&mut self, sample: Sample) {
        match (sample.value, sample.quality) {
            // Its status.
            (Value::Bool(false), Quality::Bad(fault)) => self.heard.faults.push(fault),
            (Value::Bool(_) | Value::None, _) => {}
            (value, _) => {
                let is_right = value == Value::U64(self.place as u64);
                self.heard.values += 1;
                self.heard.wrong += u32::from(!is_right);
                self.heard.first_us.get_or_insert(self.uptime_us);
                self.heard.last_us = self.uptime_us;
            }
        }
    }

    fn count(&mut self, counter: Counter, by: u64) {
        self.counters.add(counter, by);
    }
}
