//! What a box says that has the key: frames, blocks, records, steps and times of any number, sealed as no sender seals them.

use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::object::OBJECT_BYTES_MAX;
use noreturn_wire::{
    Announce, Attestation, Beacon, Body, BootId, Bytes, Class, ClockState, Code, Counter, FileId, FilePart,
    FileStep, Header, Heads, Message, Quality, Record, Release, SourceId, StreamId, StreamPart, StreamStep,
    Suite, TimeQuality, TimeSource, Value,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use super::{BOOTS, DIODE, KEY};

const SOURCES: u32 = 3;
const I64_MAX: u64 = i64::MAX as u64;
/// Where arithmetic ends, and the numbers around that.
const ENDS: [u64; 11] = [
    0,
    1,
    u32::MAX as u64,
    1 << 32,
    (1 << 62) - 1,
    1 << 62,
    I64_MAX - 1,
    I64_MAX,
    i64::MIN as u64,
    u64::MAX - 1,
    u64::MAX,
];

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// A frame comes, with the next number or with any.
    Frame { boot: u8, frame: Option<u64>, content: Content },
    /// Time passes.
    Wait(u64),
    /// The daemon ends and starts again.
    Restart,
}

/// What is in a frame.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Data { class: Class, block: u64, messages: Vec<Owned> },
    Parity { class: Class, block: u64, bytes: Vec<u8> },
    Beacon(Box<Beacon>),
}

/// A message that owns its parts.
#[derive(Clone, Debug)]
pub(super) enum Owned {
    Record(Record),
    Announce(u32),
    Heads(u32, Vec<u64>),
    Stream(u32, u64, Step),
    File(u32, FileDoes),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Open,
    Data(u64),
    Close(u64),
    Abort(u64),
    Head,
}

#[derive(Clone, Debug)]
pub(super) enum FileDoes {
    About(u64),
    Data(u64),
    Abort,
}

impl Content {
    /// Source, sequence number and time of the records in it.
    pub(super) fn records(&self) -> Vec<(u64, u64, u64)> {
        let Self::Data { messages, .. } = self else { return Vec::new() };
        let record = |message: &Owned| match message {
            Owned::Record(record) => Some((record.source.0.into(), record.sequence, record.acquired_us)),
            _ => None,
        };
        messages.iter().filter_map(record).collect()
    }
}

impl Owned {
    fn append(&self, payload: &mut Vec<u8>) {
        let message = match *self {
            Self::Record(record) => Message::Record(record),
            Self::Announce(source) => {
                Message::Announce(Announce { source: SourceId(source), name: "level", unit: "m" })
            }
            Self::Heads(first, ref next) => {
                Message::Heads(Heads { first: SourceId(first), next: next.iter().copied().collect() })
            }
            Self::Stream(stream, sequence, ref step) => {
                Message::Stream(StreamPart { stream: StreamId(stream), sequence, step: step.on_the_wire() })
            }
            Self::File(file, ref does) => {
                Message::File(FilePart { file: FileId(file), step: does.on_the_wire() })
            }
        };
        payload.extend_from_slice(message.encode(&mut [0; FRAME_BYTES_MAX]).expect("a message that may be"));
    }
}

impl Step {
    fn on_the_wire(&self) -> StreamStep<'_> {
        match *self {
            Self::Open => StreamStep::Open("plc"),
            Self::Data(offset) => {
                StreamStep::Data { offset: offset.min(OBJECT_BYTES_MAX - 1), bytes: Bytes(b"x") }
            }
            Self::Close(length) => StreamStep::Close(length.min(OBJECT_BYTES_MAX)),
            Self::Abort(length) => StreamStep::Abort(length.min(OBJECT_BYTES_MAX)),
            Self::Head => StreamStep::Head,
        }
    }
}

impl FileDoes {
    fn on_the_wire(&self) -> FileStep<'_> {
        match *self {
            Self::About(length) => {
                FileStep::About { name: "trend", length: length.min(OBJECT_BYTES_MAX), sha256: [0; 32] }
            }
            Self::Data(offset) => {
                FileStep::Data { offset: offset.min(OBJECT_BYTES_MAX - 1), bytes: Bytes(b"x") }
            }
            Self::Abort => FileStep::Abort,
        }
    }
}

/// An authentic frame (docs/protocol.md).
pub(super) fn seal(boot: u8, frame: u64, content: Content) -> Vec<u8> {
    let code = Code::new(2, 2).expect("there is such a code");
    let mut payload = Vec::new();
    let body = match content {
        Content::Data { class, block, messages } => {
            messages.iter().for_each(|message| message.append(&mut payload));
            Body::Data { class, block, index: 0, code }
        }
        Content::Parity { class, block, bytes } => {
            payload = bytes;
            Body::Parity { class, block, index: 0, data_sent: 2, code }
        }
        Content::Beacon(beacon) => {
            payload.extend_from_slice(beacon.encode(&mut [0; FRAME_BYTES_MAX]).expect("it fits"));
            Body::Beacon
        }
    };
    let boot = BootId([boot; 16]);
    let suite = Suite::ChaCha20Poly1305;
    let header = Header { suite, diode: DIODE, boot, frame, body }.emit(&KEY.header_key(DIODE));
    let mut key = [0; 32];
    let info: [&[u8]; 3] = [b"noreturn 2 frame", &[suite as u8], &DIODE.0.to_be_bytes()];
    let derived = Salt::new(HKDF_SHA256, &boot.0).extract(&KEY.0);
    derived.expand(&info, HKDF_SHA256).and_then(|okm| okm.fill(&mut key)).expect("32 bytes");
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).expect("32 bytes"));
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&frame.to_be_bytes());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut payload)
        .expect("it is short");
    [&header[..], &payload].concat()
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => select(&ENDS[..]), 3 => 0..6_u64, 1 => any::<u64>()]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(vec![i64::MIN, -1, i64::MAX]).prop_map(Value::I64),
        number().prop_map(Value::U64),
        any::<f64>().prop_map(Value::F64),
        Just(Value::None),
    ]
}

fn record() -> impl Strategy<Value = Owned> {
    (0..SOURCES, number(), number(), any::<u8>(), value()).prop_map(
        |(source, sequence, acquired_us, time, value)| {
            Owned::Record(Record {
                source: SourceId(source),
                sequence,
                acquired_us,
                time_quality: TimeQuality::from_byte(time),
                quality: Quality::Good,
                value,
            })
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Open),
        number().prop_map(Step::Data),
        number().prop_map(Step::Close),
        number().prop_map(Step::Abort),
        Just(Step::Head),
    ]
}

fn message() -> impl Strategy<Value = Owned> {
    let any_id = prop_oneof![4 => 0..SOURCES, 1 => Just(u32::MAX), 1 => any::<u32>()];
    let file = prop_oneof![
        number().prop_map(FileDoes::About),
        number().prop_map(FileDoes::Data),
        Just(FileDoes::Abort),
    ];
    prop_oneof![
        4 => record(),
        1 => any_id.clone().prop_map(Owned::Announce),
        2 => (any_id.clone(), vec(number(), 1..4)).prop_map(|(first, next)| Owned::Heads(first, next)),
        3 => (any_id.clone(), number(), step()).prop_map(|(id, at, step)| Owned::Stream(id, at, step)),
        2 => (any_id, file).prop_map(|(id, does)| Owned::File(id, does)),
    ]
}

fn beacon() -> impl Strategy<Value = Content> {
    let version = select(vec![0, 1, u32::MAX]);
    (number(), number(), number(), prop::option::of(number()), version).prop_map(
        |(uptime_us, clock_us, steps, uncertainty_us, version)| {
            let mut beacon = Beacon {
                uptime_us,
                clock_us,
                clock: ClockState { source: TimeSource::Gps, uncertainty_us, steps },
                release: Release { version, ..Release::default() },
                attestation: Attestation::Pending,
                ..Beacon::default()
            };
            Counter::ALL.iter().for_each(|&counter| beacon.counters.set(counter, steps));
            Content::Beacon(beacon.into())
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let class = select(&Class::ALL[..]);
    prop_oneof![
        8 => (class.clone(), number(), vec(message(), 1..6))
            .prop_map(|(class, block, messages)| Content::Data { class, block, messages }),
        1 => (class, number(), vec(any::<u8>(), 3..40))
            .prop_map(|(class, block, bytes)| Content::Parity { class, block, bytes }),
        2 => beacon(),
    ]
}

/// Anything that may happen.
pub(super) fn anything() -> impl Strategy<Value = Said> {
    let frame = prop_oneof![12 => Just(None), 1 => number().prop_map(Some)];
    prop_oneof![
        12 => (0..BOOTS, frame, content())
            .prop_map(|(boot, frame, content)| Said::Frame { boot, frame, content }),
        4 => prop_oneof![3 => select(vec![400_000, 2_000_000, 70_000_000]), 1 => number()].prop_map(Said::Wait),
        1 => Just(Said::Restart),
    ]
}
