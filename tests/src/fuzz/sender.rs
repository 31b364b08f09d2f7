//! The sending end: whatever is pushed, and whenever it is asked, what leaves is what the protocol promises.
//!
//! An input is a configuration and a script: messages of every class and size, a cable that comes and goes, and
//! time. The [`Judge`] opens every frame, as a receiver would, and knows what may be in it.

mod judge;
mod setup;

use noreturn_link::{Sender, SenderConfig, SenderError};
use noreturn_wire::crossing::Sending;
use noreturn_wire::frame::{FRAME_BYTES_MAX, SHARD_BYTES_MAX};
use noreturn_wire::{Class, Counter};

use super::receiver::beacon;
use super::script::Script;
use judge::Judge;
use setup::{BOOT, KEY};

/// Steps of a script at most, and messages pushed, so that none takes long.
const STEPS_MAX: usize = 256;
const MESSAGES_MAX: u32 = 400;
/// Frames sent in one step at most.
const FRAMES_MAX: usize = 400;
/// Frames that the end of a run takes at most.
const FRAMES_TO_SETTLE_MAX: usize = 20_000;
/// Time from one of these to the next at least.
const SETTLE_US: u64 = 10_000;
/// Times in a row that the sender may ask to be asked for nothing: to close blocks that have no parity, for example.
const USELESS_MAX: usize = 72;
/// A pass that is due later than this is never seen.
const PATIENCE_US: u64 = 1 << 50;

/// Lengths of messages: those that change something, and any.
const LENGTHS: [usize; 8] = [0, 1, 8, 30, 700, SHARD_BYTES_MAX - 1, SHARD_BYTES_MAX, SHARD_BYTES_MAX + 1];

/// Runs the input as a configuration and a script.
pub(super) fn sender(data: &[u8]) {
    let mut script = Script(data);
    let mut world = World::new(setup::config(&mut script));
    for _ in 0..STEPS_MAX {
        if script.is_empty() {
            break;
        }
        world.step(&mut script);
    }
    world.settle();
}

struct World {
    now_us: u64,
    sender: Sender,
    link_up: bool,
    messages: u32,
    /// Times in a row that the sender had nothing when it had asked to be asked.
    useless: usize,
    judge: Judge,
}

impl World {
    fn new(config: SenderConfig) -> Self {
        let sender = Sender::new(&config, BOOT, &KEY);
        Self { now_us: 0, sender, link_up: true, messages: 0, useless: 0, judge: Judge::new(config) }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        match script.below(8) {
            0..2 => self.push(script),
            2 => {
                self.sender.set_beacon(&beacon(self.now_us));
                self.judge.has_beacon();
            }
            3 => drop(self.transmit()),
            4 => drop((0..FRAMES_MAX).take_while(|_| self.transmit()).count()),
            5 => self.pass(script),
            6 => self.set_link_up(script.below(2) == 0),
            _ => (0..script.byte()).for_each(|_| self.work()),
        }
    }

    fn push(&mut self, script: &mut Script<'_>) {
        let class =
            script.choose(&[Class::Telemetry, Class::Alarm, Class::Bulk, Class::Telemetry, Class::History]);
        let sending = Sending { class, kept: script.below(2) == 0 };
        let length = match script.byte() {
            byte @ 0..64 => LENGTHS[usize::from(byte) % LENGTHS.len()],
            byte => usize::from(byte),
        };
        for _ in 0..=script.below(32) {
            if self.messages == MESSAGES_MAX {
                return;
            }
            self.messages += 1;
            self.push_one(sending, &message(self.messages, length, sending.kept));
        }
    }

    fn push_one(&mut self, sending: Sending, message: &[u8]) {
        let expected = match message.len() {
            _ if sending.class == Class::History => Err(SenderError::Message),
            1..=SHARD_BYTES_MAX => self.judge.push(sending, message, self.link_up),
            _ => Err(SenderError::Message),
        };
        assert_eq!(self.sender.push(sending, message), expected, "{} bytes, {sending:?}", message.len());
        let has_room = self.judge.has_room(sending.class, SHARD_BYTES_MAX);
        assert_eq!(self.sender.has_room(sending.class), has_room, "{:?}", sending.class);
    }

    /// Takes the next frame; whether there was one.
    fn transmit(&mut self) -> bool {
        let mut buffer = [0; FRAME_BYTES_MAX];
        let Some(length) = self.sender.poll_transmit(self.now_us, &mut buffer) else {
            let next = self.sender.poll_at();
            assert!(
                next.is_none_or(|at| at > self.now_us),
                "nothing to send, but it wants to be asked again"
            );
            assert!(self.link_up || next.is_none(), "it wants to be asked although there is no link");
            if self.link_up {
                self.judge.nothing(self.now_us);
            }
            return false;
        };
        assert!(self.link_up, "a frame without a link");
        self.judge.frame(self.now_us, &buffer[..length]);
        true
    }

    /// Sends the next frame, or goes on to when there may be one.
    fn work(&mut self) {
        if self.transmit() {
            self.useless = 0;
        } else if let Some(at) = self.sender.poll_at().filter(|&at| at < PATIENCE_US) {
            self.now_us = at;
            self.useless += 1;
            assert!(self.useless <= USELESS_MAX, "it wants to be asked again and again, for nothing");
        }
    }

    fn pass(&mut self, script: &mut Script<'_>) {
        self.now_us += match script.byte() {
            byte @ 0..128 => u64::from(byte) * 10,
            byte @ 128..192 => u64::from(byte) * 1000,
            byte => u64::from(byte) * 1_000_000,
        };
        self.useless = 0;
    }

    fn set_link_up(&mut self, link_up: bool) {
        self.sender.set_link_up(link_up);
        self.link_up = link_up;
    }

    /// With a link and nothing new, everything leaves: live blocks with all their parity, and the history in full.
    fn settle(&mut self) {
        self.set_link_up(true);
        self.judge.settles();
        let mut passes = self.passes();
        for _ in 0..FRAMES_TO_SETTLE_MAX {
            if !self.transmit() {
                // However often the history goes round, the parity of others has its time. But who asks late while
                // others wait gives the history turns that its share would not.
                let rest_us = if self.judge.waits(self.now_us) { 0 } else { SETTLE_US };
                let next_us = self.sender.poll_at().filter(|&at| at < PATIENCE_US);
                self.now_us = next_us.unwrap_or(0).max(self.now_us + rest_us);
            }
            let counted = self.passes();
            if counted > passes {
                passes = counted;
                self.judge.has_passed();
            }
            let next = self.sender.poll_at().is_some_and(|at| at < PATIENCE_US);
            if self.judge.is_settled() || !next {
                return self.judge.conclude(self.sender.counters(), next);
            }
        }
        assert!(self.judge.has_no_share(), "it never comes to rest");
    }

    fn passes(&self) -> u64 {
        self.sender.counters().get(Counter::LinkHistoryPasses)
    }
}

/// A message of so many bytes, which says its number and length; kept ones are long enough for that.
fn message(number: u32, length: usize, kept: bool) -> Vec<u8> {
    let length = if kept && length > 0 { length.max(judge::HEAD_BYTES) } else { length };
    let head = [&number.to_be_bytes()[..], &(length as u16).to_be_bytes()].concat();
    let filler = (0..).map(|at: u32| (number ^ at) as u8);
    head.into_iter().chain(filler).take(length).collect()
}
