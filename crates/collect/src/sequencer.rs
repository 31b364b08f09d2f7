//! Sequence numbers: samples become records that are counted per source, without holes.

use alloc::vec;
use alloc::vec::Vec;

use noreturn_wire::message::HEADS_MAX;
use noreturn_wire::{Class, Counter, Counters, Heads, Message, Record, SourceId};

use crate::output::{Output, Sample};

/// The next sequence number of every source; there is one sequencer per boot.
#[derive(Debug)]
pub struct Sequencer {
    next: Vec<u64>,
}

impl Sequencer {
    /// Starts at 0 for sources 0 to `sources` - 1.
    #[must_use]
    pub fn new(sources: usize) -> Self {
        Self { next: vec![0; sources] }
    }

    /// Numbers a sample; nothing if there is no such source, which no checked configuration causes.
    pub fn record(&mut self, sample: Sample) -> Option<Record> {
        let next = self.next.get_mut(sample.source.0 as usize)?;
        let sequence = *next;
        *next += 1;
        let Sample { source, acquired_us, time_quality, quality, value } = sample;
        Some(Record { source, sequence, acquired_us, time_quality, quality, value })
    }

    /// How far `first` and the sources after it have counted, at most [`HEADS_MAX`] of them.
    #[must_use]
    pub fn heads(&self, first: SourceId) -> Heads {
        Heads { first, next: self.next.iter().skip(first.0 as usize).take(HEADS_MAX).copied().collect() }
    }
}

/// An [`Output`] that numbers samples and hands each on as a message, in order.
#[derive(Debug)]
pub struct Recorder<'a, W> {
    /// Numbers the records.
    pub sequencer: &'a mut Sequencer,
    /// Class of each source, by its number.
    pub classes: &'a [Class],
    /// Counts what is reported, and [`Counter::Records`].
    pub counters: &'a mut Counters,
    /// Takes every record, and the class of its source.
    pub write: W,
}

impl<W: FnMut(Class, &Message<'_>)> Output for Recorder<'_, W> {
    fn sample(&mut self, sample: Sample) {
        let class = self.classes.get(sample.source.0 as usize);
        if let (Some(record), Some(class)) = (self.sequencer.record(sample), class) {
            self.counters.add(Counter::Records, 1);
            (self.write)(*class, &Message::Record(record));
        }
    }

    fn count(&mut self, counter: Counter, by: u64) {
        self.counters.add(counter, by);
    }
}
