//! What a register or a place in memory can hold: one of a few numbers, a few places behind a pointer whose origin is known, or anything.

use std::collections::BTreeSet;

/// More alternatives are anything.
const NUMBERS_MAX: usize = 64;
/// An unknown number of which so many bits are kept has all values that they can have.
const UNKNOWN_BITS_MAX: u32 = 5;

/// What a value counts from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Origin {
    /// It is a number.
    Number,
    /// Its lowest 16 bits are a number, and nothing is known of the others.
    Word,
    /// The stack's pointer when the function was entered.
    Stack,
    /// What the function was given in a register.
    Argument(usize),
    /// What the instruction there read from memory.
    Loaded(u64),
    /// What the call there returned.
    Returned(u64),
}

/// What a register or a place on the stack can hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// Anything.
    Any,
    /// One of so many distances from an origin.
    From(Origin, BTreeSet<u64>),
}

impl Value {
    pub fn number(number: u64) -> Self {
        Self::From(Origin::Number, BTreeSet::from([number]))
    }

    pub(super) const fn at(origin: Origin, offsets: BTreeSet<u64>) -> Self {
        Self::From(origin, offsets)
    }

    /// The numbers that it can be, if that is known.
    pub const fn numbers(&self) -> Option<&BTreeSet<u64>> {
        match self {
            Self::From(Origin::Number, numbers) => Some(numbers),
            _ => None,
        }
    }

    /// The only number that it can be.
    pub fn only(&self) -> Option<u64> {
        self.numbers().filter(|numbers| numbers.len() == 1)?.first().copied()
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::From(a, left), Self::From(b, right)) if a == b => bounded(*a, left.union(right).copied()),
            _ => Self::Any,
        }
    }

    pub(super) fn map(&self, change: impl Fn(u64) -> u64) -> Self {
        match self.numbers() {
            Some(numbers) => bounded(Origin::Number, numbers.iter().map(|number| change(*number))),
            None => Self::Any,
        }
    }

    fn with(&self, other: &Self, origin: Origin, operation: impl Fn(u64, u64) -> u64) -> Self {
        let (Self::From(_, left), Self::From(_, right)) = (self, other) else { return Self::Any };
        bounded(origin, left.iter().flat_map(|a| right.iter().map(|b| operation(*a, *b)).collect::<Vec<_>>()))
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::From(origin, _), Self::From(Origin::Number, _))
            | (Self::From(Origin::Number, _), Self::From(origin, _)) => {
                self.with(other, *origin, u64::wrapping_add)
            }
            _ => Self::Any,
        }
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::From(origin, _), Self::From(Origin::Number, _)) => {
                self.with(other, *origin, u64::wrapping_sub)
            }
            _ => Self::Any,
        }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        match (self.numbers(), other.numbers(), other.only().or(self.only())) {
            (Some(_), Some(_), _) => self.with(other, Origin::Number, |a, b| a & b),
            (_, _, Some(mask)) if mask.count_ones() <= UNKNOWN_BITS_MAX => {
                Self::at(Origin::Number, subsets(mask))
            }
            _ => Self::Any,
        }
    }

    /// The same with other operations on two numbers.
    pub(super) fn calculated(&self, other: &Self, operation: impl Fn(u64, u64) -> u64) -> Self {
        match (self.numbers(), other.numbers()) {
            (Some(_), Some(_)) => self.with(other, Origin::Number, operation),
            _ => Self::Any,
        }
    }

    /// The lowest bytes of it.
    pub(super) fn cut(&self, bytes: usize) -> Self {
        match self {
            Self::From(Origin::Word, words) if bytes <= 2 => {
                bounded(Origin::Number, words.iter().map(|word| word & mask(bytes)))
            }
            _ if bytes == 8 => self.clone(),
            _ => self.map(|number| number & mask(bytes)),
        }
    }
}

/// Every number whose bits are among those of `mask`.
fn subsets(mask: u64) -> BTreeSet<u64> {
    let mut all = BTreeSet::from([0]);
    let mut at = mask;
    while at != 0 {
        all.insert(at);
        at = (at - 1) & mask;
    }
    all
}

pub(super) fn bounded(origin: Origin, offsets: impl Iterator<Item = u64>) -> Value {
    let offsets: BTreeSet<_> = offsets.take(NUMBERS_MAX * NUMBERS_MAX).collect();
    if offsets.len() > NUMBERS_MAX { Value::Any } else { Value::From(origin, offsets) }
}

pub(super) const fn mask(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 }
}
