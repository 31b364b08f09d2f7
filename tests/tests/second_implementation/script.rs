//! What is said to the decoder: records, names, heads, a stream and a file.

use noreturn_tests::random::Random;
use noreturn_wire::frame::SHARD_BYTES_MAX;
use noreturn_wire::{
    Announce, Bytes, Class, Fault, FileId, FilePart, FileStep, Heads, Message, Quality, Record, SourceId,
    StreamId, StreamPart, StreamStep, TimeQuality, Value,
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// One message is sent every millisecond until here.
const LIVE_MS: u64 = 400;
const SOURCES: u64 = 12;

/// Something that is said, and what the decoder should say of it, if it says it at all.
pub struct Said {
    pub class: Class,
    pub message: Vec<u8>,
    pub kept: bool,
    pub json: Option<Json>,
}

fn said(class: Class, message: &Message<'_>, json: Option<Json>) -> Said {
    let bytes = message.encode(&mut [0; SHARD_BYTES_MAX]).unwrap().to_vec();
    Said { class, message: bytes, kept: message.is_kept(), json }
}

fn record(number: u64, sequence: u64, random: &mut Random) -> Said {
    let bits = random.draw();
    let (value, value_json) = match number % 5 {
        0 => (Value::Bool(bits & 1 == 1), json!(bits & 1 == 1)),
        1 => (Value::I64(bits as i64), json!(bits as i64)),
        2 => (Value::U64(bits), json!(bits)),
        3 => (Value::None, Json::Null),
        _ => (Value::F64(bits as i32 as f64 / 1000.0), json!(bits as i32 as f64 / 1000.0)),
    };
    let bad = number.is_multiple_of(7);
    let quality = if bad { Quality::Bad(Fault::Exception(2)) } else { Quality::Good };
    let (source, acquired_us) = (number % SOURCES, 1_700_000_000_000_000 + number);
    let time = number as u8;
    let time_quality = TimeQuality::from_byte(time);
    let record =
        Record { source: SourceId(source as u32), sequence, acquired_us, time_quality, quality, value };
    let class = [Class::Alarm, Class::Telemetry, Class::Telemetry, Class::Bulk][number as usize % 4];
    let json = json!({"kind": "record", "source": source, "sequence": sequence, "acquired_us": acquired_us,
        "time_source": (["none", "rtc", "sntp", "gps"][usize::from(time >> 6)]),
        "time_uncertainty_us": (time & 63 != 63).then(|| 1_u64 << (time & 63)),
        "quality": if bad { "exception-2" } else { "good" }, "value": value_json});
    said(class, &Message::Record(record), Some(json))
}

/// Contents of the stream and the file.
pub fn contents(random: &mut Random) -> Vec<u8> {
    (0..6000).map(|_| random.draw() as u8).collect()
}

/// The steps of a stream, in order.
fn stream(contents: &[u8]) -> Vec<Said> {
    let data = contents
        .chunks(300)
        .enumerate()
        .map(|(at, bytes)| StreamStep::Data { offset: at as u64 * 300, bytes: Bytes(bytes) });
    let last = StreamStep::Close(contents.len() as u64);
    let steps = [StreamStep::Open("plc:502")].into_iter().chain(data).chain([last]);
    let parts = steps.enumerate().map(|(sequence, step)| (sequence as u64, step));
    let head = (22, StreamStep::Head);
    let parts =
        parts.chain([head]).map(|(sequence, step)| StreamPart { stream: StreamId(5), sequence, step });
    parts.map(|part| said(Class::Bulk, &Message::Stream(part), None)).collect()
}

/// The pieces of a file; its description comes first, and again.
fn file(contents: &[u8]) -> Vec<Said> {
    let (length, sha256) = (contents.len() as u64, Sha256::digest(contents).into());
    let about = FileStep::About { name: "trend.csv", length, sha256 };
    let mut steps = vec![about];
    for (at, bytes) in contents.chunks(400).enumerate() {
        steps.push(FileStep::Data { offset: at as u64 * 400, bytes: Bytes(bytes) });
    }
    steps.push(about);
    let message = |step| said(Class::Bulk, &Message::File(FilePart { file: FileId(3), step }), None);
    steps.into_iter().map(message).collect()
}

/// Everything that is said, in order.
pub fn script(random: &mut Random) -> Vec<Said> {
    let contents = contents(random);
    let (mut stream, mut file) = (stream(&contents).into_iter(), file(&contents).into_iter());
    let mut next = [0; SOURCES as usize];
    let mut script: Vec<Said> = (0..LIVE_MS)
        .map(|number| match number % 20 {
            4 => {
                let announce = Announce { source: SourceId(number as u32), name: "plc-1/level", unit: "m" };
                let json = json!({"kind": "announce", "source": number, "name": "plc-1/level", "unit": "m"});
                said(Class::Telemetry, &Message::Announce(announce), Some(json))
            }
            9 | 14 => stream.next().unwrap_or_else(|| heads(&next)),
            6 | 16 => file.next().unwrap_or_else(|| heads(&next)),
            _ => {
                let sequence = &mut next[(number % SOURCES) as usize];
                *sequence += 1;
                record(number, *sequence - 1, random)
            }
        })
        .collect();
    assert!(stream.len() + file.len() == 0, "there is no time for all of the stream and the file");
    script.push(heads(&next));
    script
}

fn heads(next: &[u64]) -> Said {
    let message = Message::Heads(Heads { first: SourceId(0), next: next.iter().copied().collect() });
    said(Class::Telemetry, &message, Some(json!({"kind": "heads", "first": 0, "next": next})))
}
