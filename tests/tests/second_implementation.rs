//! `docs/protocol.md` is enough to write another receiver: one in Python, written from it, decodes a capture of
//! the sender's frames, with losses that only parity can mend, and an outage that only the history can.
#![allow(clippy::unwrap_used)]

#[path = "second_implementation/script.rs"]
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use noreturn_fec::Geometry;
use noreturn_link::{BlockConfig, ClassConfig, DiodeKey, Sender, SenderConfig};
use noreturn_tests::random::Random;
use noreturn_tests::repository;
use noreturn_wire::attestation::Point;
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{
    Attestation, Beacon, Body, BootId, CardModel, Class, ClockState, Counter, Counters, DiodeId, DmaFence,
    FloorMemory, Header, LastStop, OutsideCard, Quote, Release, Suite, TimeSource, Watchdog,
};
use script::{Said, contents, script};
use serde_json::{Value as Json, json};

const KEY: [u8; 32] = [0x5a; 32];
/// A key that the receiver has, too, and that has sealed nothing.
const OTHER_KEY: [u8; 32] = [0xa5; 32];
const MS: u64 = 1000;
/// When nothing arrives.
const OUTAGE_MS: std::ops::Range<u64> = 150..220;
/// The first pass over the history starts when everything else has been said, and is the only one.
const HISTORY_MS: u64 = 1000;
const END_MS: u64 = 2 * HISTORY_MS - 1;

fn sender(suite: Suite, boot: u64) -> Sender {
    let blocks = |data, parity| BlockConfig {
        geometry: Geometry::new(data, parity).unwrap(),
        parity_min: 2,
        latency_us_max: 20 * MS,
        span_us: 40 * MS,
        blocks_max: 8,
    };
    let class = |blocks| ClassConfig { blocks, ..ClassConfig::TELEMETRY };
    let mut config = SenderConfig::new(DiodeId(77), 10_000_000);
    config.suite = suite;
    config.alarm = class(blocks(4, 4));
    config.telemetry = class(blocks(6, 3));
    config.bulk = class(blocks(9, 2));
    config.history.blocks = blocks(5, 3);
    config.history.interval_us = HISTORY_MS * MS;
    Sender::new(&config, BootId(boot.to_be_bytes().repeat(2).try_into().unwrap()), &DiodeKey(KEY))
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
    Beacon {
        image_sha256: [1; 32],
        config_sha256: [2; 32],
        site_sha256: [0x33; 32],
        cards_pinned: true,
        reset_count: Some(300),
        release: Release { version: 300, floor: 7, memory: FloorMemory::Kept(6) },
        uptime_us: 99,
        clock_us: 300,
        outside,
        last_stop: LastStop::Exception { vector: 14 },
        watchdog: Watchdog::Tco,
        dma_fence: DmaFence::Active,
        clock: ClockState { source: TimeSource::Gps, uncertainty_us: Some(500_000), steps: 300 },
        counters,
        attestation: Attestation::Quoted(Quote {
            key: Point([3; 32], [4; 32]),
            pcrs: std::array::from_fn(|place| [place as u8; 32]),
            statement: b"\xffTCG".iter().copied().collect(),
            signature: Point([6; 32], [7; 32]),
        }),
    }
}

/// A frame, when it was sent, and what is in it, if it is a data frame of something said just then.
struct Sent {
    bytes: Vec<u8>,
    body: Body,
    now_ms: u64,
    said: Option<usize>,
}

/// Frames of everything that is said, and of one pass over the history.
fn capture(suite: Suite, script: &[Said]) -> Vec<Sent> {
    let mut sender = sender(suite, 4711);
    let mut buffer = [0; FRAME_BYTES_MAX];
    let mut frames = Vec::new();
    for now_ms in 0..END_MS {
        let place = now_ms as usize;
        if let Some(said) = script.get(place) {
            sender.push(Sending { class: said.class, kept: said.kept }, &said.message).unwrap();
        }
        if now_ms == 100 {
            sender.set_beacon(&beacon());
        }
        while let Some(length) = sender.poll_transmit(now_ms * MS, &mut buffer) {
            let body = Header::parse(&buffer[..length]).unwrap().0.body;
            let is_live = matches!(body, Body::Data { class, .. } if class != Class::History);
            let said = is_live.then_some(place);
            frames.push(Sent { bytes: buffer[..length].to_vec(), body, now_ms, said });
        }
    }
    let told: Vec<usize> = frames.iter().filter_map(|frame| frame.said).collect();
    assert_eq!(
        told,
        (0..script.len()).collect::<Vec<_>>(),
        "everything leaves at once, in a frame of its own"
    );
    assert_eq!(sender.counters().get(Counter::LinkHistoryPasses), 1);
    frames
}

/// Whether a frame is lost: one data frame of each block, also of the history, and all in the outage.
fn is_lost(frame: &Sent) -> bool {
    let chosen = match frame.body {
        Body::Data { block, index, .. } => u64::from(index) == block % 3,
        Body::Parity { .. } | Body::Beacon => false,
    };
    chosen || OUTAGE_MS.contains(&frame.now_ms)
}

/// The second parity frame of each block is damaged.
fn is_damaged(frame: &Sent) -> bool {
    matches!(frame.body, Body::Parity { index: 1, .. })
}

/// The block of a frame: class and number.
fn block(body: Body) -> Option<(Class, u64)> {
    match body {
        Body::Data { class, block, .. } | Body::Parity { class, block, .. } => Some((class, block)),
        Body::Beacon => None,
    }
}

/// Blocks whose lost data frames are no more than their parity frames that arrived whole.
fn mended(frames: &[Sent]) -> BTreeSet<(Class, u64)> {
    let mut spare: BTreeMap<(Class, u64), i64> = BTreeMap::new();
    for frame in frames {
        let Some(id) = block(frame.body) else { continue };
        let spare = spare.entry(id).or_default();
        match frame.body {
            Body::Data { .. } => *spare -= i64::from(is_lost(frame)),
            _ => *spare += i64::from(!is_lost(frame) && !is_damaged(frame)),
        }
    }
    spare.into_iter().filter(|&(_, spare)| spare >= 0).map(|(id, _)| id).collect()
}

/// What the decoder should say of records, names and heads, in any order; how each record came, and how many each way.
fn expected(script: &[Said], frames: &[Sent]) -> (BTreeSet<String>, BTreeMap<&'static str, usize>) {
    let mended = mended(frames);
    let (mut lines, mut counts) = (BTreeSet::new(), BTreeMap::new());
    for frame in frames {
        let Some(said) = frame.said.and_then(|place| script.get(place)) else { continue };
        let Some(mut json) = said.json.clone() else { continue };
        let arrival = match is_lost(frame) {
            false => "direct",
            true if block(frame.body).is_some_and(|id| mended.contains(&id)) => "parity",
            true => "delayed",
        };
        if said.kept {
            json["arrival"] = json!(arrival);
            *counts.entry(arrival).or_default() += 1;
        }
        if said.kept || arrival != "delayed" {
            lines.insert(json.to_string());
        }
    }
    (lines, counts)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What arrives of the frames, one a line: with two of them twice, and one forged in the name of each.
fn arrived(frames: &[Sent]) -> String {
    let mut lines = Vec::new();
    for (place, frame) in frames.iter().enumerate().filter(|(_, frame)| !is_lost(frame)) {
        let mut forged = frame.bytes.clone();
        *forged.last_mut().unwrap() ^= 1;
        let copies = [&forged, &frame.bytes, &frame.bytes];
        let arriving = match (is_damaged(frame), place % 40) {
            (true, _) => &copies[..1],
            (false, 0) => &copies[..],
            (false, _) => &copies[1..2],
        };
        lines.extend(arriving.iter().map(|bytes| hex(bytes) + "\n"));
    }
    lines.concat()
}

/// What the decoder says of a capture.
fn decode(capture: &str) -> Vec<Json> {
    let mut child = Command::new("python3")
        .arg(repository::root().join("tests/peers/decoder.py"))
        .args([hex(&OTHER_KEY), hex(&KEY)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    child.stdin.take().unwrap().write_all(capture.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Takes what is of one of `kinds` out of what was decoded.
fn take(decoded: &mut Vec<Json>, kinds: &[&str]) -> Vec<Json> {
    decoded.extract_if(.., |json| kinds.iter().any(|kind| json["kind"] == *kind)).collect()
}

fn check_beacon(beacon: &Json) {
    assert_eq!(beacon["image_sha256"], hex(&[1; 32]));
    assert_eq!((&beacon["last_stop"], &beacon["watchdog"]), (&json!(["exception", 14]), &json!("tco")));
    assert_eq!(beacon["dma_fence"], "active");
    assert_eq!(
        (&beacon["site_sha256"], &beacon["reset_count"], &beacon["cards_pinned"]),
        (&json!(hex(&[0x33; 32])), &json!(300), &json!(true))
    );
    assert_eq!((&beacon["image_version"], &beacon["floor_memory"]), (&json!(300), &json!(["kept", 6])));
    let pair = |first, second| json!([hex(&[first; 32]), hex(&[second; 32])]);
    let attestation = &beacon["attestation"];
    assert_eq!((&attestation["key"], &attestation["signature"]), (&pair(3, 4), &pair(6, 7)));
    assert_eq!(
        (&attestation["pcrs"]["9"], &attestation["statement"]),
        (&json!(hex(&[5; 32])), &json!("ff544347"))
    );
    assert_eq!(
        [&beacon["time_source"], &beacon["time_uncertainty_us"], &beacon["clock_steps"]],
        [&json!("gps"), &json!(500_000), &json!(300)]
    );
}

/// A decoder written from the document reads what the sender sent.
fn decodes(suite: Suite) {
    let mut random = Random(42);
    let contents = contents(&mut Random(42));
    let script = script(&mut random);
    let frames = capture(suite, &script);
    let (expected, counts) = expected(&script, &frames);
    assert!(counts.len() == 3 && counts.values().all(|&count| count > 20), "too easy: {counts:?}");

    let mut decoded = decode(&arrived(&frames));
    let beacons = take(&mut decoded, &["beacon"]);
    assert_eq!((beacons.len(), &beacons[0]["counters"][15]), (1, &json!(12_345)), "{beacons:?}");
    check_beacon(&beacons[0]);
    let objects = take(&mut decoded, &["stream", "file"]);
    assert_eq!(
        objects,
        [
            json!({"kind": "stream", "stream": 5, "name": "plc:502", "end": "close", "bytes": hex(&contents)}),
            json!({"kind": "file", "file": 3, "name": "trend.csv", "state": "verified", "bytes": hex(&contents)}),
        ]
    );
    let lines: Vec<String> = decoded.iter().map(ToString::to_string).collect();
    let repeated = lines.len() - lines.iter().collect::<BTreeSet<_>>().len();
    let heads = lines.iter().filter(|line| line.contains("\"heads\"")).count();
    assert!(repeated < heads, "records are said once");
    assert_eq!(lines.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn it_reads_what_is_sealed_with_chacha20_poly1305() {
    decodes(Suite::ChaCha20Poly1305);
}

#[test]
fn it_reads_what_is_sealed_with_aes_256_gcm() {
    decodes(Suite::Aes256Gcm);
}

#[test]
fn without_the_history_the_decoder_says_what_is_missing() {
    let script = script(&mut Random(43));
    let frames: Vec<Sent> = capture(Suite::default(), &script)
        .into_iter()
        .filter(|frame| !matches!(block(frame.body), Some((Class::History, _))))
        .collect();
    let (expected, counts) = expected(&script, &frames);
    let delayed: BTreeSet<(u64, u64)> = expected
        .iter()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .filter(|json| json["arrival"] == "delayed")
        .map(|json| (json["source"].as_u64().unwrap(), json["sequence"].as_u64().unwrap()))
        .collect();
    assert_eq!(Some(&delayed.len()), counts.get("delayed"));

    let mut decoded = decode(&arrived(&frames));
    let missing: BTreeSet<(u64, u64)> = take(&mut decoded, &["missing"])
        .iter()
        .flat_map(|json| {
            let sequences = json["sequences"].as_array().unwrap().iter();
            sequences.map(|sequence| (json["source"].as_u64().unwrap(), sequence.as_u64().unwrap()))
        })
        .collect();
    assert_eq!(missing, delayed);
    let states: Vec<Json> = take(&mut decoded, &["stream", "file"])
        .iter()
        .map(|json| json.get("state").or(json.get("end")).unwrap().clone())
        .collect();
    assert_eq!(states, [json!("missing"), json!("incomplete")]);
}
