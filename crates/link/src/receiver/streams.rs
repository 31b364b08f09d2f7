//! The streams of a session: their steps, in order, for as many streams as there is room.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use noreturn_wire::{Bytes, StreamId, StreamPart, StreamStep};

use super::over::Over;
use super::progress::Progress;
use super::sequence::{Item, LaneCounters, Sequence, Shared};
use super::{Arrival, EventKind, Output, ReceiverConfig, ReceiverCounters, Refusal, StreamEvent};

#[derive(Debug)]
pub(super) struct Streams {
    open: BTreeMap<StreamId, Stream>,
    /// Streams of which nothing more is accepted.
    over: Over,
}

#[derive(Debug)]
pub(super) struct Stream {
    sequence: Sequence<StreamEvent>,
    /// Number of the step that closed it, once that has come.
    end: Option<u64>,
    heard_us: u64,
}

impl Streams {
    pub(super) const fn new() -> Self {
        Self { open: BTreeMap::new(), over: Over::new() }
    }

    /// Takes what was said of a stream.
    pub(super) fn handle(
        &mut self,
        part: &StreamPart<'_>,
        arrival: Arrival,
        shared: &mut Shared,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let id = part.stream;
        if !self.open.contains_key(&id) && self.over.contains(id.0) {
            out.counters.stream_steps_repeated += u64::from(part.step != StreamStep::Head);
            return Ok(());
        }
        let stream = self.stream(id, shared, out);
        stream.heard_us = out.now_us;
        stream.check_end(part)?;
        match event(&part.step) {
            Some(event) => stream.sequence.handle(id, (part.sequence, event), arrival, shared, out),
            None => stream.sequence.handle_head(part.sequence, shared, out),
        }
        self.settle(id, out.config);
        Ok(())
    }

    /// Reports what has been missing for too long.
    pub(super) fn handle_timeout(&mut self, shared: &mut Shared, out: &mut Output<'_>) {
        for (&id, stream) in &mut self.open {
            stream.sequence.handle_timeout(id, shared, out);
        }
    }

    /// Reports everything that is still missing, since nothing more will come.
    pub(super) fn end(&mut self, shared: &mut Shared, out: &mut Output<'_>) {
        for (&id, stream) in &mut self.open {
            stream.sequence.end(id, shared, out);
        }
    }

    /// The streams that are not over, and how far they have come.
    pub(super) fn progress(&self) -> impl Iterator<Item = (StreamId, &Progress)> {
        self.open.iter().map(|(&id, stream)| (id, stream.sequence.progress()))
    }

    /// The same, to be asked for marks.
    pub(super) fn progress_mut(&mut self) -> impl Iterator<Item = (StreamId, &mut Progress)> {
        self.open.iter_mut().map(|(&id, stream)| (id, stream.sequence.progress_mut()))
    }

    pub(super) const fn over(&self) -> &Over {
        &self.over
    }

    pub(super) const fn over_mut(&mut self) -> &mut Over {
        &mut self.over
    }

    /// How far a stream has come that an earlier receiver has followed.
    pub(super) fn restore(
        &mut self,
        id: StreamId,
        shared: &mut Shared,
        out: &mut Output<'_>,
    ) -> &mut Progress {
        self.stream(id, shared, out).sequence.progress_mut()
    }

    /// Forgets that an earlier receiver has followed streams that were over later.
    pub(super) fn restore_over(&mut self, ranges: &[(u64, u64)], config: &ReceiverConfig) {
        self.over.restore(ranges, over_max(config));
        let over = &self.over;
        self.open.retain(|id, _| !over.contains(id.0));
    }

    fn stream(&mut self, id: StreamId, shared: &mut Shared, out: &mut Output<'_>) -> &mut Stream {
        if !self.open.contains_key(&id) {
            while self.open.len() >= out.config.streams_max.max(1) {
                self.evict(shared, out);
            }
        }
        self.open.entry(id).or_insert_with(Stream::new)
    }

    /// Gives up the stream that has been idle for longest.
    fn evict(&mut self, shared: &mut Shared, out: &mut Output<'_>) {
        let idle = self.open.iter().min_by_key(|(_, stream)| stream.heard_us).map(|(&id, _)| id);
        let Some((id, mut stream)) = idle.and_then(|id| self.open.remove_entry(&id)) else { return };
        stream.sequence.end(id, shared, out);
        out.counters.streams_evicted += 1;
        out.emit(EventKind::StreamEvicted { stream: id });
        self.over.insert(id.0, over_max(out.config));
    }

    /// Forgets a stream that was closed and misses nothing, but for its number.
    fn settle(&mut self, id: StreamId, config: &ReceiverConfig) {
        if self.open.get(&id).is_some_and(Stream::is_over) {
            self.open.remove(&id);
            self.over.insert(id.0, over_max(config));
        }
    }
}

impl Stream {
    const fn new() -> Self {
        Self { sequence: Sequence::new(), end: None, heard_us: 0 }
    }

    /// Nothing comes after the step that closes a stream.
    fn check_end(&mut self, part: &StreamPart<'_>) -> Result<(), Refusal> {
        let (closes, last) = match part.step {
            StreamStep::Close(_) | StreamStep::Abort(_) => (true, part.sequence),
            StreamStep::Head => (false, part.sequence.saturating_sub(1)),
            StreamStep::Open(_) | StreamStep::Data { .. } => (false, part.sequence),
        };
        match self.end {
            Some(end) if last > end => Err(Refusal::Inconsistent),
            None if closes => {
                self.end = Some(last);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end < self.sequence.progress().next()) && self.sequence.is_settled()
    }
}

/// Ranges that can be needed to remember which streams are over: some between those that are not.
pub(super) const fn over_max(config: &ReceiverConfig) -> usize {
    config.streams_max.saturating_add(config.gaps_max)
}

/// What happened, with bytes of its own; nothing in a head.
fn event(step: &StreamStep<'_>) -> Option<StreamEvent> {
    Some(match *step {
        StreamStep::Open(name) => StreamEvent::Opened(name.to_string()),
        StreamStep::Data { offset, bytes: Bytes(bytes) } => {
            StreamEvent::Data { offset, bytes: Vec::from(bytes) }
        }
        StreamStep::Close(length) => StreamEvent::Closed(length),
        StreamStep::Abort(length) => StreamEvent::Aborted(length),
        StreamStep::Head => return None,
    })
}

impl Item for StreamEvent {
    type Id = StreamId;

    fn bytes(&self) -> usize {
        match self {
            Self::Opened(name) => name.len(),
            Self::Data { bytes, .. } => bytes.len(),
            Self::Closed(_) | Self::Aborted(_) => 0,
        }
    }

    fn delivered(self, stream: StreamId, sequence: u64, arrival: Arrival) -> EventKind {
        EventKind::Stream { stream, sequence, step: self, arrival }
    }

    fn gap(stream: StreamId, first: u64, last: u64) -> EventKind {
        EventKind::StreamGap { stream, first, last }
    }

    fn counters(counters: &mut ReceiverCounters) -> LaneCounters<'_> {
        LaneCounters {
            delivered: &mut counters.stream_steps,
            recovered: &mut counters.stream_steps_recovered,
            delayed: &mut counters.stream_steps_delayed,
            repeated: &mut counters.stream_steps_repeated,
            impossible: &mut counters.stream_steps_impossible,
            gaps: &mut counters.stream_gaps,
            missing: &mut counters.stream_steps_missing,
            gaps_forgotten: &mut counters.stream_gaps_forgotten,
            lost: &mut counters.stream_steps_lost,
        }
    }
}
