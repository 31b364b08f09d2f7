//! A bad network and a pair of ends on virtual time. Everything follows from the seed.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use noreturn_fec::Geometry;
use noreturn_link::receiver::{Arrival, EventKind};
use noreturn_link::{BlockConfig, DiodeKey, Receiver, ReceiverConfig, Sender, SenderConfig, SenderError};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{BootId, Class, DiodeId, Heads, Message, Quality, Record, SourceId, Value};

pub const DIODE: DiodeId = DiodeId(7);
pub const KEY: DiodeKey = DiodeKey([0x42; 32]);

/// SplitMix64 (Steele, Lea, Flood 2014): enough randomness for a test, reproducible for ever.
pub struct Random(pub u64);

impl Random {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}

/// Faults in frames of a thousand, and how far a frame may fall behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub lost: u64,
    pub burst_lost: u64,
    pub burst_frames: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    pub delay_us_max: u64,
}

/// Delivers frames late, twice, damaged, or never.
pub struct Network {
    faults: Faults,
    random: Random,
    burst_left: u64,
    flying: BTreeSet<(u64, u64, Vec<u8>)>,
    sent: u64,
}

impl Network {
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, random: Random(seed), burst_left: 0, flying: BTreeSet::new(), sent: 0 }
    }

    pub fn send(&mut self, now_us: u64, frame: &[u8]) {
        if self.burst_left == 0 && self.random.chance(self.faults.burst_lost) {
            self.burst_left = self.faults.burst_frames;
        }
        let in_burst = self.burst_left > 0;
        self.burst_left = self.burst_left.saturating_sub(1);
        if in_burst || self.random.chance(self.faults.lost) {
            return;
        }
        let copies = if self.random.chance(self.faults.duplicated) { 2 } else { 1 };
        for _ in 0..copies {
            let mut frame = frame.to_vec();
            if self.random.chance(self.faults.corrupted) {
                let at = self.random.below(frame.len() as u64) as usize;
                frame[at] ^= 1 << self.random.below(8);
            }
            let at = now_us + self.random.below(self.faults.delay_us_max);
            self.sent += 1;
            self.flying.insert((at, self.sent, frame));
        }
    }

    pub fn arrived(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let later = self.flying.split_off(&(now_us + 1, 0, Vec::new()));
        std::mem::replace(&mut self.flying, later).into_iter().map(|(_, _, frame)| frame).collect()
    }
}

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub geometry: (u8, u8),
    pub faults: Faults,
    pub sources: u32,
    pub records: u64,
    pub interval_us: u64,
}

/// What came out at the far end.
#[derive(Default, Debug)]
pub struct Outcome {
    pub sent: Vec<u64>,
    pub delivered: BTreeMap<u32, Vec<Record>>,
    pub recovered: u64,
    pub gaps: BTreeMap<u32, Vec<(u64, u64)>>,
    pub frames: u64,
    pub receiver: noreturn_link::receiver::ReceiverCounters,
}

pub fn sender(geometry: (u8, u8), boot: BootId) -> Sender {
    Sender::new(&config(geometry), boot, &KEY)
}

/// One block after the other, and no history: what the code alone can do.
pub fn config(geometry: (u8, u8)) -> SenderConfig {
    let mut config = SenderConfig::new(DIODE, 12_500_000);
    config.history.share_per_mille = 0;
    config.telemetry.history_bytes_max = 0;
    config.telemetry.blocks = BlockConfig {
        geometry: Geometry::new(geometry.0, geometry.1).unwrap(),
        parity_min: 1,
        latency_us_max: 20_000,
        span_us: 0,
        blocks_max: 1,
    };
    config
}

pub fn push(sender: &mut Sender, message: &[u8]) -> Result<(), SenderError> {
    sender.push(Sending { class: Class::Telemetry, kept: true }, message)
}

pub fn receiver() -> Receiver {
    Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)])
}

pub fn record(source: u32, sequence: u64) -> Record {
    let value = Value::U64(sequence.wrapping_mul(0x9e37_79b9) ^ u64::from(source));
    Record { source: SourceId(source), sequence, acquired_us: sequence * 1000, quality: Quality::Good, value }
}

pub fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = [0; 2048];
    message.encode(&mut buffer).unwrap().to_vec()
}

/// Runs the scenario to its end, heads and all.
pub fn run(scenario: &Scenario) -> Outcome {
    let mut random = Random(scenario.seed);
    let mut sender =
        sender(scenario.geometry, BootId(random.draw().to_be_bytes().repeat(2).try_into().unwrap()));
    let mut receiver = receiver();
    let mut network = Network::new(scenario.faults, random.draw());
    let mut outcome = Outcome { sent: vec![0; scenario.sources as usize], ..Outcome::default() };
    let (mut now, mut left) = (0, scenario.records);
    let mut heads_left = 40;
    let step = scenario.interval_us.max(1);
    let end = scenario.records * step + 3_000_000;
    while now < end {
        if left > 0 {
            left -= 1;
            let source = random.below(u64::from(scenario.sources)) as u32;
            let sequence = &mut outcome.sent[source as usize];
            push(&mut sender, &encoded(&Message::Record(record(source, *sequence)))).unwrap();
            *sequence += 1;
        } else if heads_left > 0 && now % 50_000 < step {
            heads_left -= 1;
            let next = outcome.sent.iter().copied().collect();
            push(&mut sender, &encoded(&Message::Heads(Heads { first: SourceId(0), next }))).unwrap();
        }
        let mut buffer = [0; FRAME_BYTES_MAX];
        while let Some(length) = sender.poll_transmit(now, &mut buffer) {
            outcome.frames += 1;
            network.send(now, &buffer[..length]);
        }
        for frame in network.arrived(now) {
            let _ = receiver.handle_datagram(&frame, now);
        }
        receiver.handle_timeout(now);
        take_events(&mut receiver, &mut outcome);
        now += step;
    }
    outcome.receiver = receiver.counters();
    outcome
}

fn take_events(receiver: &mut Receiver, outcome: &mut Outcome) {
    while let Some(event) = receiver.poll_event() {
        match event.kind {
            EventKind::Record { record, arrival } => {
                outcome.delivered.entry(record.source.0).or_default().push(record);
                outcome.recovered += u64::from(arrival == Arrival::Parity);
            }
            EventKind::Gap { source, first, last } => {
                outcome.gaps.entry(source.0).or_default().push((first, last));
            }
            _ => {}
        }
    }
}

/// The promises of the protocol, whatever the network did.
pub fn check(scenario: &Scenario, outcome: &Outcome) {
    for source in 0..scenario.sources {
        let mut seen = BTreeSet::new();
        let mut last = None;
        for got in outcome.delivered.get(&source).into_iter().flatten() {
            assert_eq!(*got, record(source, got.sequence), "{scenario:?}: an altered record was delivered");
            assert!(last < Some(got.sequence), "{scenario:?}: source {source} out of order or twice");
            last = Some(got.sequence);
            seen.insert(got.sequence);
        }
        for &(first, last) in outcome.gaps.get(&source).into_iter().flatten() {
            for missing in first..=last {
                assert!(
                    seen.insert(missing),
                    "{scenario:?}: {missing} of {source} delivered or missing twice"
                );
            }
        }
        let sent = outcome.sent[source as usize];
        assert!(
            seen.into_iter().eq(0..sent),
            "{scenario:?}: source {source}: not everything is accounted for"
        );
    }
}
