//! `docs/protocol.md` is enough to write another receiver: one in Python, written from it, decodes a capture of
//! the sender's frames, with losses that only parity can mend.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Stdio};

use noreturn_fec::Geometry;
use noreturn_link::{DiodeKey, Sender, SenderConfig};
use noreturn_tests::random::Random;
use noreturn_tests::repository;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{
    Announce, Beacon, Body, BootId, CardModel, Counter, Counters, DiodeId, Fault, Header, Heads, Message,
    OutsideCard, Quality, Record, SourceId, Value,
};
use serde_json::{Value as Json, json};

const KEY: [u8; 32] = [0x5a; 32];

fn sender(seed: u64) -> Sender {
    let config = SenderConfig {
        diode: DiodeId(77),
        geometry: Geometry::new(6, 3).unwrap(),
        latency_us_max: 20_000,
        rate_bytes_per_s: 10_000_000,
        burst_bytes: 1 << 20,
        copies: 1,
        queue_bytes_max: 1 << 16,
    };
    Sender::new(&config, BootId(seed.to_be_bytes().repeat(2).try_into().unwrap()), &DiodeKey(KEY))
}

/// The message, and what a decoder should say of it.
fn message(number: u64, random: &mut Random) -> (Message<'static>, Json) {
    let source = SourceId(random.below(400) as u32);
    if number % 10 == 9 {
        let announce = Message::Announce(Announce { source, name: "plc-1/tank/level", unit: "m" });
        return (
            announce,
            json!({"kind": "announce", "source": source.0, "name": "plc-1/tank/level", "unit": "m"}),
        );
    }
    if number % 10 == 4 {
        let next = [number, 300, 0];
        let heads = Message::Heads(Heads { first: source, next: next.into_iter().collect() });
        return (heads, json!({"kind": "heads", "first": source.0, "next": next}));
    }
    let bits = random.draw();
    let (value, value_json) = match number % 5 {
        0 => (Value::Bool(bits & 1 == 1), json!(bits & 1 == 1)),
        1 => (Value::I64(bits as i64), json!(bits as i64)),
        2 => (Value::U64(bits), json!(bits)),
        _ => (Value::F64(bits as i32 as f64 / 1000.0), json!(bits as i32 as f64 / 1000.0)),
    };
    let bad = number.is_multiple_of(7);
    let quality = if bad { Quality::Bad(Fault::Exception(2)) } else { Quality::Good };
    let record =
        Record { source, sequence: number, acquired_us: 1_700_000_000_000_000 + number, quality, value };
    let said = json!({"kind": "record", "source": source.0, "sequence": number, "acquired_us": record.acquired_us,
        "quality": if bad { "exception-2" } else { "good" }, "value": value_json});
    (Message::Record(record), said)
}

fn beacon() -> Beacon {
    let mut counters = Counters::default();
    counters.set(Counter::Records, 12_345);
    let outside = OutsideCard {
        model: CardModel::IntelE1000e,
        link_up: true,
        firmware_left_receiver_on: false,
        firmware_frames_received: Some(236),
    };
    Beacon { image_sha256: [1; 32], config_sha256: [2; 32], uptime_us: 99, clock_us: 300, outside, counters }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Frames of everything, and what was in them.
fn capture(random: &mut Random) -> (Vec<Vec<u8>>, Vec<Json>) {
    let mut sender = sender(random.draw());
    let (mut frames, mut said) = (Vec::new(), Vec::new());
    let mut buffer = [0; FRAME_BYTES_MAX];
    for number in 0..300 {
        let (message, json) = message(number, random);
        sender.push(message.encode(&mut [0; 512]).unwrap()).unwrap();
        said.push(json);
        if number == 150 {
            sender.set_beacon(&beacon());
        }
        // Sometimes the deadline closes a block early.
        let now_us = number * random.below(2) * 100 + number * 4_000;
        while let Some(length) = sender.poll_transmit(now_us, &mut buffer) {
            frames.push(buffer[..length].to_vec());
        }
    }
    while let Some(length) = sender.poll_transmit(10_000_000, &mut buffer) {
        frames.push(buffer[..length].to_vec());
    }
    (frames, said)
}

/// Loses one data frame of every block, and damages a parity frame where two are left.
fn disturb(frames: &mut Vec<Vec<u8>>) -> usize {
    let before = frames.len();
    frames.retain(|frame| !matches!(Header::parse(frame).unwrap().0.body, Body::Data { block, index, .. } if u64::from(index) == block % 3));
    for frame in frames.iter_mut() {
        if let Body::Parity { index: 1, .. } = Header::parse(frame).unwrap().0.body {
            *frame.last_mut().unwrap() ^= 1;
        }
    }
    before - frames.len()
}

#[test]
fn a_decoder_written_from_the_document_reads_what_the_sender_sent() {
    let mut random = Random(42);
    let (mut frames, said) = capture(&mut random);
    let lost = disturb(&mut frames);
    assert!(lost > 20, "only {lost} frames lost");
    let decoder = repository::root().join("tests/peers/decoder.py");
    let mut child = Command::new("python3")
        .arg(decoder)
        .arg(hex(&KEY))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let text: String = frames.iter().map(|frame| hex(frame) + "\n").collect();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut decoded: Vec<Json> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = decoded.pop().unwrap();
    assert_eq!((&last["kind"], &last["counters"][15]), (&json!("beacon"), &json!(12_345)), "{last}");
    assert_eq!(last["image_sha256"], hex(&[1; 32]));
    assert_eq!(decoded, said);
}
