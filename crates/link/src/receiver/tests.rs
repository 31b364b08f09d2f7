//! What a box could send that has the key and tells lies: frames and numbers that no [`crate::Sender`] makes.

mod boots;
mod files;
mod order;
mod ranges;
mod restart;
mod shards;
mod streams;

use alloc::vec::Vec;

use noreturn_wire::frame::SHARD_BYTES_MAX;
use noreturn_wire::{Class, Code, Heads, Message, Quality, Record, SourceId, Suite, TimeQuality, Value};

use super::*;
use crate::key::FrameKey;

const DIODE: DiodeId = DiodeId(7);
const KEY: DiodeKey = DiodeKey([0x42; 32]);
const CODE: (u8, u8) = (2, 2);

fn receiver() -> Receiver {
    Receiver::new(ReceiverConfig { sessions_per_diode_max: 1, ..ReceiverConfig::default() }, [(DIODE, KEY)])
}

fn record(source: u32, sequence: u64) -> Message<'static> {
    let (quality, value) = (Quality::Good, Value::U64(sequence));
    Message::Record(Record {
        source: SourceId(source),
        sequence,
        acquired_us: 0,
        time_quality: TimeQuality::NONE,
        quality,
        value,
    })
}

fn heads(next: &[u64]) -> Message<'static> {
    Message::Heads(Heads { first: SourceId(0), next: next.iter().copied().collect() })
}

fn data(block: u64, index: u8) -> Body {
    let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
    Body::Data { class: Class::Telemetry, block, index, code }
}

/// An authentic frame of boot `boot`.
fn seal(boot: u8, frame: u64, body: Body, messages: &[Message<'_>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for message in messages {
        payload.extend_from_slice(message.encode(&mut [0; SHARD_BYTES_MAX]).expect("it fits"));
    }
    seal_raw(boot, frame, body, payload)
}

/// An authentic frame of any payload.
fn seal_raw(boot: u8, frame: u64, body: Body, payload: Vec<u8>) -> Vec<u8> {
    seal_with(Suite::default(), boot, frame, body, payload)
}

fn seal_with(suite: Suite, boot: u8, frame: u64, body: Body, mut payload: Vec<u8>) -> Vec<u8> {
    let boot = BootId([boot; 16]);
    let bytes = Header { suite, diode: DIODE, boot, frame, body }.emit(&KEY.header_key(DIODE));
    let tag = FrameKey::derive(&KEY, suite, DIODE, boot).seal(frame, &bytes, &mut payload);
    [&bytes[..], &payload, &tag].concat()
}

/// An honest diode without a network: every shard arrives at once.
struct Line {
    receiver: Receiver,
    now_us: u64,
    boot: u8,
    frame: u64,
}

impl Line {
    fn new(config: ReceiverConfig) -> Self {
        Self { receiver: Receiver::new(config, [(DIODE, KEY)]), now_us: 1_000_000, boot: 1, frame: 0 }
    }

    /// One data shard in a block of its own.
    fn send(&mut self, class: Class, messages: &[Message<'_>]) -> Result<(), Refusal> {
        let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
        let body = Body::Data { class, block: self.frame, index: 0, code };
        let frame = seal(self.boot, self.frame, body, messages);
        self.frame += 1;
        self.receiver.handle_datagram(&frame, self.now_us)
    }

    /// The same as live telemetry, which is accepted.
    fn tell(&mut self, messages: &[Message<'_>]) {
        assert_eq!(self.send(Class::Telemetry, messages), Ok(()));
    }

    /// The same from the history.
    fn repeat(&mut self, messages: &[Message<'_>]) {
        assert_eq!(self.send(Class::History, messages), Ok(()));
    }

    fn pass(&mut self, us: u64) {
        self.now_us += us;
        self.receiver.handle_timeout(self.now_us);
    }

    fn events(&mut self) -> Vec<EventKind> {
        events(&mut self.receiver)
    }

    fn counters(&self) -> ReceiverCounters {
        self.receiver.counters()
    }

    /// Another receiver that takes up what this one leaves, by way of bytes.
    fn restart(&mut self, marks: impl IntoIterator<Item = Mark>) {
        let mut next = Receiver::new(self.receiver.config, [(DIODE, KEY)]);
        for mark in marks {
            let mark = Mark::decode(&mark.encode()).expect("it was a mark");
            next.restore(&mark, 0);
        }
        self.receiver = next;
    }
}

/// Events but the start and the end of boots.
fn events(receiver: &mut Receiver) -> Vec<EventKind> {
    let events = core::iter::from_fn(|| receiver.poll_event()).map(|event| event.kind);
    events.filter(|kind| !matches!(kind, EventKind::Started | EventKind::Ended)).collect()
}

#[test]
fn the_last_frame_number_of_two_boots_is_counted() {
    let mut receiver = receiver();
    for boot in [1, 2, 3] {
        let last = seal(boot, u64::MAX, data(0, 0), &[record(0, 0)]);
        assert_eq!(receiver.handle_datagram(&last, 0), Err(Refusal::Replayed));
        let frame = seal(boot, u64::MAX - 1, data(0, 0), &[record(0, 0)]);
        assert_eq!(receiver.handle_datagram(&frame, 0), Ok(()));
        assert_eq!(receiver.handle_datagram(&frame, 0), Err(Refusal::Replayed));
        assert!(receiver.counters().frames_missing >= u64::MAX - 1);
    }
}

#[test]
fn the_last_sequence_number_is_never_delivered_twice() {
    let mut receiver = receiver();
    for frame in 0..3 {
        let frame = seal(1, frame, data(frame, 0), &[record(0, u64::MAX), heads(&[u64::MAX])]);
        assert_eq!(receiver.handle_datagram(&frame, 0), Ok(()));
        receiver.handle_timeout(1_000_000);
    }
    let gap = EventKind::Gap { source: SourceId(0), first: 0, last: u64::MAX - 1 };
    assert_eq!(events(&mut receiver), [gap]);
    assert_eq!(receiver.counters().records_impossible, 3);
}

#[test]
fn endless_gaps_of_two_sources_are_counted() {
    let mut receiver = receiver();
    let frame = seal(1, 0, data(0, 0), &[heads(&[u64::MAX, u64::MAX])]);
    assert_eq!(receiver.handle_datagram(&frame, 0), Ok(()));
    receiver.handle_timeout(1_000_000);
    assert_eq!(events(&mut receiver).len(), 2);
    assert_eq!(receiver.counters().records_missing, u64::MAX);
}

#[test]
fn the_last_block_can_be_completed() {
    let mut receiver = receiver();
    let limit = ReceiverConfig { shard_bytes_max: 1, ..receiver.config };
    receiver.config = limit;
    let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
    let (block, class) = (u64::MAX, Class::Telemetry);
    // The block before it is given up for it, so that it is the first that is open.
    let frames = [
        seal(1, 0, data(u64::MAX - 1, 0), &[record(0, 0)]),
        seal(1, 1, data(block, 0), &[record(0, 1)]),
        seal(1, 2, Body::Parity { class, block, index: 0, data_sent: 1, code }, &[record(0, 1)]),
    ];
    for frame in frames {
        assert_eq!(receiver.handle_datagram(&frame, 0), Ok(()));
    }
    assert_eq!(events(&mut receiver).len(), 2);
}

#[test]
fn a_recovered_shard_that_is_not_understood_costs_nothing_but_itself() {
    let geometry = noreturn_fec::Geometry::new(CODE.0, CODE.1).expect("there is such a geometry");
    let mut encoder = noreturn_fec::Encoder::new(noreturn_fec::Coefficients::new(geometry), 64);
    let good = record(0, 0).encode(&mut [0; 64]).expect("it fits").to_vec();
    for shard in [&[0xff; 8][..], &good] {
        let prefixed = [&crate::shard::length_prefix(shard.len())[..], shard].concat();
        assert!(encoder.add(&prefixed));
    }
    let mut receiver = receiver();
    let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
    let refusals = [0, 1].map(|index| {
        let body = Body::Parity { class: Class::Telemetry, block: 0, index, data_sent: 2, code };
        let parity = encoder.parity(index).expect("there are two").to_vec();
        receiver.handle_datagram(&seal_raw(1, u64::from(index), body, parity), 0)
    });
    assert_eq!(refusals, [Ok(()), Err(Refusal::Malformed)]);
    assert!(matches!(events(&mut receiver)[..], [EventKind::Record { arrival: Arrival::Parity, .. }]));
}
