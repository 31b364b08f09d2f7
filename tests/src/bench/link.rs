//! The protocol itself, without a network: what a record costs either end, on one core.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use noreturn_link::{Receiver, ReceiverConfig, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{BootId, Class, Message, Quality, Record, SourceId, TimeQuality, Value};

use super::{DIODE, Figure, KEY};

const SENDING: Sending = Sending { class: Class::Telemetry, kept: true };
const SOURCES: u32 = 100;
const RECORDS: u64 = 200_000;
/// Records that are pushed before the sender is asked for frames: those of one poll.
const POLL: u64 = 25;

/// Measures sender and receiver, each over the frames of the same records.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let messages = messages();
    let mut sender_s = Vec::new();
    let mut receiver_s = Vec::new();
    let mut frames = 0;
    for _ in 0..5 {
        let (seconds, sent) = send(&messages)?;
        sender_s.push(seconds);
        frames = sent.len();
        receiver_s.push(receive(&sent));
    }
    let (sender_s, receiver_s) = (median(sender_s), median(receiver_s));
    Ok(vec![
        Figure::new("sender_ns_per_record", sender_s * 1e9 / RECORDS as f64, "ns"),
        Figure::new("receiver_ns_per_record", receiver_s * 1e9 / RECORDS as f64, "ns"),
        Figure::new("receiver_frames_per_s", frames as f64 / receiver_s, "frames/s"),
    ])
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

fn send(messages: &[Vec<u8>]) -> Result<(f64, Vec<Vec<u8>>)> {
    // As fast as it goes, and once: what is sent again costs by the link's rate, not by the record.
    let mut config = SenderConfig::new(DIODE, 10_000_000_000);
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
