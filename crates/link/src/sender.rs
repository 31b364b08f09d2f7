//! The sending end: messages to paced, sealed frames.
//!
//! ```text
//! push ─┬─▶ queue of the class ─▶ interleaver of the class ─┐
//!       └─▶ history ─────────────▶ interleaver of history ──┴─▶ whose turn it is ─▶ pace ─▶ seal ─▶ frame
//! ```
//!
//! Messages wait in bounded queues, one per class. Whenever the pace allows a frame, as many as fit leave at once as
//! the next data shard of one of the class's blocks; parity follows when a block is full or has been quiet. What is
//! worth it is kept, and sent again and again at a small share of the link. What is lost here is counted, never
//! waited for: nobody slows the inside down.

mod config;
mod history;
mod interleaver;
mod lane;
mod pacer;
mod queue;
mod recent;
mod share;

pub use config::{BlockConfig, ClassConfig, HistoryConfig, HistoryOrder, SEGMENT_BYTES, SenderConfig};

use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::{FRAME_BYTES_MAX, HEADER_BYTES, SHARD_BYTES_MAX, SHARD_LENGTH_BYTES, TAG_BYTES};
use noreturn_wire::{Beacon, Body, BootId, Class, Counter, Counters, DiodeId, Header, HeaderKey, Suite};

use crate::key::{DiodeKey, FrameKey};
use crate::shard::length_prefix;
use history::History;
use interleaver::Interleaver;
use pacer::Pacer;
use queue::Queue;
use share::{FLOWS, Share};

/// Why a message is not on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SenderError {
    /// The queue is full and nothing keeps the message: it is lost.
    QueueFull,
    /// There is no link and nothing keeps the message: it is lost.
    LinkDown,
    /// No message is empty or longer than a shard, or of class history.
    Message,
}

/// Bytes of Ethernet (14), IPv4 (20) and UDP (8) header around a frame.
pub const HEADERS_BYTES: u64 = 42;

/// Place of the history among the flows.
const HISTORY: usize = Class::History as usize;

/// The sending end. All memory is allocated by [`Sender::new`]; see [`SenderConfig::bytes_max`].
#[derive(Debug)]
pub struct Sender {
    suite: Suite,
    diode: DiodeId,
    boot: BootId,
    header_key: HeaderKey,
    key: FrameKey,
    copies: u64,
    frame: u64,
    queues: [Queue; HISTORY],
    history: History,
    interleavers: [Interleaver; FLOWS],
    share: Share,
    pacer: Pacer,
    beacon: Option<([u8; SHARD_BYTES_MAX], usize)>,
    link_up: bool,
    counters: Counters,
}

impl Sender {
    /// A sender for one boot. `boot` must be fresh random bits: frame keys are derived from it.
    #[must_use]
    pub fn new(config: &SenderConfig, boot: BootId, key: &DiodeKey) -> Self {
        let classes = config.classes();
        let blocks = [classes[0].blocks, classes[1].blocks, classes[2].blocks, config.history.blocks];
        Self {
            suite: config.suite,
            diode: config.diode,
            boot,
            header_key: key.header_key(config.diode),
            key: FrameKey::derive(key, config.suite, config.diode, boot),
            copies: config.copies.max(1),
            frame: 0,
            queues: classes.map(|class| Queue::new(class.queue_bytes_max)),
            history: History::new(config),
            interleavers: Class::ALL.map(|class| Interleaver::new(class, blocks[class as usize])),
            share: Share::new(weights(config)),
            pacer: Pacer::new(config.rate_bytes_per_s, config.burst_bytes),
            beacon: None,
            link_up: true,
            counters: Counters::default(),
        }
    }

    /// Boot that this sender speaks for.
    #[must_use]
    pub const fn boot(&self) -> BootId {
        self.boot
    }

    /// Takes one encoded message (see [`noreturn_wire::Message::encode`]). One that finds its queue full, or no link,
    /// waits in the history if it is kept, counted as [`Counter::LinkHeld`].
    ///
    /// # Errors
    /// [`SenderError`]; what is lost is counted.
    pub fn push(&mut self, sending: Sending, message: &[u8]) -> Result<(), SenderError> {
        let class = sending.class as usize;
        if message.is_empty() || message.len() > SHARD_BYTES_MAX || class == HISTORY {
            return Err(SenderError::Message);
        }
        let kept = sending.kept && self.history.keep(class, message);
        self.counters.set(Counter::LinkHistoryForgotten, self.history.forgotten());
        if self.link_up && self.queues[class].push(message) {
            return Ok(());
        }
        if kept {
            self.counters.add(Counter::LinkHeld, 1);
            return Ok(());
        }
        let (counter, error) = match self.link_up {
            true => (Counter::LinkQueueFull, SenderError::QueueFull),
            false => (Counter::LinkDownDropped, SenderError::LinkDown),
        };
        self.counters.add(counter, 1);
        Err(error)
    }

    /// Whether the queue of `class` takes a message of any length.
    #[must_use]
    pub fn has_room(&self, class: Class) -> bool {
        self.queues.get(class as usize).is_some_and(|queue| queue.has_room_for(SHARD_BYTES_MAX))
    }

    /// Sets the beacon that leaves next, in place of one that has not left yet.
    pub fn set_beacon(&mut self, beacon: &Beacon) {
        let mut bytes = [0; SHARD_BYTES_MAX];
        if let Ok(written) = beacon.encode(&mut bytes).map(|written| written.len()) {
            self.beacon = Some((bytes, written));
        }
    }

    /// Tells whether the cable carries a link. Without one nothing is sent; what was kept meanwhile goes first after.
    pub fn set_link_up(&mut self, link_up: bool) {
        match (self.link_up, link_up) {
            (true, false) => self.history.link_lost(),
            (false, true) => self.history.link_restored(),
            _ => {}
        }
        self.link_up = link_up;
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
        if !self.link_up || !self.pacer.allows(now_us) {
            return None;
        }
        let (body, length) = self.next_payload(now_us, buffer)?;
        let Self { suite, diode, boot, frame, .. } = *self;
        let header = Header { suite, diode, boot, frame, body }.emit(&self.header_key);
        let end = HEADER_BYTES + length;
        let tag = self.key.seal(self.frame, &header, &mut buffer[HEADER_BYTES..end]);
        buffer[..HEADER_BYTES].copy_from_slice(&header);
        buffer[end..end + TAG_BYTES].copy_from_slice(&tag);
        self.frame += 1;
        self.spend(body, (end + TAG_BYTES) as u64);
        Some(end + TAG_BYTES)
    }

    /// When there will be something to send, if nothing is pushed before.
    #[must_use]
    pub fn poll_at(&self) -> Option<u64> {
        if !self.link_up {
            return None;
        }
        let waiting = self.beacon.is_some() || self.queues.iter().any(|queue| !queue.is_empty());
        let parity = self.interleavers.iter().filter_map(Interleaver::due_us);
        let due = waiting.then_some(0).into_iter().chain(parity).chain(self.history.ready_us()).min();
        due.map(|due| due.max(self.pacer.ready_us()))
    }

    /// Writes the next payload behind the place of the header: the beacon first, then what the class has whose turn
    /// it is.
    fn next_payload(&mut self, now_us: u64, buffer: &mut [u8; FRAME_BYTES_MAX]) -> Option<(Body, usize)> {
        if let Some((bytes, length)) = self.beacon.take() {
            buffer[HEADER_BYTES..HEADER_BYTES + length].copy_from_slice(&bytes[..length]);
            return Some((Body::Beacon, length));
        }
        let has_data = [
            !self.queues[0].is_empty(),
            !self.queues[1].is_empty(),
            !self.queues[2].is_empty(),
            self.history.is_ready(now_us),
        ];
        let mut has_parity = [false; FLOWS];
        for (flow, interleaver) in self.interleavers.iter_mut().enumerate() {
            has_parity[flow] = interleaver.has_parity(now_us, has_data[flow]);
        }
        let mut ready = core::array::from_fn(|flow| has_data[flow] || has_parity[flow]);
        while let Some(flow) = self.share.next(ready) {
            let next = if has_parity[flow] {
                self.interleavers[flow].next_parity(now_us, &mut buffer[HEADER_BYTES..])
            } else {
                self.next_data(flow, now_us, buffer)
            };
            if next.is_some() {
                return next;
            }
            // A pass over a history that has just been forgotten finds nothing.
            ready[flow] = false;
        }
        None
    }

    fn next_data(
        &mut self,
        flow: usize,
        now_us: u64,
        buffer: &mut [u8; FRAME_BYTES_MAX],
    ) -> Option<(Body, usize)> {
        // The shard is laid out as the code sees it, length first; the header overwrites the length.
        let shard = &mut buffer[HEADER_BYTES - SHARD_LENGTH_BYTES..HEADER_BYTES + SHARD_BYTES_MAX];
        let room = &mut shard[SHARD_LENGTH_BYTES..];
        let (length, messages) = match self.queues.get_mut(flow) {
            Some(queue) => queue.fill(room),
            None => self.history.fill(room),
        };
        if messages == 0 {
            return None;
        }
        shard[..SHARD_LENGTH_BYTES].copy_from_slice(&length_prefix(length));
        let body = self.interleavers[flow].add(now_us, &shard[..SHARD_LENGTH_BYTES + length])?;
        if flow != HISTORY {
            self.counters.add(Counter::LinkMessages, messages);
        }
        Some((body, length))
    }

    /// Charges a frame of so many bytes to the pace and to its class, and counts it.
    fn spend(&mut self, body: Body, bytes: u64) {
        let cost = (bytes + HEADERS_BYTES) * self.copies;
        self.pacer.spend(cost);
        let (counter, class) = match body {
            Body::Data { class: Class::History, .. } => (Counter::LinkHistoryFrames, Some(Class::History)),
            Body::Data { class, .. } => (Counter::LinkDataFrames, Some(class)),
            Body::Parity { class, .. } => (Counter::LinkParityFrames, Some(class)),
            Body::Beacon => (Counter::LinkBeaconFrames, None),
        };
        if let Some(class) = class {
            self.share.spend(class as usize, cost);
        }
        if class == Some(Class::History) {
            self.history.spend(cost);
        }
        self.counters.add(counter, 1);
        self.counters.add(Counter::LinkBytes, bytes);
        self.counters.set(Counter::LinkBlocks, self.interleavers.iter().map(Interleaver::blocks).sum());
        self.counters.set(Counter::LinkHistoryPasses, self.history.passes());
    }
}

/// The flows' weights: the classes' as configured, and the history's so that it has its share of the whole.
fn weights(config: &SenderConfig) -> [u64; FLOWS] {
    let share = u64::from(config.history.share_per_mille.min(999));
    let [alarm, telemetry, bulk] = config.classes().map(|class| u64::from(class.weight.clamp(1, 1000)));
    let others = 1000 - share;
    [alarm * others, telemetry * others, bulk * others, (alarm + telemetry + bulk) * share]
}
