//! The clock: which source it believes, and what time it is by that.
//!
//! All counting is by the uptime, which nothing can set. What sources say only changes what UTC an uptime is taken for.

use heapless::Vec;
use noreturn_wire::crossing::ClockReading;
use noreturn_wire::{ClockState, Counter, TimeSource};

use crate::sample::{Rate, Sample};

/// Sources that can be listened to; the machine's own clock is read only once.
const SOURCES_MAX: usize = 2;
/// So many samples in a row must say the same before a source is believed, or believed when it has changed its mind.
const AGREEING_MIN: u32 = 3;
/// A change of the clock by more than this is a step (RFC 5905, section 11.2.1: STEPT).
const STEP_US: u64 = 128_000;

/// A source that is listened to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceSettings {
    /// Which one.
    pub source: TimeSource,
    /// It is not believed any more when it has said nothing that fits for so long.
    pub silent_us: u64,
}

/// What became of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It fits what the source said before, or the source has now said it often enough.
    Taken,
    /// It is the first, or contradicts what the source said before; it waits for more that say the same.
    Outlier,
    /// The source is not one of those that are listened to.
    Unwanted,
}

impl Taken {
    /// What counts it.
    #[must_use]
    pub const fn counter(self) -> Option<Counter> {
        match self {
            Self::Taken => Some(Counter::TimeSamples),
            Self::Outlier => Some(Counter::TimeOutliers),
            Self::Unwanted => None,
        }
    }
}

/// News about where the time is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is from this source from now on.
    To(TimeSource),
    /// Every source is silent. The clock goes on by what this one said last, and knows less and less.
    HoldingOver(TimeSource),
}

/// The box's clock.
#[derive(Clone, Debug)]
pub struct Clock {
    /// In order of trust.
    sources: Vec<Source, SOURCES_MAX>,
    /// Where the time is from.
    current: TimeSource,
    mapping: Sample,
    rate: Rate,
    /// Whether the mapping's uncertainty means anything.
    is_bounded: bool,
    steps: u64,
    /// Whether there was a source to choose, last time.
    is_led: bool,
}

impl Clock {
    /// A clock that listens to `sources`, the most trusted first; more than two, or one twice, are left out. Until one of
    /// them is believed it goes by `rtc_us`, what the machine's own clock showed at uptime 0, in microseconds since 1970.
    #[must_use]
    pub fn new(sources: impl IntoIterator<Item = SourceSettings>, rtc_us: Option<u64>) -> Self {
        let mut wanted = Vec::<Source, SOURCES_MAX>::new();
        for settings in sources {
            if wanted.iter().all(|other| other.settings.source != settings.source) {
                // The rest is left out.
                let _ = wanted.push(Source::new(settings));
            }
        }
        Self {
            sources: wanted,
            current: if rtc_us.is_some() { TimeSource::Rtc } else { TimeSource::None },
            mapping: Sample { uptime_us: 0, utc_us: rtc_us.unwrap_or(0), uncertainty_us: 0 },
            rate: Rate::UNKNOWN,
            is_bounded: false,
            steps: 0,
            is_led: false,
        }
    }

    /// Takes what `source` said.
    pub fn take(&mut self, source: TimeSource, sample: Sample) -> Taken {
        match self.sources.iter_mut().find(|known| known.settings.source == source) {
            Some(known) => known.take(sample),
            None => Taken::Unwanted,
        }
    }

    /// Chooses the source to go by from now on; what is new about that.
    ///
    /// The most trusted of those that are believed counts. If there is none, the clock goes on by the last one: its
    /// uncertainty grows, but the machine's own clock, read long ago and counted on by the same counter, knows less.
    pub fn poll(&mut self, uptime_us: u64) -> Option<Change> {
        self.sources.iter_mut().for_each(|source| source.forget_if_silent(uptime_us));
        let best = self.sources.iter().find_map(|known| Some((known, known.believed?)));
        let was_led = core::mem::replace(&mut self.is_led, best.is_some());
        let Some((known, sample)) = best else {
            return was_led.then_some(Change::HoldingOver(self.current));
        };
        let (source, rate) = (known.settings.source, known.rate);
        let before_us = self.mapping.at(uptime_us, self.rate).utc_us;
        if before_us.abs_diff(sample.at(uptime_us, rate).utc_us) > STEP_US {
            self.steps += 1;
        }
        (self.mapping, self.rate, self.is_bounded) = (sample, rate, true);
        let is_new = core::mem::replace(&mut self.current, source) != source || !was_led;
        is_new.then_some(Change::To(source))
    }

    /// What the clock shows.
    #[must_use]
    pub fn read(&self, uptime_us: u64) -> ClockReading {
        let Sample { utc_us, uncertainty_us, .. } = self.mapping.at(uptime_us, self.rate);
        let uncertainty_us = if self.is_bounded { Some(uncertainty_us) } else { None };
        let state = ClockState { source: self.current, uncertainty_us, steps: self.steps };
        ClockReading { uptime_us, clock_us: utc_us, state }
    }
}

/// What is known of a source.
#[derive(Clone, Debug)]
struct Source {
    settings: SourceSettings,
    /// The best that it said, if it is believed.
    believed: Option<Sample>,
    /// What it said once, from which on the rate is measured.
    anchor: Option<Sample>,
    /// How the counter goes by what it says.
    rate: Rate,
    /// When it last said something that fits.
    heard_us: u64,
    /// What it says otherwise.
    candidate: Option<Candidate>,
}

/// Samples in a row that agree.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    first: Sample,
    best: Sample,
    agreeing: u32,
}

impl Source {
    const fn new(settings: SourceSettings) -> Self {
        Self { settings, believed: None, anchor: None, rate: Rate::UNKNOWN, heard_us: 0, candidate: None }
    }

    fn take(&mut self, sample: Sample) -> Taken {
        self.forget_if_silent(sample.uptime_us);
        let rate = self.rate;
        if let Some(believed) = self.believed.filter(|believed| believed.agrees(&sample, rate)) {
            self.believe(believed.or_better(sample, rate), sample.uptime_us);
            self.learn(sample);
            return Taken::Taken;
        }
        let unknown = Rate::UNKNOWN;
        let candidate = match self.candidate.filter(|candidate| candidate.best.agrees(&sample, unknown)) {
            Some(Candidate { first, best, agreeing }) => {
                Candidate { first, best: best.or_better(sample, unknown), agreeing: agreeing + 1 }
            }
            None => Candidate { first: sample, best: sample, agreeing: 1 },
        };
        if candidate.agreeing < AGREEING_MIN {
            self.candidate = Some(candidate);
            return Taken::Outlier;
        }
        // What it said before was wrong, and so may be the rate that followed from it.
        (self.anchor, self.rate) = (Some(candidate.first), unknown);
        self.learn(sample);
        self.believe(candidate.best, sample.uptime_us);
        Taken::Taken
    }

    /// Measures the rate from the anchor on, which is replaced when something much better is said.
    fn learn(&mut self, sample: Sample) {
        let anchor = *self.anchor.get_or_insert(sample);
        self.rate = self.rate.or_better(&anchor, &sample);
        if sample.uncertainty_us < anchor.uncertainty_us / 2 {
            self.anchor = Some(sample);
        }
    }

    fn believe(&mut self, sample: Sample, uptime_us: u64) {
        self.believed = Some(sample);
        self.candidate = None;
        self.heard_us = uptime_us;
    }

    fn forget_if_silent(&mut self, uptime_us: u64) {
        if uptime_us.saturating_sub(self.heard_us) > self.settings.silent_us {
            self.believed = None;
        }
    }
}
