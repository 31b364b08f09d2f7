//! How far a stream has come: the same that the protocol's receiver knows of it, learned from its events.

use std::collections::BTreeMap;

/// What comes next, and what is missing before that.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Progress {
    next: u64,
    /// Missing ranges of steps: first to last.
    missing: BTreeMap<u64, u64>,
}

/// Where a step stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// It is the next.
    Next,
    /// It was missing.
    Missing,
    /// It has come before.
    Repeated,
    /// Steps before it were never told of.
    Ahead,
}

impl Progress {
    /// Takes up what comes next, as an earlier run has remembered it.
    pub(super) const fn restore_next(&mut self, next: u64) {
        self.next = next;
    }

    /// Takes up what was missing.
    pub(super) fn restore_missing(&mut self, ranges: &[(u64, u64)]) {
        self.missing = ranges.iter().copied().collect();
    }

    /// Whether nothing has come.
    pub(super) fn is_new(&self) -> bool {
        self.next == 0
    }

    /// Whether this step has come, or is missing.
    pub(super) const fn has_passed(&self, sequence: u64) -> bool {
        sequence < self.next
    }

    /// Whether nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// How many ranges are missing.
    pub(super) fn gaps(&self) -> usize {
        self.missing.len()
    }

    /// Takes a step.
    pub(super) fn take(&mut self, sequence: u64) -> Turn {
        if sequence < self.next {
            return if self.fill(sequence) { Turn::Missing } else { Turn::Repeated };
        }
        let turn = if sequence == self.next { Turn::Next } else { Turn::Ahead };
        self.next = sequence.saturating_add(1);
        turn
    }

    /// Takes note that steps are missing; whether they are the next.
    pub(super) fn miss(&mut self, first: u64, last: u64) -> bool {
        let is_next = first == self.next && first <= last;
        let joins = self.missing.last_entry().filter(|range| range.get().checked_add(1) == Some(first));
        match joins {
            Some(mut range) => *range.get_mut() = last,
            None => {
                self.missing.insert(first, last);
            }
        }
        self.next = self.next.max(last.saturating_add(1));
        is_next
    }

    fn fill(&mut self, sequence: u64) -> bool {
        let range = self.missing.range(..=sequence).next_back().map(|(&first, &last)| (first, last));
        let Some((first, last)) = range.filter(|&(_, last)| sequence <= last) else { return false };
        self.missing.remove(&first);
        if first < sequence {
            self.missing.insert(first, sequence - 1);
        }
        if sequence < last {
            self.missing.insert(sequence + 1, last);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missing_is_taken_once() {
        let mut progress = Progress::default();
        assert_eq!(progress.take(0), Turn::Next);
        assert!(progress.miss(1, 3));
        assert_eq!((progress.take(4), progress.is_whole()), (Turn::Next, false));
        assert!(progress.miss(5, 5) && progress.miss(6, 7));
        assert_eq!(progress.gaps(), 2, "gaps that touch are one");
        assert_eq!([2, 2, 1, 3, 0].map(|sequence| progress.take(sequence)), {
            [Turn::Missing, Turn::Repeated, Turn::Missing, Turn::Missing, Turn::Repeated]
        });
        assert_eq!([5, 6, 7].map(|sequence| progress.take(sequence)), [Turn::Missing; 3]);
        assert!(progress.is_whole());
        assert_eq!(progress.take(9), Turn::Ahead);
        assert!(!progress.miss(12, 13) && !progress.miss(15, 14), "what was skipped is not a plain gap");
    }
}
