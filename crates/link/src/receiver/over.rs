//! The numbers of objects of which nothing more is accepted, so that the history does not start them again.

use super::ranges::Ranges;

#[derive(Debug)]
pub(super) struct Over {
    ranges: Ranges,
    /// Whether there are others than the last mark said.
    changed: bool,
}

impl Over {
    pub(super) const fn new() -> Self {
        Self { ranges: Ranges::new(), changed: false }
    }

    pub(super) fn contains(&self, object: u32) -> bool {
        self.ranges.contains(object.into())
    }

    pub(super) fn ranges(&self) -> &[(u64, u64)] {
        self.ranges.as_slice()
    }

    /// Remembers that an object is over. When there are more ranges than `ranges_max`, objects between the first two count
    /// as over too: they are the oldest, and nothing of them has come.
    pub(super) fn insert(&mut self, object: u32, ranges_max: usize) {
        self.ranges.insert(object.into(), object.into());
        self.bound(ranges_max);
        self.changed = true;
    }

    /// Adds what an earlier receiver remembered.
    pub(super) fn restore(&mut self, ranges: &[(u64, u64)], ranges_max: usize) {
        self.ranges = Ranges::from_list(ranges);
        self.bound(ranges_max);
        self.ranges.shrink();
    }

    /// Whether anything has changed since this was asked last.
    pub(super) const fn take_change(&mut self) -> bool {
        core::mem::replace(&mut self.changed, false)
    }

    fn bound(&mut self, ranges_max: usize) {
        while self.ranges.len() > ranges_max.max(1) {
            self.ranges.join_first();
        }
    }
}
