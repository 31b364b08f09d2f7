//! The sending end: messages to paced, sealed frames.
//!
//! Messages wait in a bounded queue. Whenever the pace allows a frame, as many as fit leave at once
//! as the next data shard of the open block; when the block is full or its deadline has come, its
//! parity follows. What is lost here is counted, never waited for: nobody slows the inside down.

mod block;
mod pacer;
mod queue;

use noreturn_fec::{Coefficients, Geometry};
use noreturn_wire::frame::{FRAME_BYTES_MAX, HEADER_BYTES, SHARD_BYTES_MAX, SHARD_LENGTH_BYTES, TAG_BYTES};
use noreturn_wire::{Beacon, Body, BootId, Counter, Counters, DiodeId, Header};

use crate::key::{DiodeKey, FrameKey};
use crate::shard::length_prefix;
use block::Block;
use pacer::Pacer;
use queue::Queue;

/// What a [`Sender`] needs to know.
#[derive(Clone, Debug)]
pub struct SenderConfig {
    /// Who sends.
    pub diode: DiodeId,
    /// Shape of a full block.
    pub geometry: Geometry,
    /// A block closes at the latest this long after its first shard.
    pub latency_us_max: u64,
    /// Pace in bytes per second, counting Ethernet, IP and UDP headers.
    pub rate_bytes_per_s: u64,
    /// Burst that the pace allows, in bytes.
    pub burst_bytes: u64,
    /// How many destinations get a copy of every frame.
    pub copies: u64,
    /// Bytes of messages that may wait.
    pub queue_bytes_max: usize,
}

/// Why a message was not taken; it is lost, and counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SenderError {
    /// The queue is full.
    QueueFull,
    /// No message is empty or longer than a shard.
    MessageLength,
}

/// Bytes of Ethernet (14), IPv4 (20) and UDP (8) header around a frame.
pub const HEADERS_BYTES: u64 = 42;

/// The sending end. All memory is allocated by [`Sender::new`]: the queue, and one block's parity.
#[derive(Debug)]
pub struct Sender {
    diode: DiodeId,
    boot: BootId,
    key: FrameKey,
    copies: u64,
    frame: u64,
    queue: Queue,
    block: Block,
    beacon: Option<([u8; SHARD_BYTES_MAX], usize)>,
    pacer: Pacer,
    counters: Counters,
}

impl Sender {
    /// A sender for one boot. `boot` must be fresh random bits: frame keys are derived from it.
    #[must_use]
    pub fn new(config: &SenderConfig, boot: BootId, key: &DiodeKey) -> Self {
        Self {
            diode: config.diode,
            boot,
            key: FrameKey::derive(key, config.diode, boot),
            copies: config.copies.max(1),
            frame: 0,
            queue: Queue::new(config.queue_bytes_max),
            block: Block::new(Coefficients::new(config.geometry), config.latency_us_max),
            beacon: None,
            pacer: Pacer::new(config.rate_bytes_per_s, config.burst_bytes),
            counters: Counters::default(),
        }
    }

    /// Boot that this sender speaks for.
    #[must_use]
    pub const fn boot(&self) -> BootId {
        self.boot
    }

    /// Takes one encoded message (see [`noreturn_wire::Message::encode`]).
    ///
    /// # Errors
    /// [`SenderError`]; a full queue is counted as [`Counter::LinkQueueFull`].
    pub fn push(&mut self, message: &[u8]) -> Result<(), SenderError> {
        if message.is_empty() || message.len() > SHARD_BYTES_MAX {
            return Err(SenderError::MessageLength);
        }
        if !self.queue.push(message) {
            self.counters.add(Counter::LinkQueueFull, 1);
            return Err(SenderError::QueueFull);
        }
        Ok(())
    }

    /// Whether the queue takes a message of any length.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.queue.has_room_for(SHARD_BYTES_MAX)
    }

    /// Sets the beacon that leaves next, in place of one that has not left yet.
    pub fn set_beacon(&mut self, beacon: &Beacon) {
        let mut bytes = [0; SHARD_BYTES_MAX];
        if let Ok(written) = beacon.encode(&mut bytes).map(|written| written.len()) {
            self.beacon = Some((bytes, written));
        }
    }

    /// Counters of this end.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The next frame, if one is due and the pace allows it: its length in `buffer`.
    ///
    /// Call again until it returns `None`, then at [`Sender::poll_at`] or after the next push.
    pub fn poll_transmit(&mut self, now_us: u64, buffer: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        if !self.pacer.allows(now_us) {
            return None;
        }
        let (body, length) = self.next_payload(now_us, &mut buffer[HEADER_BYTES..])?;
        let header = Header { diode: self.diode, boot: self.boot, frame: self.frame, body }.emit();
        let end = HEADER_BYTES + length;
        let tag = self.key.seal(self.frame, &header, &mut buffer[HEADER_BYTES..end]);
        buffer[..HEADER_BYTES].copy_from_slice(&header);
        buffer[end..end + TAG_BYTES].copy_from_slice(&tag);
        self.frame += 1;
        let bytes = (end + TAG_BYTES) as u64;
        self.pacer.spend((bytes + HEADERS_BYTES) * self.copies);
        self.count(body, bytes);
        Some(end + TAG_BYTES)
    }

    /// When there will be something to send, if nothing is pushed before.
    #[must_use]
    pub fn poll_at(&self) -> Option<u64> {
        let due = if self.beacon.is_some() || !self.queue.is_empty() { Some(0) } else { self.block.due_us() };
        due.map(|due| due.max(self.pacer.ready_us()))
    }

    /// Writes the next payload: the beacon first, then parity that is due, then new data.
    fn next_payload(&mut self, now_us: u64, payload: &mut [u8]) -> Option<(Body, usize)> {
        if let Some((bytes, length)) = self.beacon.take() {
            payload[..length].copy_from_slice(&bytes[..length]);
            return Some((Body::Beacon, length));
        }
        if let Some(parity) = self.block.next_parity(now_us, payload) {
            return Some(parity);
        }
        self.next_data(now_us, payload)
    }

    fn next_data(&mut self, now_us: u64, payload: &mut [u8]) -> Option<(Body, usize)> {
        // The shard is laid out as the code sees it, length first; the length stays off the wire.
        let mut shard = [0; SHARD_LENGTH_BYTES + SHARD_BYTES_MAX];
        let (length, messages) = self.queue.fill(&mut shard[SHARD_LENGTH_BYTES..]);
        if messages == 0 {
            return None;
        }
        shard[..SHARD_LENGTH_BYTES].copy_from_slice(&length_prefix(length));
        let body = self.block.add(now_us, &shard[..SHARD_LENGTH_BYTES + length]);
        payload[..length].copy_from_slice(&shard[SHARD_LENGTH_BYTES..SHARD_LENGTH_BYTES + length]);
        self.counters.add(Counter::LinkMessages, messages);
        Some((body, length))
    }

    fn count(&mut self, body: Body, bytes: u64) {
        let counter = match body {
            Body::Data { .. } => Counter::LinkDataFrames,
            Body::Parity { .. } => Counter::LinkParityFrames,
            Body::Beacon => Counter::LinkBeaconFrames,
        };
        self.counters.add(counter, 1);
        self.counters.add(Counter::LinkBytes, bytes);
        self.counters.set(Counter::LinkBlocks, self.block.number());
    }
}
