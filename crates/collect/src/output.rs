//! What every collector is driven by and yields.

use noreturn_wire::{Counter, Quality, SourceId, TimeQuality, Value};

/// The present, by both clocks of the box.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Microseconds since the kernel started; never goes back. All deadlines are by this clock.
    pub uptime_us: u64,
    /// Microseconds since 1970-01-01 UTC by the box's clock, which may be set back. Only written into records.
    pub clock_us: u64,
    /// How well that time is known.
    pub time_quality: TimeQuality,
}

/// One acquisition, not yet numbered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample {
    /// Where it was measured.
    pub source: SourceId,
    /// When it was acquired, or the outage was found: [`Now::clock_us`].
    pub acquired_us: u64,
    /// How well that time was known: [`Now::time_quality`].
    pub time_quality: TimeQuality,
    /// Whether the value can be trusted, and if not, why.
    pub quality: Quality,
    /// The value, scaled.
    pub value: Value,
}

/// Where collectors put what they have found.
pub trait Output {
    /// Takes one sample. Samples of one source come in the order of their acquisition.
    fn sample(&mut self, sample: Sample);

    /// Counts `by` more of `counter`.
    fn count(&mut self, counter: Counter, by: u64);
}
