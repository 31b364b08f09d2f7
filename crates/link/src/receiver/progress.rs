//! How far a lane has come: all of its state that must survive a restart.

use alloc::vec::Vec;

use super::ranges::Ranges;
use super::{Lane, Mark, SessionId};

#[derive(Debug)]
pub(super) struct Progress {
    /// The number that is delivered next.
    next: u64,
    /// What was reported as missing and has not come yet; all of it below `next`.
    missing: Ranges,
    /// Whether they are others than the last marks said.
    next_changed: bool,
    missing_changed: bool,
}

impl Progress {
    pub(super) const fn new() -> Self {
        Self { next: 0, missing: Ranges::new(), next_changed: false, missing_changed: false }
    }

    /// The number that is delivered next.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether nothing is missing that was reported.
    pub(super) const fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Goes on to `next`.
    pub(super) const fn advance(&mut self, next: u64) {
        self.next = next;
        self.next_changed = true;
    }

    /// Goes on to `next`, although everything before it is missing.
    pub(super) fn skip(&mut self, next: u64) {
        if let Some(last) = next.checked_sub(1) {
            self.missing.insert(self.next, last);
        }
        self.missing_changed = true;
        self.advance(next);
    }

    /// Takes what has come out of what is missing; whether it was missing.
    pub(super) fn fill(&mut self, sequence: u64) -> bool {
        let was_missing = self.missing.remove(sequence);
        self.missing_changed |= was_missing;
        was_missing
    }

    /// Gives up a missing range if there are more than `gaps_max`, rather not one that adjoins `spared`.
    pub(super) fn forget(&mut self, gaps_max: usize, spared: u64) -> Option<(u64, u64)> {
        let forgotten = if self.missing.len() > gaps_max { self.missing.forget(spared) } else { None };
        self.missing_changed |= forgotten.is_some();
        forgotten
    }

    /// Appends the marks that are due.
    pub(super) fn drain_marks(&mut self, id: SessionId, lane: Lane, marks: &mut Vec<Mark>) {
        if core::mem::take(&mut self.next_changed) {
            marks.push(self.next_mark(id, lane));
        }
        if core::mem::take(&mut self.missing_changed) {
            marks.push(self.missing_mark(id, lane));
        }
    }

    /// Appends all marks.
    pub(super) fn all_marks(&self, id: SessionId, lane: Lane, marks: &mut Vec<Mark>) {
        marks.push(self.next_mark(id, lane));
        if !self.missing.is_empty() {
            marks.push(self.missing_mark(id, lane));
        }
    }

    /// Takes up where an earlier receiver was.
    pub(super) fn restore_next(&mut self, next: u64) {
        self.next = next;
        self.missing.truncate(next);
    }

    /// Remembers what an earlier receiver had missed.
    pub(super) fn restore_missing(&mut self, ranges: &[(u64, u64)], gaps_max: usize) {
        self.missing = Ranges::from_list(ranges);
        self.missing.truncate(self.next);
        while self.missing.len() > gaps_max {
            self.missing.forget(self.next);
        }
        self.missing.shrink();
    }

    const fn next_mark(&self, (diode, boot): SessionId, lane: Lane) -> Mark {
        Mark::Next { diode, boot, lane, next: self.next }
    }

    fn missing_mark(&self, (diode, boot): SessionId, lane: Lane) -> Mark {
        Mark::Missing { diode, boot, lane, ranges: self.missing.as_slice().to_vec() }
    }
}
