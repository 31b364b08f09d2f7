//! Sets of numbers as ranges: what is missing, which bytes have come, which objects are over.

use alloc::vec::Vec;

/// Ranges of numbers, first and last, in order, with numbers between them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same from any list; what is no range is left out.
    pub(super) fn from_list(list: &[(u64, u64)]) -> Self {
        let mut ranges = Self::default();
        list.iter().for_each(|&(first, last)| ranges.insert(first, last));
        ranges
    }

    pub(super) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of ranges.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.place_of(number).is_some()
    }

    /// Whether this range touches none that is there, so that inserting it makes one more.
    pub(super) fn is_apart(&self, first: u64, last: u64) -> bool {
        self.touching(first, last).is_empty()
    }

    /// Adds the numbers from `first` to `last`, if that is a range.
    pub(super) fn insert(&mut self, mut first: u64, mut last: u64) {
        if first > last {
            return;
        }
        let touching = self.touching(first, last);
        if let Some(merged) = self.0.get(touching.clone())
            && let (Some(lowest), Some(highest)) = (merged.first(), merged.last())
        {
            first = first.min(lowest.0);
            last = last.max(highest.1);
        }
        self.0.splice(touching, [(first, last)]);
    }

    /// Takes a number out; whether it was there. Splits a range if need be.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let Some(place) = self.place_of(number) else { return false };
        let Some(range) = self.0.get_mut(place) else { return false };
        match *range {
            (first, last) if first == last => {
                self.0.remove(place);
            }
            (first, last) if first == number => *range = (first + 1, last),
            (first, last) if last == number => *range = (first, last - 1),
            (first, last) => {
                *range = (first, number - 1);
                self.0.insert(place + 1, (number + 1, last));
            }
        }
        if self.0.is_empty() {
            // An idle lane takes no memory for what is not missing any more.
            self.0 = Vec::new();
        }
        true
    }

    /// Takes out the numbers from `end` on.
    pub(super) fn truncate(&mut self, end: u64) {
        self.0.retain(|range| range.0 < end);
        if let Some(range) = self.0.last_mut() {
            range.1 = range.1.min(end.saturating_sub(1));
        }
    }

    /// Gives back the memory of ranges that are not there any more.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// The ranges between `first` and `last` that are not there.
    pub(super) fn holes(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
        let start = self.0.partition_point(|range| range.1 < first);
        let inside = self.0.iter().skip(start).take_while(move |range| range.0 <= last);
        let mut from = Some(first);
        let ends = inside.map(|&(first, end)| (Some(first), end.checked_add(1))).chain([(None, None)]);
        ends.filter_map(move |(end, next)| {
            let begin = core::mem::replace(&mut from, next)?;
            let end = end.map_or(Some(last), |end| end.checked_sub(1))?;
            (begin <= end && begin <= last).then_some((begin, end))
        })
    }

    /// Takes out the range that is given up when there are too many: the oldest, but rather not one that adjoins `spared`,
    /// where something is just happening, and not the longest of all, which may be an outage that is being filled.
    pub(super) fn forget(&mut self, spared: u64) -> Option<(u64, u64)> {
        let longest = self.0.iter().copied().max_by_key(|(first, last)| last - first)?;
        let adjoins =
            |range: &(u64, u64)| range.1.saturating_add(1) == spared || range.0 == spared.saturating_add(1);
        let old = self.0.iter().position(|range| *range != longest && !adjoins(range));
        let place = old.or_else(|| self.0.iter().position(|range| *range != longest)).unwrap_or(0);
        Some(self.0.remove(place))
    }

    /// Joins the first two ranges, with all that is between them.
    pub(super) fn join_first(&mut self) {
        if let [first, second, ..] = self.0.as_mut_slice() {
            second.0 = first.0;
            self.0.remove(0);
        }
    }

    /// Where the range is that holds `number`.
    fn place_of(&self, number: u64) -> Option<usize> {
        let place = self.0.partition_point(|range| range.1 < number);
        self.0.get(place).filter(|range| range.0 <= number).map(|_| place)
    }

    /// The ranges that overlap or adjoin this one, or the place where they would be.
    fn touching(&self, first: u64, last: u64) -> core::ops::Range<usize> {
        let start = self.0.partition_point(|range| range.1.saturating_add(1) < first);
        let end = self.0.partition_point(|range| range.0 <= last.saturating_add(1));
        start..end.max(start)
    }
}
