//! Rounds of names and sequence numbers, repeated for ever, since nobody can ask.

use alloc::vec::Vec;

use noreturn_image_format::config::Source;
use noreturn_wire::message::HEADS_MAX;
use noreturn_wire::{Announce, Message, SourceId};

use crate::sequencer::Sequencer;

/// Messages of a run of sources: one with their sequence numbers, then one for each name.
const RUN_MESSAGES: usize = 1 + HEADS_MAX;

/// A caller that comes late gets at most this many messages at once; the rest of the delay is let go.
const CATCH_UP_MAX: u64 = 64;

/// Pause between messages of the first round: names are wanted at once, but not in one burst.
const FIRST_ROUND_INTERVAL_US: u64 = 500;

/// From the rise of the outside link to the round that follows. Until then the outside half, which looks for itself ten times a second,
/// has seen it, too; what it gets before, it drops.
const LINK_SEEN_US: u64 = 250_000;

/// Time from one rise of the link that counts to the next, so that who switches it on and off outside cannot have it full of names.
const RISES_US: u64 = 5_000_000;

/// Says what every source is called and how far it has counted: a first round at once, so that the
/// first records have names, and then one round in every period, spread evenly. Nobody keeps what is said here, so a first
/// round follows the outside link when it comes up, too.
#[derive(Debug)]
pub struct Announcer {
    sources: Vec<Source>,
    interval_us: u64,
    next_at_us: u64,
    next: usize,
    first_round: bool,
    link_up: bool,
    next_rise_at_us: u64,
}

impl Announcer {
    /// Announces each of `sources`, numbered by their places, once in `period_ms`.
    #[must_use]
    pub fn new(sources: Vec<Source>, period_ms: u32, uptime_us: u64) -> Self {
        let interval_us = u64::from(period_ms) * 1000 / messages(sources.len()).max(1) as u64;
        let mut announcer = Self {
            sources,
            interval_us,
            next_at_us: u64::MAX,
            next: 0,
            first_round: true,
            link_up: true,
            next_rise_at_us: 0,
        };
        announcer.begin(uptime_us);
        announcer
    }

    /// Takes notice of whether the outside link is up. If it has come up, and has not done so just before, the round that is under way
    /// is broken off for a first one.
    pub fn see_link(&mut self, link_up: bool, uptime_us: u64) {
        let was_up = core::mem::replace(&mut self.link_up, link_up);
        if link_up && !was_up && uptime_us >= self.next_rise_at_us {
            self.next_rise_at_us = uptime_us + RISES_US;
            self.begin(uptime_us + LINK_SEEN_US);
        }
    }

    fn begin(&mut self, uptime_us: u64) {
        if !self.sources.is_empty() {
            (self.next_at_us, self.next, self.first_round) = (uptime_us, 0, true);
        }
    }

    /// When [`Self::poll`] has something to say next, by [`crate::Now::uptime_us`].
    #[must_use]
    pub const fn poll_at(&self) -> u64 {
        self.next_at_us
    }

    /// The next message if it is due. It must be written after the records that `sequencer` has
    /// numbered so far, since it may say that they exist.
    pub fn poll(&mut self, uptime_us: u64, sequencer: &Sequencer) -> Option<Message<'_>> {
        if uptime_us < self.next_at_us || self.sources.is_empty() {
            return None;
        }
        let interval_us = self.interval_us();
        let earliest_us = uptime_us.saturating_sub(interval_us * (CATCH_UP_MAX - 1));
        self.next_at_us = self.next_at_us.max(earliest_us) + interval_us;
        let place = self.next;
        self.next = (place + 1) % messages(self.sources.len());
        self.first_round &= self.next != 0;
        self.message(place, sequencer)
    }

    fn interval_us(&self) -> u64 {
        if self.first_round { self.interval_us.min(FIRST_ROUND_INTERVAL_US) } else { self.interval_us }
    }

    fn message(&self, place: usize, sequencer: &Sequencer) -> Option<Message<'_>> {
        let first = place / RUN_MESSAGES * HEADS_MAX;
        let Some(within) = (place % RUN_MESSAGES).checked_sub(1) else {
            return Some(Message::Heads(sequencer.heads(source_id(first))));
        };
        let Source { name, unit, .. } = self.sources.get(first + within)?;
        Some(Message::Announce(Announce { source: source_id(first + within), name, unit }))
    }
}

/// Messages of one round.
const fn messages(sources: usize) -> usize {
    sources + sources.div_ceil(HEADS_MAX)
}

fn source_id(place: usize) -> SourceId {
    SourceId(u32::try_from(place).unwrap_or(u32::MAX))
}
