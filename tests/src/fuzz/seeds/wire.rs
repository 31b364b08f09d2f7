//! Seeds of what crosses wires.

use noreturn_collect::modbus::exercise::device;
use noreturn_wire::attestation::{Point, QUOTED_PCRS};
use noreturn_wire::crossing::{
    CROSSING_BYTES_MAX, ClockReading, encode_clock, encode_counters, encode_message,
};
use noreturn_wire::frame::SHARD_BYTES_MAX;
use noreturn_wire::{
    Announce, Attestation, Beacon, Body, BootId, CardModel, Class, ClockState, Code, Counter, Counters,
    DiodeId, DmaFence, Fault, FloorMemory, Header, HeaderKey, Heads, LastStop, Message, OutsideCard, Quality,
    Quote, Record, Release, SourceId, Suite, TimeQuality, TimeSource, Value, Watchdog,
};

use super::Seed;

const SOURCE: SourceId = SourceId(300);
const CLOCK: ClockState = ClockState { source: TimeSource::Sntp, uncertainty_us: Some(3000), steps: 1 };
const TIME: TimeQuality = TimeQuality::new(TimeSource::Gps, Some(500_000));

pub(super) fn frames() -> Vec<Seed> {
    let code = Code::new(10, 4).expect("there is such a code");
    let class = Class::Telemetry;
    let bodies = [
        ("data", Body::Data { class, block: 5, index: 9, code }),
        ("parity", Body::Parity { class: Class::Alarm, block: u64::MAX, index: 3, data_sent: 10, code }),
        ("beacon", Body::Beacon),
    ];
    let frame = |body| {
        let (suite, boot) = (Suite::default(), BootId([0xab; 16]));
        let header = Header { suite, diode: DiodeId(7), boot, frame: 1 << 40, body };
        [&header.emit(&HeaderKey([7; 16]))[..], &[0x55; 17]].concat()
    };
    let mut seeds: Vec<Seed> = bodies.map(|(name, body)| (name, frame(body))).into();
    let data = seeds[0].1.clone();
    seeds.push(("short", data[..72].to_vec()));
    seeds.push(("longest", [&data[..], &[0; 1399]].concat()));
    seeds.push(("too-long", [&data[..], &[0; 1400]].concat()));
    seeds
}

pub(super) fn messages() -> Vec<Seed> {
    let record = |quality, value| {
        Message::Record(Record {
            source: SOURCE,
            sequence: 70_000,
            acquired_us: 1 << 50,
            time_quality: TIME,
            quality,
            value,
        })
    };
    let bad = |fault| record(Quality::Bad(fault), Value::None);
    let faults = [
        Fault::ConnectTimeout,
        Fault::ConnectRefused,
        Fault::Disconnected,
        Fault::ReplyTimeout,
        Fault::Exception(4),
        Fault::ShortReply,
        Fault::WrongReply,
        Fault::NotANumber,
    ];
    let values =
        [Value::Bool(true), Value::I64(-3), Value::U64(u64::MAX), Value::F64(0.1), Value::F64(f64::NAN)];
    let announce = Announce { source: SOURCE, name: "plc-1/tank1/level", unit: "°C" };
    let longest = Announce { name: &"n".repeat(96), unit: &"u".repeat(16), ..announce };
    let heads = Heads { first: SourceId(u32::MAX), next: [0, 1, u64::MAX].into_iter().collect() };
    let most = Heads { first: SOURCE, next: (0..64).collect() };
    vec![
        ("values", shard(values.map(|value| record(Quality::Good, value)))),
        ("faults", shard(faults.map(bad))),
        ("announce", shard([Message::Announce(announce)])),
        ("announce-longest", shard([Message::Announce(longest)])),
        ("heads", shard([Message::Heads(heads)])),
        ("heads-most", shard([Message::Heads(most)])),
        ("beacon", beacon()),
        ("crossing-clock", crossing_clock()),
        ("crossing-counters", crossing_counters()),
        ("crossing-message", crossing_message(&bad(Fault::ReplyTimeout))),
    ]
}

fn shard<'a>(messages: impl IntoIterator<Item = Message<'a>>) -> Vec<u8> {
    let mut buffer = [0; SHARD_BYTES_MAX];
    let encode = |message: Message<'_>| message.encode(&mut buffer).expect("it fits").to_vec();
    messages.into_iter().flat_map(encode).collect()
}

fn beacon() -> Vec<u8> {
    let outside = OutsideCard {
        model: CardModel::VirtioNet,
        link_up: true,
        firmware_left_receiver_on: true,
        firmware_frames_received: None,
    };
    let beacon = Beacon {
        image_sha256: [0x11; 32],
        config_sha256: [0x22; 32],
        site_sha256: [0x33; 32],
        cards_pinned: true,
        reset_count: Some(300),
        release: Release { version: 300, floor: 7, memory: FloorMemory::Kept(6) },
        uptime_us: 1_000_000,
        clock_us: 1_700_000_000_000_000,
        outside,
        last_stop: LastStop::Exception { vector: 14 },
        watchdog: Watchdog::I6300esb,
        dma_fence: DmaFence::Active,
        clock: CLOCK,
        counters: counters(),
        attestation: Attestation::Quoted(quote()),
    };
    beacon.encode(&mut [0; SHARD_BYTES_MAX]).expect("it fits").to_vec()
}

fn quote() -> Quote {
    Quote {
        key: Point([3; 32], [4; 32]),
        pcrs: [[5; 32]; QUOTED_PCRS.len()],
        statement: b"\xffTCG".iter().copied().collect(),
        signature: Point([6; 32], [7; 32]),
    }
}

fn counters() -> Counters {
    let mut counters = Counters::default();
    counters.set(Counter::Records, u64::MAX);
    counters.set(Counter::LinkBytes, 1 << 33);
    counters
}

fn crossing_clock() -> Vec<u8> {
    let clock = ClockReading { uptime_us: 1_000_000, clock_us: 1_700_000_000_000_000, state: CLOCK };
    encode_clock(&clock, &mut [0; CROSSING_BYTES_MAX]).expect("it fits").to_vec()
}

fn crossing_counters() -> Vec<u8> {
    encode_counters(&counters(), &mut [0; CROSSING_BYTES_MAX]).expect("they fit").to_vec()
}

fn crossing_message(message: &Message<'_>) -> Vec<u8> {
    encode_message(Class::Telemetry, message, &mut [0; CROSSING_BYTES_MAX]).expect("it fits").to_vec()
}

/// Replies as the target reads them: streams start with a byte that says how they are cut.
pub(super) fn modbus_replies() -> Vec<Seed> {
    let replies: Vec<Vec<u8>> = device()
        .reads
        .iter()
        .map(|read| {
            let bits = read.function.reads_bits();
            let data_bytes = if bits { read.count.div_ceil(8) } else { read.count * 2 } as u8;
            let pdu = [&[read.function as u8, data_bytes][..], &vec![0x7f; data_bytes.into()]].concat();
            [&[0, 9, 0, 0, 0, pdu.len() as u8 + 1, 17][..], &pdu].concat()
        })
        .collect();
    let exception = [0, 9, 0, 0, 0, 3, 17, 0x83, 2];
    let stream = [&[6][..], &replies.concat(), &exception, &replies[0]].concat();
    let largest = [&[0, 9, 0, 0, 0, 254, 17, 3, 251][..], &[0xff; 251]].concat();
    vec![
        ("registers", replies[0].clone()),
        ("bits", replies[1].clone()),
        ("exception", exception.to_vec()),
        ("stream", stream),
        ("largest", largest),
        ("wrong-count", [0, 9, 0, 0, 0, 6, 17, 3, 2, 1, 2, 3].to_vec()),
        ("wrong-protocol", [0, 0, 9, 0, 1, 0, 3, 17, 3, 0].to_vec()),
        ("wrong-length", [0, 0, 9, 0, 0, 0, 255, 17, 3, 0].to_vec()),
    ]
}
