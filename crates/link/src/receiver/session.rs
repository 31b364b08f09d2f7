//! One boot of one diode.

mod marks;

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use noreturn_wire::{Announce, Class, Heads, Message, MessageError, Record, SourceId, StreamPart};

use super::blocks::{BLOCK_IDLE_US, Blocks, Place};
use super::files::Files;
use super::keys::SessionKey;
use super::replay::Replay;
use super::sequence::{Sequence, Shared};
use super::streams::Streams;
use super::{Arrival, EventKind, Output, ReceiverConfig, Refusal};

#[derive(Debug)]
pub(super) struct Session {
    /// `None` until the first authentic frame since this receiver was made.
    key: Option<SessionKey>,
    /// Which of the receiver's authentic frames was the last of this session.
    heard: u64,
    replay: Replay,
    /// By class.
    blocks: [Blocks; Class::ALL.len()],
    /// When blocks that got nothing any more are looked for.
    sweep_us: u64,
    sources: BTreeMap<SourceId, Sequence<Record>>,
    streams: Streams,
    files: Files,
    shared: Shared,
}

impl Session {
    pub(super) const fn new(key: Option<SessionKey>) -> Self {
        Self {
            key,
            heard: 0,
            replay: Replay::new(),
            blocks: [const { Blocks::new() }; Class::ALL.len()],
            sweep_us: 0,
            sources: BTreeMap::new(),
            streams: Streams::new(),
            files: Files::new(),
            shared: Shared::new(),
        }
    }

    pub(super) const fn key(&self) -> Option<&SessionKey> {
        self.key.as_ref()
    }

    pub(super) fn set_key(&mut self, key: SessionKey) {
        self.key = Some(key);
    }

    /// Which of the receiver's authentic frames was the last of this session.
    pub(super) const fn heard(&self) -> u64 {
        self.heard
    }

    pub(super) const fn frames_missing(&self) -> u64 {
        self.replay.missing()
    }

    /// Whether a frame number may be new; before its tag is verified.
    pub(super) fn check_fresh(&self, frame: u64) -> Result<(), Refusal> {
        self.replay.check(frame)
    }

    /// An authentic frame has come.
    pub(super) fn mark_frame(&mut self, frame: u64, heard: u64) {
        self.replay.mark(frame);
        self.heard = heard;
    }

    pub(super) fn handle_data(
        &mut self,
        class: Class,
        place: Place,
        shard: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let new = self.blocks(class).add_data(place, shard, out)?;
        out.counters.data_frames += 1;
        let understood =
            if new { self.handle_shard(shard, arrival(class, Arrival::Direct), out) } else { Ok(()) };
        understood.and(self.complete(class, place.block, out))
    }

    pub(super) fn handle_parity(
        &mut self,
        class: Class,
        (place, data_sent): (Place, u8),
        shard: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        self.blocks(class).add_parity(place, data_sent, shard, out)?;
        out.counters.parity_frames += 1;
        self.complete(class, place.block, out)
    }

    pub(super) fn handle_timeout(&mut self, out: &mut Output<'_>) {
        if self.shared.due_us <= out.now_us {
            // Every lane that still waits says until when.
            self.shared.due_us = u64::MAX;
            for (&source, sequence) in &mut self.sources {
                sequence.handle_timeout(source, &mut self.shared, out);
            }
            self.streams.handle_timeout(&mut self.shared, out);
        }
        if self.sweep_us <= out.now_us {
            self.blocks.iter_mut().for_each(|blocks| blocks.give_up_idle(out));
            self.sweep_us = out.now_us.saturating_add(BLOCK_IDLE_US / 2);
        }
    }

    /// Reports everything that is still missing, since nothing more will come.
    pub(super) fn end(&mut self, out: &mut Output<'_>) {
        for (&source, sequence) in &mut self.sources {
            sequence.end(source, &mut self.shared, out);
        }
        self.streams.end(&mut self.shared, out);
    }

    /// When something will have been missing for too long; maybe a little early.
    pub(super) const fn poll_at(&self) -> Option<u64> {
        if self.shared.due_us == u64::MAX { None } else { Some(self.shared.due_us) }
    }

    fn blocks(&mut self, class: Class) -> &mut Blocks {
        &mut self.blocks[class as usize]
    }

    /// Takes what parity gives back. A shard that is not understood costs its own messages, not its neighbours'.
    fn complete(&mut self, class: Class, block: u64, out: &mut Output<'_>) -> Result<(), Refusal> {
        let mut understood = Ok(());
        for shard in self.blocks(class).complete(block, out) {
            out.counters.shards_recovered += 1;
            understood = understood.and(self.handle_shard(&shard, arrival(class, Arrival::Parity), out));
        }
        understood
    }

    /// Takes the messages of a shard: all of them, whatever one of them contradicts, but for those that are not understood.
    fn handle_shard(&mut self, shard: &[u8], arrival: Arrival, out: &mut Output<'_>) -> Result<(), Refusal> {
        let mut consistent = Ok(());
        for message in Message::decode_all(shard) {
            let handled = match message {
                Ok(message) => self.handle_message(message, arrival, out),
                Err(MessageError::Unknown) => {
                    out.counters.messages_unknown += 1;
                    Ok(())
                }
                Err(_) => Err(Refusal::Malformed),
            };
            consistent = consistent.and(handled);
        }
        consistent
    }

    fn handle_message(
        &mut self,
        message: Message<'_>,
        arrival: Arrival,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        match message {
            Message::Record(record) => self.handle_record(record, arrival, out),
            Message::Announce(announce) => handle_announce(&announce, out),
            Message::Heads(heads) => self.handle_heads(&heads, out),
            Message::Stream(part) => return self.handle_stream(&part, arrival, out),
            Message::File(part) => return self.files.handle(&part, out),
        }
        Ok(())
    }

    fn handle_record(&mut self, record: Record, arrival: Arrival, out: &mut Output<'_>) {
        let id = record.source;
        self.with_source(id, out, |sequence, shared, out| {
            sequence.handle(id, (record.sequence, record), arrival, shared, out);
        });
    }

    fn handle_stream(
        &mut self,
        part: &StreamPart<'_>,
        arrival: Arrival,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        self.streams.handle(part, arrival, &mut self.shared, out)
    }

    fn handle_heads(&mut self, heads: &Heads, out: &mut Output<'_>) {
        for (source, &head) in (heads.first.0..=u32::MAX).zip(&heads.next) {
            let id = SourceId(source);
            self.with_source(id, out, |sequence, shared, out| sequence.handle_head(head, shared, out));
        }
    }

    /// Lets `act` have the sequence of a source, if the session may have that source.
    fn with_source(
        &mut self,
        id: SourceId,
        out: &mut Output<'_>,
        act: impl FnOnce(&mut Sequence<Record>, &mut Shared, &mut Output<'_>),
    ) {
        if !may_have(id, out.config) {
            out.counters.records_source_limit += 1;
            return;
        }
        act(self.sources.entry(id).or_insert_with(Sequence::new), &mut self.shared, out);
    }
}

fn handle_announce(announce: &Announce<'_>, out: &mut Output<'_>) {
    if !may_have(announce.source, out.config) {
        out.counters.records_source_limit += 1;
        return;
    }
    let (name, unit) = (announce.name.to_string(), announce.unit.to_string());
    out.emit(EventKind::Announced { source: announce.source, name, unit });
}

fn may_have(source: SourceId, config: &ReceiverConfig) -> bool {
    usize::try_from(source.0).is_ok_and(|source| source < config.sources_max)
}

/// How the contents of a shard come that itself came in this way.
const fn arrival(class: Class, shard: Arrival) -> Arrival {
    match class {
        Class::History => Arrival::Delayed,
        Class::Alarm | Class::Telemetry | Class::Bulk => shard,
    }
}
