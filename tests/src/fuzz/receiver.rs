//! The receiving end between honest boxes, a bad network, and a liar who has the key.
//!
//! An input is a script. Honest senders make authentic frames; the network loses, repeats, reorders, damages and
//! cuts them; anybody throws datagrams; and the liar sends authentic frames that contradict everything. The
//! [`Judge`] knows what was said and holds the receiver to its promises.

mod judge;
mod liar;

use std::collections::VecDeque;

use noreturn_fec::Geometry;
use noreturn_link::receiver::ReceiverCounters;
use noreturn_link::{BlockConfig, ClassConfig, DiodeKey, Receiver, ReceiverConfig, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::{FRAME_BYTES_MAX, SHARD_BYTES_MAX};
use noreturn_wire::{
    Announce, Beacon, BootId, CardModel, Class, Counters, DiodeId, Heads, Message, OutsideCard, Quality,
    Record, SourceId, Value,
};

use super::script::Script;
use judge::Judge;

/// Limits so small that every script meets them.
const CONFIG: ReceiverConfig = ReceiverConfig {
    hold_us: 1000,
    shard_bytes_max: 4096,
    held_records_max: 12,
    held_bytes_max: 64,
    sources_max: 6,
    sessions_per_diode_max: 2,
    gaps_max: 3,
    boots_max: 1,
    streams_max: 2,
    files_max: 2,
    file_extents_max: 3,
};
/// Sources of each sender.
const SOURCES: usize = 4;
/// How honest senders send.
const SENDING: Sending = Sending { class: Class::Telemetry, kept: false };
/// Frames under way at most; more push the oldest out.
const FLYING_MAX: usize = 64;
/// Steps of a script at most, so that none takes long.
const STEPS_MAX: usize = 512;

/// Boots of two diodes: three of the first, so that one is always forgotten, and one of the second.
const BOOTS: [(DiodeId, BootId, (u8, u8)); 4] = [
    (DiodeId(1), BootId([1; 16]), (4, 2)),
    (DiodeId(1), BootId([2; 16]), (3, 0)),
    (DiodeId(1), BootId([3; 16]), (2, 3)),
    (DiodeId(2), BootId([4; 16]), (10, 4)),
];

const fn key(diode: DiodeId) -> DiodeKey {
    DiodeKey([diode.0 as u8; 32])
}

/// The record that a source's `sequence` always is, so that any other is known at once.
fn record(source: SourceId, sequence: u64) -> Record {
    let value = Value::U64(sequence.wrapping_mul(0x9e37_79b9) ^ u64::from(source.0));
    Record { source, sequence, acquired_us: sequence.wrapping_mul(1000), quality: Quality::Good, value }
}

fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = [0; SHARD_BYTES_MAX];
    message.encode(&mut buffer).expect("it fits").to_vec()
}

fn beacon(uptime_us: u64) -> Beacon {
    let outside = OutsideCard {
        model: CardModel::IntelE1000e,
        link_up: true,
        firmware_left_receiver_on: false,
        firmware_frames_received: Some(3),
    };
    let counters = Counters::default();
    Beacon {
        image_sha256: [1; 32],
        config_sha256: [2; 32],
        uptime_us,
        clock_us: uptime_us,
        outside,
        counters,
    }
}

/// Runs the input as a script.
pub(super) fn receiver(data: &[u8]) {
    play(data);
}

/// Runs a script; what the receiver counted.
fn play(data: &[u8]) -> ReceiverCounters {
    let mut script = Script(data);
    let mut world = World::new();
    for _ in 0..STEPS_MAX {
        if script.is_empty() {
            break;
        }
        world.step(&mut script);
    }
    world.settle();
    world.receiver.counters()
}

struct World {
    now_us: u64,
    senders: Vec<Sender>,
    flying: VecDeque<Vec<u8>>,
    receiver: Receiver,
    judge: Judge,
}

impl World {
    fn new() -> Self {
        Self {
            now_us: 1_000_000,
            senders: BOOTS.iter().map(|&(diode, boot, geometry)| sender(diode, boot, geometry)).collect(),
            flying: VecDeque::new(),
            receiver: Receiver::new(CONFIG, [DiodeId(1), DiodeId(2)].map(|diode| (diode, key(diode)))),
            judge: Judge::default(),
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.below(16) {
            0..3 => self.measure(script),
            3 => self.tell_heads(script),
            4 => self.announce(script),
            5 => {
                let uptime_us = self.now_us;
                self.senders[script.below(BOOTS.len())].set_beacon(&beacon(uptime_us));
            }
            6 => self.transmit(script.below(BOOTS.len())),
            7 => {
                if let Some(frame) = self.flying.pop_front() {
                    self.deliver(&frame);
                }
            }
            8 => self.with_frame(script, |world, frame, _| world.deliver(&frame)),
            9 => self.with_frame(script, |_, _, _| {}),
            10 => self.with_frame(script, |world, frame, _| {
                world.deliver(&frame);
                world.flying.push_back(frame);
            }),
            11 => self.with_frame(script, |world, mut frame, script| {
                let at = script.number() as usize % frame.len();
                frame[at] ^= 1 << script.below(8);
                world.deliver_nonsense(&frame);
            }),
            12 => self.with_frame(script, |world, frame, script| {
                world.deliver_nonsense(&frame[..script.number() as usize % frame.len()]);
            }),
            13 => self.pass(script),
            14 => {
                let length = script.number() as usize % (FRAME_BYTES_MAX + 100);
                let datagram = script.take(length).to_vec();
                self.deliver_nonsense(&datagram);
            }
            _ => self.lie(script),
        }
    }

    /// An honest sender's source acquires a few records.
    fn measure(&mut self, script: &mut Script<'_>) {
        let (place, source, count) = (script.below(BOOTS.len()), script.below(SOURCES), 1 + script.below(8));
        for _ in 0..count {
            let record = record(SourceId(source as u32), self.judge.sent(place, source));
            if self.senders[place].push(SENDING, &encoded(&Message::Record(record))).is_ok() {
                self.judge.has_sent(place, source);
            }
        }
    }

    fn tell_heads(&mut self, script: &mut Script<'_>) {
        let place = script.below(BOOTS.len());
        let next = (0..SOURCES).map(|source| self.judge.sent(place, source)).collect();
        // A full queue loses them, as it may lose anything.
        let heads = encoded(&Message::Heads(Heads { first: SourceId(0), next }));
        let _ = self.senders[place].push(SENDING, &heads);
    }

    fn announce(&mut self, script: &mut Script<'_>) {
        let (place, source) = (script.below(BOOTS.len()), SourceId(script.byte().into()));
        let message = encoded(&Message::Announce(Announce { source, name: "tank/level", unit: "m" }));
        let _ = self.senders[place].push(SENDING, &message);
    }

    fn transmit(&mut self, place: usize) {
        let mut buffer = [0; FRAME_BYTES_MAX];
        while let Some(length) = self.senders[place].poll_transmit(self.now_us, &mut buffer) {
            self.flying.push_back(buffer[..length].to_vec());
        }
        while self.flying.len() > FLYING_MAX {
            self.flying.pop_front();
        }
    }

    /// Takes a frame out of the air for `act`.
    fn with_frame(&mut self, script: &mut Script<'_>, act: impl FnOnce(&mut Self, Vec<u8>, &mut Script<'_>)) {
        let place = script.below(self.flying.len());
        if let Some(frame) = self.flying.remove(place) {
            act(self, frame, script);
        }
    }

    fn lie(&mut self, script: &mut Script<'_>) {
        let place = script.below(BOOTS.len());
        let frame = liar::frame(place, script);
        self.judge.has_lied(place);
        self.deliver(&frame);
    }

    fn deliver(&mut self, datagram: &[u8]) {
        let result = self.receiver.handle_datagram(datagram, self.now_us);
        self.judge.datagram(result);
        self.judge.hear(&mut self.receiver);
    }

    /// Delivers what nobody with a key has sealed.
    fn deliver_nonsense(&mut self, datagram: &[u8]) {
        let result = self.receiver.handle_datagram(datagram, self.now_us);
        assert!(result.is_err(), "a forged datagram was accepted");
        self.judge.datagram(result);
        self.judge.hear(&mut self.receiver);
    }

    /// Lets time pass: a little, up to the receiver's next deadline, or long.
    fn pass(&mut self, script: &mut Script<'_>) {
        self.now_us = match script.byte() {
            byte @ 0..128 => self.now_us + u64::from(byte) * 16,
            128..224 => self.receiver.poll_at().map_or(self.now_us, |at| at.max(self.now_us)),
            byte => self.now_us + u64::from(byte) * 1000,
        };
        self.let_time_pass();
    }

    fn let_time_pass(&mut self) {
        self.receiver.handle_timeout(self.now_us);
        self.judge.hear(&mut self.receiver);
        let next = self.receiver.poll_at();
        assert!(next.is_none_or(|at| at > self.now_us), "it wants to be called although nothing is due");
        assert!(next.is_none_or(|at| at <= self.now_us + CONFIG.hold_us), "it waits longer than it may");
    }

    /// After the longest wait nothing is held back any more.
    fn settle(&mut self) {
        self.now_us += CONFIG.hold_us;
        self.let_time_pass();
        assert_eq!(self.receiver.poll_at(), None, "something is held for ever");
        self.judge.conclude(&self.receiver);
    }
}

fn sender(diode: DiodeId, boot: BootId, (data, parity): (u8, u8)) -> Sender {
    let blocks = BlockConfig {
        geometry: Geometry::new(data, parity).expect("they are small"),
        parity_min: 1,
        latency_us_max: 500,
        span_us: 0,
        blocks_max: 1,
    };
    // Nothing is kept: that a history can take what was lost back is for the liar and the simulator.
    let class = ClassConfig { blocks, weight: 1, queue_bytes_max: 4096, history_bytes_max: 0 };
    let mut config = SenderConfig::new(diode, 100_000_000);
    (config.alarm, config.telemetry, config.bulk) = (class, class, class);
    (config.history.blocks, config.history.share_per_mille) = (blocks, 0);
    Sender::new(&config, boot, &key(diode))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::seeds;
    use super::*;

    #[test]
    fn the_seeds_reach_everything_that_is_counted() {
        let mut totals = BTreeMap::new();
        for (_, seed) in seeds::of("receiver") {
            for (name, count) in play(&seed).named() {
                let total: &mut u64 = totals.entry(name).or_default();
                *total = total.saturating_add(count);
            }
        }
        let never: Vec<_> = totals.iter().filter(|(_, total)| **total == 0).collect();
        assert_eq!(never, [], "{totals:?}");
    }
}
