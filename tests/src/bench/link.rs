//! The protocol itself, without a network: what a record costs either end, on one core.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use noreturn_link::{Receiver, ReceiverConfig, Refusal, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::{FRAME_BYTES_MAX, HEADER_BYTES};
use noreturn_wire::{BootId, Class, Message, Quality, Record, SourceId, Suite, TimeQuality, Value};

use super::{DIODE, Figure, KEY};

const SENDING: Sending = Sending { class: Class::Telemetry, kept: true };
const SOURCES: u32 = 100;
const RECORDS: u64 = 200_000;
/// Records that are pushed before the sender is asked for frames: those of one poll.
const POLL: u64 = 25;
const FORGED: u32 = 1_000_000;

/// Measures sender and receiver, each over the frames of the same records.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let messages = messages();
    let [chacha, aes] = [ends(Suite::ChaCha20Poly1305, &messages)?, ends(Suite::Aes256Gcm, &messages)?];
    let figure = |name, of: fn(&Ends) -> f64, unit| {
        let mut figure = Figure::new(name, of(&chacha), unit);
        figure.beside.push(("AES-256-GCM", of(&aes)));
        figure
    };
    Ok(vec![
        figure("sender_ns_per_record", |ends| ends.sender_s * 1e9 / RECORDS as f64, "ns"),
        figure("receiver_ns_per_record", |ends| ends.receiver_s * 1e9 / RECORDS as f64, "ns"),
        figure("receiver_frames_per_s", |ends| ends.frames as f64 / ends.receiver_s, "frames/s"),
    ])
}

/// What a datagram costs the receiver that somebody without the key has made up, without its socket.
pub(super) fn forged() -> Result<Vec<Figure>> {
    let (_, frames) = send(Suite::default(), &messages())?;
    let live = frames.last().context("the sender sends")?;
    let mut receiver = Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)]);
    ensure!(receiver.handle_datagram(&frames[0], 0).is_ok(), "the first frame starts the boot");
    let altered = |place: usize| {
        let mut frame = live.clone();
        frame[place] ^= 1;
        frame
    };
    let mut cost = |frame: &[u8], refusal| {
        let start = Instant::now();
        for _ in 0..FORGED {
            assert_eq!(receiver.handle_datagram(black_box(frame), 0), Err(refusal));
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(FORGED)
    };
    // Its header's tag, the boot that it names, and the seal behind a header that was recorded.
    let mut figure = Figure::new("forged_ns", cost(&altered(HEADER_BYTES - 1), Refusal::ForgedHeader), "ns");
    figure.beside = vec![
        ("of a boot that was never heard", cost(&altered(8), Refusal::ForgedHeader)),
        ("behind a recorded header", cost(&altered(live.len() - 1), Refusal::Forged)),
    ];
    Ok(vec![figure])
}

/// Medians of both ends, and how many frames there were.
struct Ends {
    sender_s: f64,
    receiver_s: f64,
    frames: usize,
}

fn ends(suite: Suite, messages: &[Vec<u8>]) -> Result<Ends> {
    let (mut sender_s, mut receiver_s) = (Vec::new(), Vec::new());
    let mut frames = 0;
    for _ in 0..5 {
        let (seconds, sent) = send(suite, messages)?;
        sender_s.push(seconds);
        frames = sent.len();
        receiver_s.push(receive(&sent));
    }
    Ok(Ends { sender_s: median(sender_s), receiver_s: median(receiver_s), frames })
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn messages() -> Vec<Vec<u8>> {
    let record = |number: u64| Record {
        source: SourceId((number % u64::from(SOURCES)) as u32),
        sequence: number / u64::from(SOURCES),
        acquired_us: 1_700_000_000_000_000 + number * 100,
        time_quality: TimeQuality::NONE,
        quality: Quality::Good,
        value: Value::F64(number as f64 * 0.01),
    };
    let mut buffer = [0; 128];
    (0..RECORDS)
        .map(|number| {
            Message::Record(record(number)).encode(&mut buffer).map(<[u8]>::to_vec).unwrap_or_default()
        })
        .collect()
}

fn send(suite: Suite, messages: &[Vec<u8>]) -> Result<(f64, Vec<Vec<u8>>)> {
    // As fast as it goes, and once: what is sent again costs by the link's rate, not by the record.
    let mut config = SenderConfig::new(DIODE, 10_000_000_000);
    config.suite = suite;
    config.history.share_per_mille = 0;
    let mut sender = Sender::new(&config, BootId([3; 16]), &KEY);
    let mut frames = Vec::new();
    let mut buffer = [0; FRAME_BYTES_MAX];
    let start = Instant::now();
    for (now_us, poll) in (0..).zip(messages.chunks(POLL as usize)) {
        for message in poll {
            assert!(sender.push(SENDING, black_box(message)).is_ok());
        }
        while let Some(length) = sender.poll_transmit(now_us * 1000, &mut buffer) {
            frames.push(buffer[..length].to_vec());
        }
    }
    Ok((start.elapsed().as_secs_f64(), frames))
}

fn receive(frames: &[Vec<u8>]) -> f64 {
    let mut receiver = Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)]);
    let mut records = 0;
    let start = Instant::now();
    for frame in frames {
        assert!(receiver.handle_datagram(black_box(frame), 0).is_ok());
        while let Some(event) = receiver.poll_event() {
            records += u64::from(matches!(event.kind, noreturn_link::receiver::EventKind::Record { .. }));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(records, RECORDS, "every record arrives");
    seconds
}
