//! What must survive a restart: from a session to marks, and back.

use alloc::vec::Vec;

use super::super::progress::Progress;
use super::super::replay::Replay;
use super::super::sequence::Sequence;
use super::super::{Lane, Mark, Objects, Output, SessionId, files};
use super::{Session, may_have};

impl Session {
    /// Appends the marks of what has changed since the last call.
    pub(in super::super) fn drain_marks(&mut self, id: SessionId, marks: &mut Vec<Mark>) {
        marks.push(self.frames_mark(id));
        // Before the streams that are not over, so that whoever takes the marks up has room for these.
        for (objects, over) in
            [(Objects::Streams, self.streams.over_mut()), (Objects::Files, self.files.over_mut())]
        {
            if over.take_change() {
                marks.push(over_mark(id, objects, over.ranges()));
            }
        }
        for (&source, sequence) in &mut self.sources {
            sequence.progress_mut().drain_marks(id, Lane::Source(source), marks);
        }
        for (stream, progress) in self.streams.progress_mut() {
            progress.drain_marks(id, Lane::Stream(stream), marks);
        }
    }

    /// Appends the marks of everything.
    pub(in super::super) fn all_marks(&self, id: SessionId, marks: &mut Vec<Mark>) {
        marks.push(self.frames_mark(id));
        for (objects, over) in [(Objects::Streams, self.streams.over()), (Objects::Files, self.files.over())]
        {
            if !over.ranges().is_empty() {
                marks.push(over_mark(id, objects, over.ranges()));
            }
        }
        for (&source, sequence) in &self.sources {
            sequence.progress().all_marks(id, Lane::Source(source), marks);
        }
        for (stream, progress) in self.streams.progress() {
            progress.all_marks(id, Lane::Stream(stream), marks);
        }
    }

    /// Takes up what an earlier receiver has left of this session.
    pub(in super::super) fn restore(&mut self, mark: &Mark, heard: u64, out: &mut Output<'_>) {
        self.heard = heard;
        match mark {
            Mark::Session { frames_end, .. } => self.replay = Replay::restored(*frames_end),
            Mark::Next { lane, next, .. } => {
                if let Some(progress) = self.restored_lane(*lane, out) {
                    progress.restore_next(*next);
                }
            }
            Mark::Missing { lane, ranges, .. } => {
                let gaps_max = out.config.gaps_max;
                if let Some(progress) = self.restored_lane(*lane, out) {
                    progress.restore_missing(ranges, gaps_max);
                }
            }
            Mark::Over { objects: Objects::Streams, ranges, .. } => {
                self.streams.restore_over(ranges, out.config);
            }
            Mark::Over { objects: Objects::Files, ranges, .. } => {
                self.files.over_mut().restore(ranges, files::over_max(out.config));
            }
            Mark::Ended { .. } => {}
        }
    }

    fn restored_lane(&mut self, lane: Lane, out: &mut Output<'_>) -> Option<&mut Progress> {
        match lane {
            Lane::Source(source) if may_have(source, out.config) => {
                Some(self.sources.entry(source).or_insert_with(Sequence::new).progress_mut())
            }
            Lane::Source(_) => None,
            Lane::Stream(stream) => Some(self.streams.restore(stream, &mut self.shared, out)),
        }
    }

    const fn frames_mark(&self, (diode, boot): SessionId) -> Mark {
        Mark::Session { diode, boot, frames_end: self.replay.end() }
    }
}

fn over_mark((diode, boot): SessionId, objects: Objects, ranges: &[(u64, u64)]) -> Mark {
    Mark::Over { diode, boot, objects, ranges: ranges.to_vec() }
}
