//! A network that loses, delays, copies, damages, invents and repeats datagrams.

use std::collections::{BTreeMap, VecDeque};

use noreturn_wire::frame::{FRAME_BYTES_MAX, HEADER_BYTES, TAG_BYTES};

use crate::random::Random;

/// Genuine frames that are remembered to be replayed later.
const RECORDED_MAX: usize = 4096;

/// What a network does wrong, per frame, in parts of a thousand unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Lost, each by itself.
    pub lost: u64,
    /// Burst losses begin (Gilbert–Elliott model: nothing gets through in the bad state), in parts of a million.
    pub burst_per_million: u64,
    /// A burst begins at every so many frames; 0 is never.
    pub burst_every_frames: u64,
    /// Frames of a burst: exactly so many, or on average if `burst_varies`.
    pub burst_frames: u64,
    /// Whether bursts end by chance, with a mean of `burst_frames`.
    pub burst_varies: bool,
    /// Delivered twice.
    pub duplicated: u64,
    /// Damaged in one bit.
    pub corrupted: u64,
    /// Invented besides: random bytes behind a header that fits.
    pub forged: u64,
    /// Recorded earlier, from any boot, and sent again besides.
    pub replayed: u64,
    /// Longest extra delay, in microseconds; frames overtake each other.
    pub delay_us_max: u64,
}

/// A datagram that arrives.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) origin: Origin,
}

/// Where a datagram comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The sender, as it was sent.
    Sender,
    /// The sender, but a bit was changed.
    Damaged,
    /// Nobody who has the key.
    Forger,
    /// The sender, long ago; it was delivered then.
    Recording,
}

pub(crate) struct Network {
    faults: Faults,
    random: Random,
    burst_left: u64,
    in_burst: bool,
    /// Frames that the network was given.
    offered: u64,
    cut: bool,
    flying: BTreeMap<(u64, u64), Datagram>,
    sent: u64,
    recorded: VecDeque<Vec<u8>>,
}

impl Network {
    pub(crate) fn new(faults: Faults, seed: u64) -> Self {
        Self {
            faults,
            random: Random(seed),
            burst_left: 0,
            in_burst: false,
            offered: 0,
            cut: false,
            flying: BTreeMap::new(),
            sent: 0,
            recorded: VecDeque::new(),
        }
    }

    /// Lets nothing through while `cut`.
    pub(crate) fn cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    /// Does nothing wrong any more.
    pub(crate) fn calm(&mut self) {
        (self.faults, self.in_burst, self.burst_left, self.cut) = (Faults::default(), false, 0, false);
    }

    pub(crate) fn send(&mut self, now_us: u64, frame: &[u8]) {
        if self.random.chance(self.faults.forged) {
            let forged = self.forge(frame);
            self.fly(now_us, forged, Origin::Forger);
        }
        if self.random.chance(self.faults.replayed)
            && let Some(old) = self.pick_recorded()
        {
            self.fly(now_us, old, Origin::Recording);
        }
        if self.is_bursting() || self.random.chance(self.faults.lost) || self.cut {
            return;
        }
        let copies = if self.random.chance(self.faults.duplicated) { 2 } else { 1 };
        for _ in 0..copies {
            if self.random.chance(self.faults.corrupted) {
                let mut damaged = frame.to_vec();
                let at = self.random.below(frame.len() as u64) as usize;
                damaged[at] ^= 1 << self.random.below(8);
                self.fly(now_us, damaged, Origin::Damaged);
            } else {
                self.fly(now_us, frame.to_vec(), Origin::Sender);
            }
        }
    }

    /// Remembers a frame that has been delivered.
    pub(crate) fn record(&mut self, frame: &[u8]) {
        if self.faults.replayed == 0 {
            return;
        }
        if self.recorded.len() == RECORDED_MAX {
            let place = self.random.below(RECORDED_MAX as u64) as usize;
            self.recorded[place] = frame.to_vec();
        } else {
            self.recorded.push_back(frame.to_vec());
        }
    }

    /// When the next datagram arrives.
    pub(crate) fn next_us(&self) -> Option<u64> {
        self.flying.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next datagram that has arrived by now.
    pub(crate) fn arrived(&mut self, now_us: u64) -> Option<Datagram> {
        let entry = self.flying.first_entry()?;
        (entry.key().0 <= now_us).then(|| entry.remove())
    }

    fn is_bursting(&mut self) -> bool {
        if self.faults.burst_varies {
            let leaves = self.in_burst && self.random.below(self.faults.burst_frames.max(1)) == 0;
            let enters = !self.in_burst && self.random.below(1_000_000) < self.faults.burst_per_million;
            self.in_burst = (self.in_burst && !leaves) || enters;
            return self.in_burst;
        }
        self.offered += 1;
        let is_due = self.faults.burst_every_frames > 0
            && self.offered.is_multiple_of(self.faults.burst_every_frames)
            || self.random.below(1_000_000) < self.faults.burst_per_million;
        if self.burst_left == 0 && is_due {
            self.burst_left = self.faults.burst_frames;
        }
        let is_bursting = self.burst_left > 0;
        self.burst_left = self.burst_left.saturating_sub(1);
        is_bursting
    }

    fn fly(&mut self, now_us: u64, bytes: Vec<u8>, origin: Origin) {
        let at = now_us + self.random.below(self.faults.delay_us_max + 1);
        self.sent += 1;
        self.flying.insert((at, self.sent), Datagram { bytes, origin });
    }

    /// A frame like `frame` that nobody with the key has made: another payload, or nothing like a frame at all.
    fn forge(&mut self, frame: &[u8]) -> Vec<u8> {
        if self.random.chance(300) {
            let length = self.random.below(FRAME_BYTES_MAX as u64 + 100);
            return (0..length).map(|_| self.random.draw() as u8).collect();
        }
        let mut forged = frame.to_vec();
        let from = if self.random.chance(500) { HEADER_BYTES } else { frame.len() - TAG_BYTES };
        for byte in &mut forged[from..] {
            *byte = byte.wrapping_add(1 + self.random.below(255) as u8);
        }
        forged
    }

    fn pick_recorded(&mut self) -> Option<Vec<u8>> {
        let place = self.random.below(self.recorded.len() as u64) as usize;
        self.recorded.get(place).cloned()
    }
}
