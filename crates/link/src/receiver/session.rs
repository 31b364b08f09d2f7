//! One boot of one diode.

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use noreturn_wire::{Announce, Code, Heads, Message, Record, SourceId};

use super::blocks::Blocks;
use super::replay::Replay;
use super::sequence::Sequence;
use super::{EventKind, Output, ReceiverConfig, Refusal};
use crate::key::FrameKey;

#[derive(Debug)]
pub(super) struct Session {
    key: FrameKey,
    config: ReceiverConfig,
    heard_us: u64,
    replay: Replay,
    blocks: Blocks,
    sources: BTreeMap<SourceId, Sequence>,
    held_records: usize,
}

impl Session {
    pub(super) fn new(key: FrameKey, config: ReceiverConfig, now_us: u64) -> Self {
        Self {
            key,
            config,
            heard_us: now_us,
            replay: Replay::new(),
            blocks: Blocks::new(config.shard_bytes_max),
            sources: BTreeMap::new(),
            held_records: 0,
        }
    }

    pub(super) const fn key(&self) -> &FrameKey {
        &self.key
    }

    /// When the last authentic frame came.
    pub(super) const fn heard_us(&self) -> u64 {
        self.heard_us
    }

    pub(super) const fn frames_missing(&self) -> u64 {
        self.replay.missing()
    }

    /// Whether a frame number may be new; before its tag is verified.
    pub(super) fn check_fresh(&self, frame: u64) -> Result<(), Refusal> {
        self.replay.check(frame)
    }

    /// An authentic frame has come.
    pub(super) fn heard(&mut self, frame: u64, now_us: u64) {
        self.replay.mark(frame);
        self.heard_us = now_us;
    }

    pub(super) fn handle_data(
        &mut self,
        block: u64,
        code: Code,
        index: u8,
        shard: &[u8],
        now_us: u64,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let taken = self.blocks.add_data(block, code, index, shard)?;
        out.counters.data_frames += 1;
        out.counters.blocks_incomplete += taken.given_up;
        let understood = if taken.new { self.handle_shard(shard, false, now_us, out) } else { Ok(()) };
        understood.and(self.complete(block, now_us, out))
    }

    pub(super) fn handle_parity(
        &mut self,
        block: u64,
        code: Code,
        place: (u8, u8),
        shard: &[u8],
        now_us: u64,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let taken = self.blocks.add_parity(block, code, place, shard)?;
        out.counters.parity_frames += 1;
        out.counters.blocks_incomplete += taken.given_up;
        self.complete(block, now_us, out)
    }

    pub(super) fn handle_timeout(&mut self, now_us: u64, out: &mut Output<'_>) {
        for (&source, sequence) in &mut self.sources {
            let released = sequence.handle_timeout(now_us, self.config.hold_us, out, source);
            self.held_records = self.held_records.saturating_add_signed(-released);
        }
    }

    /// Reports everything that is still missing, since nothing more will come.
    pub(super) fn give_up(&mut self, out: &mut Output<'_>) {
        self.handle_timeout(u64::MAX, out);
    }

    pub(super) fn poll_at(&self) -> Option<u64> {
        self.sources.values().filter_map(|sequence| sequence.due_us(self.config.hold_us)).min()
    }

    /// Takes what parity gives back. A shard that is not understood costs its own records, not its neighbours'.
    fn complete(&mut self, block: u64, now_us: u64, out: &mut Output<'_>) -> Result<(), Refusal> {
        let mut understood = Ok(());
        for shard in self.blocks.complete(block) {
            out.counters.shards_recovered += 1;
            understood = understood.and(self.handle_shard(&shard, true, now_us, out));
        }
        understood
    }

    fn handle_shard(
        &mut self,
        shard: &[u8],
        recovered: bool,
        now_us: u64,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        for message in Message::decode_all(shard) {
            match message.map_err(|_| Refusal::Malformed)? {
                Message::Record(record) => self.handle_record(record, recovered, now_us, out),
                Message::Announce(announce) => self.handle_announce(&announce, out),
                Message::Heads(heads) => self.handle_heads(&heads, now_us, out),
                Message::Stream(_) | Message::File(_) => {}
            }
        }
        Ok(())
    }

    fn handle_record(&mut self, record: Record, recovered: bool, now_us: u64, out: &mut Output<'_>) {
        let Some(sequence) = self.sequence(record.source) else {
            out.counters.records_source_limit += 1;
            return;
        };
        let more = sequence.handle_record(record, recovered, now_us, out);
        self.held_records = self.held_records.saturating_add_signed(more);
        if self.held_records > self.config.held_records_max {
            self.release(record.source, out);
        }
    }

    /// Memory is full: stops waiting for the holes of the source that asked for more.
    fn release(&mut self, source: SourceId, out: &mut Output<'_>) {
        if let Some(sequence) = self.sources.get_mut(&source) {
            let released = sequence.give_up_first(out, source);
            self.held_records = self.held_records.saturating_add_signed(-released);
        }
    }

    fn handle_announce(&mut self, announce: &Announce<'_>, out: &mut Output<'_>) {
        if usize::try_from(announce.source.0).is_ok_and(|source| source < self.config.sources_max) {
            out.emit(EventKind::Announced {
                source: announce.source,
                name: announce.name.to_string(),
                unit: announce.unit.to_string(),
            });
        } else {
            out.counters.records_source_limit += 1;
        }
    }

    fn handle_heads(&mut self, heads: &Heads, now_us: u64, out: &mut Output<'_>) {
        for (source, &head) in (heads.first.0..=u32::MAX).zip(&heads.next) {
            match self.sequence(SourceId(source)) {
                Some(sequence) => sequence.handle_head(head, now_us),
                None => out.counters.records_source_limit += 1,
            }
        }
    }

    fn sequence(&mut self, source: SourceId) -> Option<&mut Sequence> {
        if usize::try_from(source.0).is_ok_and(|source| source < self.config.sources_max) {
            return Some(self.sources.entry(source).or_default());
        }
        None
    }
}
