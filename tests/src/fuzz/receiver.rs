//! The receiving end between honest boxes, a bad network, and a liar who has the key.
//!
//! An input is a script. Honest senders make authentic frames; the network loses, repeats, reorders, damages and
//! cuts them; anybody throws datagrams; and the liar sends authentic frames that contradict everything. Keys come and
//! go, and the receiver is restarted with its marks. The [`Judge`] knows what was said and holds the receiver to
//! its promises.

mod judge;
mod liar;
mod said;

pub(super) use said::{beacon, encoded, record};

use std::collections::VecDeque;

use noreturn_fec::Geometry;
use noreturn_link::receiver::{Mark, ReceiverCounters};
use noreturn_link::{
    BlockConfig, ClassConfig, DiodeKey, Receiver, ReceiverConfig, Refusal, Sender, SenderConfig,
};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{Announce, BootId, Class, DiodeId, FileId, Heads, Message, SourceId, StreamId, Suite};

use super::script::Script;
use judge::Judge;
use said::{SOURCE_NAME, file_message, stream_message};

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
/// Streams of each sender, and files.
const OBJECTS: usize = 3;
/// Frames under way at most; more push the oldest out.
const FLYING_MAX: usize = 64;
/// Steps of a script at most, so that none takes long.
const STEPS_MAX: usize = 512;

/// Boots of two diodes: so many of the first that one is always forgotten, and one of the second. The first diode has
/// got another key for its later boots.
const BOOTS: [Origin; 5] = [
    Origin { diode: DiodeId(1), boot: BootId([1; 16]), suite: CHACHA, code: (4, 2), key: OLD_KEY },
    Origin { diode: DiodeId(1), boot: BootId([2; 16]), suite: CHACHA, code: (3, 0), key: OLD_KEY },
    Origin { diode: DiodeId(1), boot: BootId([3; 16]), suite: AES, code: (2, 3), key: NEW_KEY },
    Origin { diode: DiodeId(2), boot: BootId([4; 16]), suite: AES, code: (10, 4), key: [2; 32] },
    Origin { diode: DiodeId(1), boot: BootId([5; 16]), suite: CHACHA, code: (1, 1), key: NEW_KEY },
];
const CHACHA: Suite = Suite::ChaCha20Poly1305;
const AES: Suite = Suite::Aes256Gcm;
const OLD_KEY: [u8; 32] = [1; 32];
const NEW_KEY: [u8; 32] = [3; 32];
/// What the receiver may have of the first diode's keys.
const KEY_RINGS: [&[[u8; 32]]; 4] = [&[OLD_KEY, NEW_KEY], &[OLD_KEY], &[NEW_KEY], &[]];

/// A boot of a diode, and what its sender works with.
struct Origin {
    diode: DiodeId,
    boot: BootId,
    suite: Suite,
    code: (u8, u8),
    key: [u8; 32],
}

/// Runs the input as a script.
pub(super) fn receiver(data: &[u8]) {
    play(data);
}

/// Runs a script; what the receivers counted, one after the other.
fn play(data: &[u8]) -> Vec<ReceiverCounters> {
    let mut script = Script(data);
    let mut world = World::new();
    for _ in 0..STEPS_MAX {
        if script.is_empty() {
            break;
        }
        world.step(&mut script);
    }
    world.settle();
    world.retire();
    world.counted
}

struct World {
    now_us: u64,
    senders: Vec<Sender>,
    /// How honest senders send what they say next.
    sending: Sending,
    flying: VecDeque<Vec<u8>>,
    receiver: Receiver,
    /// Which of [`KEY_RINGS`] the receiver has.
    ring: usize,
    /// Marks as they lie on a disk.
    log: Vec<Vec<u8>>,
    counted: Vec<ReceiverCounters>,
    judge: Judge,
}

impl World {
    fn new() -> Self {
        Self {
            now_us: 1_000_000,
            senders: BOOTS.iter().map(sender).collect(),
            sending: Sending { class: Class::Telemetry, kept: false },
            flying: VecDeque::new(),
            receiver: receiver_with(0),
            ring: 0,
            log: Vec::new(),
            counted: Vec::new(),
            judge: Judge::default(),
        }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.below(24) {
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
            15 | 23 => self.lie(script),
            16 => {
                let class = script.choose(&[Class::Alarm, Class::Telemetry, Class::Bulk]);
                self.sending = Sending { class, kept: script.below(2) == 0 };
            }
            17 => self.tell_stream(script),
            18 => self.tell_file(script),
            19 => {
                let (place, link_up) = (script.below(BOOTS.len()), script.below(2) == 0);
                self.senders[place].set_link_up(link_up);
            }
            20 => self.save(),
            21 => self.restart(script),
            _ => {
                self.ring = script.below(KEY_RINGS.len());
                self.receiver.set_keys(
                    DiodeId(1),
                    &KEY_RINGS[self.ring].iter().copied().map(DiodeKey).collect::<Vec<_>>(),
                );
            }
        }
    }

    /// An honest sender says something. A full queue loses it, as it may lose anything.
    fn say(&mut self, place: usize, message: &Message<'_>) -> bool {
        let kept = self.sending.kept && message.is_kept();
        self.senders[place].push(Sending { kept, ..self.sending }, &encoded(message)).is_ok()
    }

    /// An honest sender's source acquires a few records.
    fn measure(&mut self, script: &mut Script<'_>) {
        let (place, source, count) = (script.below(BOOTS.len()), script.below(SOURCES), 1 + script.below(8));
        for _ in 0..count {
            let record = record(SourceId(source as u32), self.judge.said(place).records[source]);
            if self.say(place, &Message::Record(record)) {
                self.judge.said(place).records[source] += 1;
            }
        }
    }

    fn tell_heads(&mut self, script: &mut Script<'_>) {
        let place = script.below(BOOTS.len());
        let next = self.judge.said(place).records.into_iter().collect();
        self.say(place, &Message::Heads(Heads { first: SourceId(0), next }));
    }

    fn announce(&mut self, script: &mut Script<'_>) {
        let (place, source) = (script.below(BOOTS.len()), SourceId(script.byte().into()));
        self.say(place, &Message::Announce(Announce { source, name: SOURCE_NAME, unit: "m" }));
    }

    /// An honest sender's stream goes on a few steps.
    fn tell_stream(&mut self, script: &mut Script<'_>) {
        let (place, stream, count) = (script.below(BOOTS.len()), script.below(OBJECTS), 1 + script.below(8));
        for _ in 0..count {
            let sequence = self.judge.said(place).steps[stream];
            let message = stream_message(StreamId(stream as u32), sequence, said::step(sequence));
            if self.say(place, &message) && sequence < said::STREAM_STEPS {
                self.judge.said(place).steps[stream] += 1;
            }
        }
    }

    /// A few pieces of an honest sender's file, from anywhere in it.
    fn tell_file(&mut self, script: &mut Script<'_>) {
        let (place, file, first) = (script.below(BOOTS.len()), script.below(OBJECTS), script.byte());
        for number in 0..=script.below(8) as u64 {
            self.say(place, &file_message(FileId(file as u32), said::piece(u64::from(first) + number)));
        }
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
        let without_key = datagram[4..8] == [0, 0, 0, 1] && KEY_RINGS[self.ring].is_empty();
        assert!(!without_key || result == Err(Refusal::UnknownDiode), "accepted without a key: {result:?}");
        self.judge.datagram(result);
        self.hear();
    }

    fn hear(&mut self) {
        if self.judge.hear(&mut self.receiver, KEY_RINGS[self.ring]) {
            // More boots than the receiver remembers never end between two times that its marks are written down.
            self.save();
        }
    }

    /// Writes down what must survive a restart.
    fn save(&mut self) {
        self.log.extend(self.receiver.drain_marks().map(|mark| mark.encode()));
        self.judge.save();
    }

    /// Another receiver takes up what was written down: after a crash, gracefully, or from a log made anew.
    fn restart(&mut self, script: &mut Script<'_>) {
        let crash = match script.below(3) {
            0 => true,
            1 => {
                self.save();
                false
            }
            _ => {
                self.log = self.receiver.all_marks().map(|mark| mark.encode()).collect();
                self.judge.save();
                false
            }
        };
        let before = remembered(&self.receiver);
        self.retire();
        self.receiver = receiver_with(self.ring);
        for mark in &self.log {
            let mark = Mark::decode(mark).expect("it was a mark");
            self.receiver.restore(&mark, self.now_us);
        }
        assert_eq!(self.receiver.poll_event(), None, "a restart tells something");
        if !crash {
            assert_eq!(remembered(&self.receiver), before, "another state than was written down");
        }
        self.judge.restart();
    }

    /// Ends the life of a receiver.
    fn retire(&mut self) {
        self.judge.conclude(&self.receiver);
        self.counted.push(self.receiver.counters());
    }

    /// Delivers what nobody with a key has sealed.
    fn deliver_nonsense(&mut self, datagram: &[u8]) {
        let result = self.receiver.handle_datagram(datagram, self.now_us);
        assert!(result.is_err(), "a forged datagram was accepted");
        self.judge.datagram(result);
        self.hear();
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
        self.hear();
        let next = self.receiver.poll_at();
        assert!(next.is_none_or(|at| at > self.now_us), "it wants to be called although nothing is due");
        assert!(next.is_none_or(|at| at <= self.now_us + CONFIG.hold_us), "it waits longer than it may");
    }

    /// After the longest wait nothing is held back any more.
    fn settle(&mut self) {
        self.now_us += CONFIG.hold_us;
        self.let_time_pass();
        assert_eq!(self.receiver.poll_at(), None, "something is held for ever");
    }
}

fn sender(&Origin { diode, boot, suite, code: (data, parity), key }: &Origin) -> Sender {
    let blocks = BlockConfig {
        geometry: Geometry::new(data, parity).expect("they are small"),
        parity_min: 1,
        latency_us_max: 500,
        span_us: 2000,
        blocks_max: 3,
    };
    let class = ClassConfig { blocks, weight: 1, queue_bytes_max: 4096, history_bytes_max: 1 };
    let mut config = SenderConfig { suite, ..SenderConfig::new(diode, 100_000_000) };
    (config.alarm, config.telemetry, config.bulk) = (class, class, class);
    (config.history.blocks, config.history.interval_us) = (blocks, 2000);
    Sender::new(&config, boot, &DiodeKey(key))
}

/// A receiver with the second diode's key, and a ring of the first's.
fn receiver_with(ring: usize) -> Receiver {
    let keys = KEY_RINGS[ring].iter().map(|&key| (DiodeId(1), DiodeKey(key)));
    Receiver::new(CONFIG, keys.chain([(DiodeId(2), DiodeKey(BOOTS[3].key))]))
}

/// What a receiver remembers, but for what it would know anyway.
fn remembered(receiver: &Receiver) -> Vec<String> {
    let is_news = |mark: &Mark| !matches!(mark, Mark::Next { next: 0, .. });
    let mut marks: Vec<_> = receiver.all_marks().filter(is_news).map(|mark| format!("{mark:?}")).collect();
    marks.sort();
    marks
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
            for (name, count) in play(&seed).iter().flat_map(ReceiverCounters::named) {
                let total: &mut u64 = totals.entry(name).or_default();
                *total = total.saturating_add(count);
            }
        }
        let never: Vec<_> = totals.iter().filter(|(_, total)| **total == 0).collect();
        assert_eq!(never, [], "{totals:?}");
    }
}
