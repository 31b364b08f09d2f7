//! Drives a poller by arbitrary bytes and asserts what must always hold. For property tests and
//! fuzzing; nothing in the image calls it.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use noreturn_image_format::config::modbus::{Device, Encoding, Function, Point, Read, WordOrder};
use noreturn_wire::{Counter, Counters, Fault, Quality, SourceId, TimeQuality, Value};

use super::adu::REQUEST_BYTES;
use super::poller::{Action, Poller};
use crate::output::{Now, Output, Sample};
use crate::sequencer::Sequencer;

/// Source that carries the state of the device in [`device`].
const STATUS: u32 = 0;
/// Sources of the device in [`device`].
const SOURCES: usize = 7;
/// Actions that one report may cause at most: close, connect, send.
const ACTIONS_MAX: usize = 3;

/// Runs a whole script from boot on and returns what was counted.
///
/// Each step is one byte that says what happens, and bytes that say how: time passes, the
/// connection is made, refused or closed, arbitrary bytes come, or a true, damaged or exception
/// reply to the last request comes, fragmented.
///
/// # Panics
/// If the poller breaks its contract: see the messages of the assertions.
pub fn exercise(script: &[u8]) -> Counters {
    let mut script = script.iter().copied();
    let mut exercise = Exercise::new();
    exercise.carry_out();
    while let Some(step) = script.next() {
        exercise.step(step, &mut script);
        exercise.carry_out();
    }
    exercise.judge.counters
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    None,
    Connecting,
    Up,
}

struct Exercise {
    poller: Poller,
    now: Now,
    line: Line,
    judge: Judge,
}

impl Exercise {
    fn new() -> Self {
        let now = Now { uptime_us: 1_000, clock_us: 1_700_000_000_000_000, time_quality: TimeQuality::NONE };
        let judge = Judge::new(device());
        Self { poller: Poller::new(device(), now.uptime_us), now, line: Line::None, judge }
    }

    fn step(&mut self, step: u8, script: &mut impl Iterator<Item = u8>) {
        let mut parameter = || script.next().unwrap_or(0);
        match step % 8 {
            0 => self.pass(u64::from(parameter()) * 500),
            1 => self.pass(self.poller.poll_at().saturating_sub(self.now.uptime_us)),
            2 => self.connected(),
            3 => self.poller.handle_refused(self.now, &mut self.judge),
            4 => self.poller.handle_closed(self.now, &mut self.judge),
            5 => {
                let bytes: Vec<u8> = (0..parameter() % 32).map(|_| parameter()).collect();
                self.receive(&bytes);
            }
            6 => {
                let (split, fill) = (parameter(), parameter());
                self.reply(split, |reply| reply.iter_mut().skip(9).for_each(|byte| *byte = fill));
            }
            _ => {
                let (split, place, damage) = (parameter(), parameter(), parameter());
                self.reply(split, |reply| spoil(reply, place, damage));
            }
        }
    }

    fn pass(&mut self, us: u64) {
        // No deadline of the device lies further ahead than an hour.
        assert!(us < 3_600_000_000, "the poller wants to be called in {us} us");
        self.now.uptime_us += us;
        self.now.clock_us += us;
    }

    fn connected(&mut self) {
        if self.line == Line::Connecting {
            self.line = Line::Up;
        }
        self.poller.handle_connected();
    }

    /// A reply to the last request, changed by `change`, in two fragments.
    fn reply(&mut self, split: u8, change: impl Fn(&mut Vec<u8>)) {
        let Some(request) = self.judge.sent else { return };
        let mut reply = whole_reply(&request);
        change(&mut reply);
        let (first, second) = reply.split_at(usize::from(split) % (reply.len() + 1));
        self.receive(first);
        self.receive(second);
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.judge.received.extend_from_slice(bytes);
        let answered = self.judge.answered();
        self.poller.handle_bytes(bytes, self.now, &mut self.judge);
        if self.judge.answered() != answered {
            self.judge.sent = None;
        }
    }

    fn carry_out(&mut self) {
        for _ in 0..ACTIONS_MAX {
            match self.poller.poll(self.now, &mut self.judge) {
                None => break,
                Some(Action::Connect) => {
                    assert_eq!(self.line, Line::None, "connects over a connection");
                    self.line = Line::Connecting;
                }
                Some(Action::Close) => {
                    assert_ne!(self.line, Line::None, "closes what is closed");
                    self.line = Line::None;
                    self.judge.sent = None;
                }
                Some(Action::Send(request)) => {
                    assert_eq!(self.line, Line::Up, "sends without a connection");
                    assert_eq!(self.judge.sent, None, "sends while a request is outstanding");
                    self.judge.sent = Some(request);
                    self.judge.received.clear();
                }
            }
        }
        assert_eq!(self.poller.poll(self.now, &mut self.judge), None, "acts without end");
        assert!(self.poller.poll_at() > self.now.uptime_us, "wants to be called although nothing is due");
    }
}

/// Sees every sample, and knows what was sent and received.
struct Judge {
    reads: Vec<Read>,
    sequencer: Sequencer,
    told: Vec<Vec<Sample>>,
    counters: Counters,
    sent: Option<[u8; REQUEST_BYTES]>,
    received: Vec<u8>,
}

impl Judge {
    fn new(device: Device) -> Self {
        Self {
            reads: device.reads,
            sequencer: Sequencer::new(SOURCES),
            told: vec![Vec::new(); SOURCES],
            counters: Counters::default(),
            sent: None,
            received: Vec::new(),
        }
    }

    fn answered(&self) -> u64 {
        self.counters.get(Counter::ModbusReplies) + self.counters.get(Counter::ModbusException)
    }

    /// Whether the bytes since the request start with its reply, byte for byte, and ask for `source`.
    fn is_answer_for(&self, source: SourceId) -> bool {
        let Some(request) = self.sent else { return false };
        let expected = whole_reply(&request);
        let header_fits =
            self.received.get(..9) == expected.get(..9) && self.received.len() >= expected.len();
        let asks = |read: &Read| read.address.to_be_bytes() == [request[8], request[9]];
        let holds = |read: &Read| read.points.iter().any(|point| SourceId(point.source) == source);
        header_fits && self.reads.iter().any(|read| asks(read) && holds(read))
    }
}

impl Output for Judge {
    fn sample(&mut self, sample: Sample) {
        let place = sample.source.0 as usize;
        let earlier = &self.told[place];
        let sequence = self.sequencer.record(sample).map(|record| record.sequence);
        assert_eq!(sequence, Some(earlier.len() as u64), "the sequence has a hole");
        if let Some(last) = earlier.last() {
            assert!(last.acquired_us <= sample.acquired_us, "time goes back");
            let repeats = last.quality == sample.quality;
            let repeatable = sample.source.0 != STATUS
                && matches!(sample.quality, Quality::Good | Quality::Bad(Fault::NotANumber));
            assert!(!repeats || repeatable, "{sample:?} is no news");
        }
        let good = sample.quality == Quality::Good;
        if sample.source.0 == STATUS {
            assert_eq!(sample.value, Value::Bool(good), "status and its quality disagree");
        } else {
            assert_eq!(sample.value != Value::None, good, "value and quality disagree");
            assert!(!good || self.is_answer_for(sample.source), "{sample:?} without a reply");
        }
        self.told[place].push(sample);
    }

    fn count(&mut self, counter: Counter, by: u64) {
        self.counters.add(counter, by);
    }
}

/// The reply to `request` with data of zeros.
fn whole_reply(request: &[u8; REQUEST_BYTES]) -> Vec<u8> {
    let count = usize::from(u16::from_be_bytes([request[10], request[11]]));
    let data_bytes = if request[7] <= 2 { count.div_ceil(8) } else { count * 2 };
    let mut reply = request[..8].to_vec();
    reply.push(data_bytes as u8);
    reply.resize(9 + data_bytes, 0);
    reply[5] = reply.len() as u8 - 6;
    reply
}

/// Makes an exception of a reply, shortens it, or changes one byte of it.
fn spoil(reply: &mut Vec<u8>, place: u8, damage: u8) {
    match damage {
        0..64 => {
            reply[7] |= 0x80;
            reply[5] = 3;
            reply.truncate(9);
        }
        64..96 => {
            reply.truncate(10);
            (reply[5], reply[8]) = (4, 1);
        }
        _ => {
            let place = usize::from(place) % reply.len();
            reply[place] ^= damage;
        }
    }
}

/// A device with every encoding, and periods that collide.
#[must_use]
pub fn device() -> Device {
    let point = |source, offset, encoding| Point { source, offset, encoding, scale: 1.0 };
    let registers = vec![
        point(1, 0, Encoding::U16),
        point(2, 1, Encoding::F32(WordOrder::LowFirst)),
        Point { scale: 0.5, ..point(3, 3, Encoding::I32(WordOrder::HighFirst)) },
    ];
    let read =
        |function, address, count, period_ms, points| Read { function, address, count, period_ms, points };
    Device {
        name: String::from("exercised"),
        address: Ipv4Addr::LOCALHOST,
        mac: None,
        port: 502,
        unit: 17,
        timeout_ms: 50,
        backoff_ms_min: 20,
        backoff_ms_max: 100,
        status: STATUS,
        reads: vec![
            read(Function::HoldingRegisters, 100, 5, 100, registers),
            read(Function::Coils, 7, 9, 70, vec![point(4, 0, Encoding::Bit), point(5, 8, Encoding::Bit)]),
            read(Function::InputRegisters, 0xffff, 1, 1000, vec![point(6, 0, Encoding::I16)]),
        ],
    }
}
