//! Knows what was pushed, opens every frame, and holds the sender to what it promises.

mod block;
mod pace;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use noreturn_link::{BlockConfig, SenderConfig, SenderError};
use noreturn_simulator::seal::Seal;
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::SHARD_BYTES_MAX;
use noreturn_wire::{Beacon, Body, Class, Code, Counter, Counters, DiodeId, Header};

use super::PATIENCE_US;
use super::setup::{BOOT, KEY};
use block::Block;
use pace::Pace;

/// What a message that is kept begins with: its number (4 bytes) and its length (2).
pub(super) const HEAD_BYTES: usize = 6;
const QUEUES: usize = 3;

pub(super) struct Judge {
    config: SenderConfig,
    pace: Pace,
    /// What the history may take of it; its parity does not wait, and is paid for by what comes after.
    history_pace: Pace,
    frames: u64,
    has_beacon: bool,
    queues: [VecDeque<Vec<u8>>; QUEUES],
    /// Everything that was ever kept, by number.
    kept: BTreeMap<u32, Vec<u8>>,
    /// What was sent again since the last pass ended, before that since the one before, and in the two together.
    again: BTreeSet<u32>,
    before: BTreeSet<u32>,
    pass: BTreeSet<u32>,
    passes: u64,
    /// Blocks that have not given all their parity.
    blocks: BTreeMap<(Class, u64), Block>,
    /// Blocks begun in each class.
    begun: [u64; Class::ALL.len()],
    seen: Counters,
}

impl Judge {
    pub(super) fn new(config: SenderConfig) -> Self {
        Self {
            pace: Pace::new(config.rate_bytes_per_s, config.burst_bytes, config.copies),
            history_pace: history_pace(&config),
            config,
            frames: 0,
            has_beacon: false,
            queues: Default::default(),
            kept: BTreeMap::new(),
            again: BTreeSet::new(),
            before: BTreeSet::new(),
            pass: BTreeSet::new(),
            passes: 0,
            blocks: BTreeMap::new(),
            begun: [0; Class::ALL.len()],
            seen: Counters::default(),
        }
    }

    pub(super) const fn has_beacon(&mut self) {
        self.has_beacon = true;
    }

    /// Whether there is room in the queue of a class.
    pub(super) fn has_room(&self, class: Class, bytes: usize) -> bool {
        let Some(queue) = self.queues.get(class as usize) else { return false };
        let used: usize = queue.iter().map(|message| 2 + message.len()).sum();
        used + 2 + bytes <= self.queue_bytes_max(class)
    }

    fn queue_bytes_max(&self, class: Class) -> usize {
        [&self.config.alarm, &self.config.telemetry, &self.config.bulk][class as usize].queue_bytes_max
    }

    /// What must become of a message that can be sent.
    pub(super) fn push(
        &mut self,
        sending: Sending,
        message: &[u8],
        link_up: bool,
    ) -> Result<(), SenderError> {
        let classes = [&self.config.alarm, &self.config.telemetry, &self.config.bulk];
        let kept = sending.kept && classes[sending.class as usize].history_bytes_max > 0;
        if kept {
            self.kept.insert(number(message), message.to_vec());
        }
        if link_up && self.has_room(sending.class, message.len()) {
            self.queues[sending.class as usize].push_back(message.to_vec());
            return Ok(());
        }
        let (counter, result) = match (kept, link_up) {
            (true, _) => (Counter::LinkHeld, Ok(())),
            (false, true) => (Counter::LinkQueueFull, Err(SenderError::QueueFull)),
            (false, false) => (Counter::LinkDownDropped, Err(SenderError::LinkDown)),
        };
        self.seen.add(counter, 1);
        result
    }

    /// A frame has left.
    pub(super) fn frame(&mut self, now_us: u64, frame: &[u8]) {
        self.pace.spend(now_us, frame.len());
        let (header, bytes, sealed) = Header::parse(frame).expect("a frame");
        assert_eq!((header.diode, header.boot, header.frame), (DiodeId(5), BOOT, self.frames));
        self.frames += 1;
        self.seen.add(Counter::LinkBytes, frame.len() as u64);
        let payload =
            Seal::of(&KEY, &header).open(&header, bytes, sealed).expect("it is sealed with its key");
        assert!(!self.has_beacon || header.body == Body::Beacon, "something went before the beacon");
        match header.body {
            Body::Beacon => {
                assert!(self.has_beacon && Beacon::decode(&payload).is_ok(), "a beacon that was not set");
                self.has_beacon = false;
                self.seen.add(Counter::LinkBeaconFrames, 1);
            }
            Body::Data { class, block, index, code } => {
                if class == Class::History {
                    assert!(self.config.history.share_per_mille > 0, "history that has no share");
                    self.history_pace.spend(now_us, frame.len());
                }
                self.data(now_us, (class, block), (index, code), &payload)
            }
            Body::Parity { class, block, index, data_sent, code } => {
                self.check_code(class, code);
                if class == Class::History {
                    self.history_pace.charge(now_us, frame.len());
                }
                let open = self.blocks.get_mut(&(class, block)).expect("parity of a block that is not open");
                if open.parity(now_us, (index, data_sent), &payload) {
                    self.blocks.remove(&(class, block));
                }
                self.seen.add(Counter::LinkParityFrames, 1);
            }
        }
    }

    fn data(&mut self, now_us: u64, id: (Class, u64), (index, code): (u8, Code), payload: &[u8]) {
        let (class, number) = id;
        self.check_code(class, code);
        if number == self.begun[class as usize] {
            self.begun[class as usize] += 1;
            self.seen.add(Counter::LinkBlocks, 1);
            self.blocks.insert(id, Block::new(self.blocks_of(class)));
            // Blocks without parity end without a word, so that they are not seen to make room.
            let config = self.blocks_of(class);
            let at_once = self.blocks.keys().filter(|(of, _)| *of == class).count();
            let limit = config.geometry.parity() == 0 || at_once <= config.blocks_max.max(1);
            assert!(limit, "{at_once} blocks of {class:?} at once");
        }
        let block = self.blocks.get_mut(&id).expect("data of a block that is over, or out of turn");
        if block.data(now_us, index, payload) {
            self.blocks.remove(&id);
        }
        if class == Class::History {
            self.seen.add(Counter::LinkHistoryFrames, 1);
            self.sent_again(payload);
        } else {
            self.seen.add(Counter::LinkDataFrames, 1);
            self.sent(class, payload);
        }
    }

    /// New messages: in order, and as many as fit.
    fn sent(&mut self, class: Class, payload: &[u8]) {
        let queue = &mut self.queues[class as usize];
        let mut rest = payload;
        while !rest.is_empty() {
            let message = queue.pop_front().expect("something was sent that was not pushed");
            rest = rest.strip_prefix(&message[..]).expect("altered, out of order, or cut");
            self.seen.add(Counter::LinkMessages, 1);
        }
        let next = queue.front().map_or(usize::MAX, Vec::len);
        assert!(payload.len() <= SHARD_BYTES_MAX && next > SHARD_BYTES_MAX - payload.len(), "room was left");
    }

    /// Messages that were kept: any of them, each once in a pass.
    fn sent_again(&mut self, payload: &[u8]) {
        assert!((1..=SHARD_BYTES_MAX).contains(&payload.len()));
        let mut rest = payload;
        while !rest.is_empty() {
            let message = &self.kept[&number(rest)];
            rest = rest.strip_prefix(&message[..]).expect("altered or cut");
            self.again.insert(number(message));
        }
    }

    fn blocks_of(&self, class: Class) -> BlockConfig {
        let config = &self.config;
        [config.alarm.blocks, config.telemetry.blocks, config.bulk.blocks, config.history.blocks]
            [class as usize]
    }

    fn check_code(&self, class: Class, code: Code) {
        let geometry = self.blocks_of(class).geometry;
        assert_eq!((code.data(), code.parity()), (geometry.data(), geometry.parity()));
    }

    /// There is a link, and nothing is sent: then nothing may be due, unless the pace forbids it.
    pub(super) fn nothing(&self, now_us: u64) {
        if self.pace.allows(now_us) {
            assert!(!self.has_beacon, "the beacon is held back");
            assert!(self.is_empty(), "messages are held back");
            let late = self.blocks.iter().find(|(_, block)| block.is_due(now_us));
            assert!(late.is_none(), "the parity of a block is held back: {late:?}");
        }
    }

    /// Nothing is pushed from here on, so that nothing is forgotten any more.
    pub(super) fn settles(&mut self) {
        self.again.clear();
    }

    /// A pass over the history has ended since this was called last. When what was left of it had been forgotten, that
    /// is seen only with the first frame of the next one: so a whole pass lies between three ends, not two.
    pub(super) fn has_passed(&mut self) {
        self.passes += 1;
        let again = std::mem::take(&mut self.again);
        self.pass = self.before.union(&again).copied().collect();
        self.before = again;
    }

    /// Whether nothing waits in a queue.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
    }

    /// Whether anything waits that is not history.
    pub(super) fn waits(&self, now_us: u64) -> bool {
        let is_live = |(class, _): &(Class, u64)| *class != Class::History;
        !self.is_empty() || self.blocks.iter().any(|(id, block)| is_live(id) && block.is_due(now_us))
    }

    /// Whether the history's share is less than a byte per second, which is what it gets then: others may wait for ever.
    pub(super) fn has_no_share(&self) -> bool {
        u128::from(self.config.rate_bytes_per_s) * u128::from(self.config.history.share_per_mille) < 1000
    }

    /// Whether all that is not history has left, with its parity, and one pass that nothing disturbed.
    pub(super) fn is_settled(&self) -> bool {
        !self.waits(PATIENCE_US) && self.passes >= 2
    }

    /// The end of a run; `has_more` if history would go on.
    pub(super) fn conclude(&self, counters: &Counters, has_more: bool) {
        assert!(self.is_empty(), "messages have not left");
        let waiting = self
            .blocks
            .iter()
            .find(|((class, _), block)| (*class != Class::History || !has_more) && block.is_due(PATIENCE_US));
        assert!(waiting.is_none(), "parity has not left: {waiting:?}");
        let forgotten = counters.get(Counter::LinkHistoryForgotten);
        if self.passes >= 2 {
            let left = self.kept.len() as u64 - forgotten;
            assert_eq!(self.pass.len() as u64, left, "a pass has left something out");
        }
        for (name, counter) in [
            Counter::LinkMessages,
            Counter::LinkQueueFull,
            Counter::LinkBlocks,
            Counter::LinkDataFrames,
            Counter::LinkParityFrames,
            Counter::LinkBeaconFrames,
            Counter::LinkHistoryFrames,
            Counter::LinkBytes,
            Counter::LinkHeld,
            Counter::LinkDownDropped,
        ]
        .map(|counter| (counter.name(), counter))
        {
            assert_eq!(counters.get(counter), self.seen.get(counter), "{name}");
        }
    }
}

/// The history's share of the pace: two of the largest Ethernet frames at once.
fn history_pace(config: &SenderConfig) -> Pace {
    let rate = u128::from(config.rate_bytes_per_s) * u128::from(config.history.share_per_mille) / 1000;
    let rate = u64::try_from(rate).expect("a part of the pace");
    Pace::new(rate, 2 * 1514 * config.copies.max(1), config.copies)
}

/// The number at the start of a message that is kept.
fn number(message: &[u8]) -> u32 {
    let (head, _) = message.split_first_chunk().expect("kept messages are long enough");
    u32::from_be_bytes(*head)
}
