//! How long small messages take over the loopback, from the push to the event, and what they cost on the wire.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use noreturn_link::receiver::StreamEvent;
use noreturn_link::sender::HEADERS_BYTES;
use noreturn_link::{EventKind, Receiver, ReceiverConfig, Sender, SenderConfig};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::{FRAME_BYTES_MAX, SHARD_BYTES_MAX};
use noreturn_wire::{BootId, Bytes, Class, Message, StreamId, StreamPart, StreamStep};

use super::udp::{Incoming, Outgoing};
use super::{DIODE, Figure, KEY};

/// Of payload in a message; what a stream needs around it counts as cost.
const MESSAGE_BYTES: usize = 200;
const MESSAGES_PER_S: u64 = 1000;
const MESSAGES: u64 = 12 * MESSAGES_PER_S;
/// 100 Mbit/s.
const PACE: u64 = 12_500_000;
/// A sleep may be longer than asked for; the rest is spent waiting awake.
const AWAKE: Duration = Duration::from_micros(200);
const SENDING: Sending = Sending { class: Class::Telemetry, kept: true };

/// What one run saw.
struct Run {
    /// Of every message that came, sorted.
    ms: Vec<f64>,
    wire_bytes: u64,
    frames: u64,
}

impl Run {
    fn percentile(&self, per_mille: usize) -> f64 {
        self.ms[(self.ms.len() - 1) * per_mille / 1000]
    }

    /// UDP payload, and more for each frame, to payload of messages.
    fn ratio(&self, more_bytes: u64) -> f64 {
        (self.wire_bytes + more_bytes * self.frames) as f64 / (MESSAGES * MESSAGE_BYTES as u64) as f64
    }
}

/// Latency and cost with the default class for telemetry: without what is sent again, and beside it with that.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let once = run(0)?;
    let again = run(SenderConfig::new(DIODE, PACE).history.share_per_mille)?;
    let mut figures = vec![
        Figure::new("telemetry_p50_ms", once.percentile(500), "ms"),
        Figure::new("telemetry_p99_ms", once.percentile(990), "ms"),
        Figure::new("telemetry_wire_ratio", once.ratio(0), "bytes sent per byte"),
    ];
    figures[0].beside = vec![("with history", again.percentile(500))];
    figures[1].beside = vec![
        ("with history", again.percentile(990)),
        ("longest", once.percentile(1000)),
        ("longest with history", again.percentile(1000)),
        ("messages lost", (2 * MESSAGES) as f64 - (once.ms.len() + again.ms.len()) as f64),
    ];
    figures[2].beside = vec![
        ("with Ethernet, IP and UDP headers", once.ratio(HEADERS_BYTES)),
        ("with history", again.ratio(0)),
        ("with headers and history", again.ratio(HEADERS_BYTES)),
    ];
    Ok(figures)
}

/// Sends from one thread to another; the history goes on and on with its whole share.
fn run(history_per_mille: u32) -> Result<Run> {
    let mut incoming = Incoming::new()?;
    let to = incoming.address()?;
    let start = Instant::now();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let receiving = scope.spawn(|| receive(&mut incoming, start, &is_over));
        let sent = send(to, history_per_mille, start);
        is_over.store(true, Ordering::Relaxed);
        let mut ms = receiving.join().map_err(|_| anyhow!("the receiving thread failed"))??;
        let outgoing = sent?;
        ensure!(!ms.is_empty(), "not one message came");
        ms.sort_by(f64::total_cmp);
        Ok(Run { ms, wire_bytes: outgoing.bytes, frames: outgoing.datagrams })
    })
}

fn send(to: SocketAddr, history_per_mille: u32, start: Instant) -> Result<Outgoing> {
    let mut config = SenderConfig::new(DIODE, PACE);
    config.history.share_per_mille = history_per_mille;
    config.history.interval_us = 0;
    let mut sender = Sender::new(&config, BootId([5; 16]), &KEY);
    let mut outgoing = Outgoing::new(to)?;
    for number in 0..=MESSAGES {
        let due = Duration::from_micros(number * 1_000_000 / MESSAGES_PER_S);
        while start.elapsed() < due {
            transmit(&mut sender, &mut outgoing, start)?;
            let next = sender.poll_at().map_or(due, |next| due.min(Duration::from_micros(next)));
            thread::sleep(next.saturating_sub(start.elapsed() + AWAKE));
        }
        // The last only waits for the parity of those before.
        if number < MESSAGES {
            push(&mut sender, number, start)?;
            transmit(&mut sender, &mut outgoing, start)?;
        }
    }
    Ok(outgoing)
}

fn push(sender: &mut Sender, number: u64, start: Instant) -> Result<()> {
    let mut bytes = [0; MESSAGE_BYTES];
    bytes[..8].copy_from_slice(&(start.elapsed().as_nanos() as u64).to_be_bytes());
    let step = StreamStep::Data { offset: number * MESSAGE_BYTES as u64, bytes: Bytes(&bytes) };
    let message = Message::Stream(StreamPart { stream: StreamId(0), sequence: number, step });
    let mut buffer = [0; SHARD_BYTES_MAX];
    let pushed = message.encode(&mut buffer).is_ok_and(|message| sender.push(SENDING, message).is_ok());
    ensure!(pushed, "the sender has no room for a message");
    Ok(())
}

fn transmit(sender: &mut Sender, outgoing: &mut Outgoing, start: Instant) -> Result<()> {
    let mut frame = [0; FRAME_BYTES_MAX];
    while let Some(length) = sender.poll_transmit(start.elapsed().as_micros() as u64, &mut frame) {
        outgoing.push(&frame[..length])?;
    }
    outgoing.flush()
}

/// The milliseconds that each message took.
fn receive(incoming: &mut Incoming, start: Instant, is_over: &AtomicBool) -> Result<Vec<f64>> {
    let mut receiver = Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)]);
    let mut ms = Vec::with_capacity(MESSAGES as usize);
    loop {
        let some = incoming.receive(Duration::from_millis(100), |datagram| {
            // What is refused is missing in the end.
            let _ = receiver.handle_datagram(datagram, start.elapsed().as_micros() as u64);
            while let Some(event) = receiver.poll_event() {
                ms.extend(sent_at(&event.kind).map(|sent| (start.elapsed() - sent).as_secs_f64() * 1e3));
            }
        })?;
        receiver.handle_timeout(start.elapsed().as_micros() as u64);
        if !some && is_over.load(Ordering::Relaxed) {
            return Ok(ms);
        }
    }
}

fn sent_at(event: &EventKind) -> Option<Duration> {
    let EventKind::Stream { step: StreamEvent::Data { bytes, .. }, .. } = event else { return None };
    Some(Duration::from_nanos(u64::from_be_bytes(*bytes.first_chunk()?)))
}
