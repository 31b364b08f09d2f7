//! Ranges against a set of numbers.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::ranges::Ranges;

/// The obvious twin.
fn as_ranges(set: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in set {
        match ranges.last_mut() {
            Some(last) if last.1 + 1 == number => last.1 = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

proptest! {
    #[test]
    fn they_are_a_set(steps in prop::collection::vec((0..3_u8, 0..60_u64, 0..9_u64), 0..60)) {
        let (mut ranges, mut set) = (Ranges::new(), BTreeSet::new());
        for (what, first, length) in steps {
            let last = first + length;
            match what {
                0 => {
                    let count = ranges.len();
                    let apart = ranges.is_apart(first, last);
                    ranges.insert(first, last);
                    prop_assert_eq!(apart, ranges.len() > count);
                    set.extend(first..=last);
                }
                1 => prop_assert_eq!(ranges.remove(first), set.remove(&first)),
                _ => {
                    ranges.truncate(first + 30);
                    set.retain(|&number| number < first + 30);
                }
            }
            prop_assert_eq!(ranges.as_slice(), as_ranges(&set));
            let holes: BTreeSet<u64> = (first..=last).filter(|number| !set.contains(number)).collect();
            prop_assert_eq!(ranges.holes(first, last).collect::<Vec<_>>(), as_ranges(&holes));
            prop_assert_eq!(ranges.contains(first), set.contains(&first));
        }
    }
}

#[test]
fn the_ends_of_all_numbers_are_numbers_too() {
    let mut ranges = Ranges::from_list(&[(u64::MAX - 1, u64::MAX), (0, 1), (5, 3)]);
    assert_eq!(ranges.as_slice(), [(0, 1), (u64::MAX - 1, u64::MAX)]);
    assert_eq!(ranges.holes(0, u64::MAX).collect::<Vec<_>>(), [(2, u64::MAX - 2)]);
    ranges.insert(2, u64::MAX - 2);
    assert_eq!(ranges.as_slice(), [(0, u64::MAX)]);
    assert!(ranges.remove(0) && ranges.remove(u64::MAX));
    assert_eq!(ranges.holes(0, u64::MAX).collect::<Vec<_>>(), [(0, 0), (u64::MAX, u64::MAX)]);
}

#[test]
fn the_oldest_range_is_forgotten_but_never_the_longest() {
    let mut ranges = Ranges::from_list(&[(0, 1000), (2000, 2001), (3000, 3001)]);
    assert_eq!(ranges.forget(2002), Some((3000, 3001)), "rather not where something happens");
    assert_eq!(ranges.forget(2002), Some((2000, 2001)));
    assert_eq!(ranges.forget(0), Some((0, 1000)));
    assert_eq!(ranges.forget(0), None);
    assert_eq!(Ranges::from_list(&[(0, 1), (9, 20)]).forget(0), Some((0, 1)));
    assert_eq!(Ranges::from_list(&[(0, 1), (3, 4), (9, 20)]).forget(2), Some((0, 1)));
}
