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
    /// Hermit's own data of this processor core, which the base of a segment leads to (V027).
    Core,
    /// The stack that Hermit's system calls run on, as that data says.
    KernelStack,
}

/// A number from here on, if it is not negative, is no distance within the kernel or one of its objects: as part of an address it is a place in
/// the machine.
const ABSOLUTE_MIN: u64 = 1 << 24;

/// What a register or a place on the stack can hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// Anything.
    Any,
    /// One of so many distances from an origin.
    From(Origin, BTreeSet<u64>),
    /// Any distance from an origin; of numbers, anything that can be counted from an absolute one.
    Near(Origin),
}

impl Value {
    pub fn number(number: u64) -> Self {
        Self::From(Origin::Number, BTreeSet::from([number]))
    }

    pub const fn at(origin: Origin, offsets: BTreeSet<u64>) -> Self {
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

    /// What it counts from, if it is a pointer: no number, and not anything.
    pub const fn pointer(&self) -> Option<Origin> {
        match self {
            Self::From(Origin::Number | Origin::Word, _) | Self::Near(Origin::Number) | Self::Any => None,
            Self::From(origin, _) | Self::Near(origin) => Some(*origin),
        }
    }

    /// Whether it can be, or be counted from, an absolute address.
    pub fn is_absolute(&self) -> bool {
        match self {
            Self::From(_, offsets) => offsets.iter().any(|offset| (ABSOLUTE_MIN..1 << 63).contains(offset)),
            Self::Near(origin) => *origin == Origin::Number,
            Self::Any => false,
        }
    }

    /// Nothing but whether it can be an absolute address.
    fn blurred(&self, other: &Self) -> Self {
        if self.is_absolute() || other.is_absolute() { Self::Near(Origin::Number) } else { Self::Any }
    }

    /// The same at any distance.
    pub fn widened(&self) -> Self {
        match self.pointer() {
            Some(origin) if !self.is_absolute() => Self::Near(origin),
            _ => self.blurred(self),
        }
    }

    pub fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::From(a, left), Self::From(b, right)) if a == b => bounded(*a, left.union(right).copied()),
            _ if self.pointer().is_some() && self.pointer() == other.pointer() => self.widened(),
            _ => self.blurred(other),
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

    pub fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::From(origin, _), Self::From(Origin::Number, _))
            | (Self::From(Origin::Number, _), Self::From(origin, _)) => {
                self.with(other, *origin, u64::wrapping_add)
            }
            _ if self.is_absolute() || other.is_absolute() => Self::Near(Origin::Number),
            _ => match (self.pointer(), other.pointer()) {
                (Some(origin), None) | (None, Some(origin)) => Self::Near(origin),
                _ => self.blurred(other),
            },
        }
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::From(origin, _), Self::From(Origin::Number, _)) => {
                self.with(other, *origin, u64::wrapping_sub)
            }
            _ => match (self.pointer(), other.pointer()) {
                (Some(origin), None) => Self::Near(origin),
                // Room on the stack whose size was read from memory.
                (Some(Origin::Stack), Some(other)) if other != Origin::Stack => Self::Near(Origin::Stack),
                (None, None) => self.blurred(&Self::Any),
                _ => Self::Any,
            },
        }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        match (self.numbers(), other.numbers(), other.only().or(self.only())) {
            (Some(_), Some(_), _) => self.with(other, Origin::Number, |a, b| a & b),
            (_, _, Some(mask)) if mask.count_ones() <= UNKNOWN_BITS_MAX => {
                Self::at(Origin::Number, subsets(mask))
            }
            // It is aligned.
            (_, _, Some(mask)) if mask.cast_signed() < 0 => self.widened(),
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
            Self::Near(Origin::Number) if bytes == 4 => self.clone(),
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
    let is_more = offsets.len() > NUMBERS_MAX;
    let value = Value::From(origin, offsets);
    if is_more { value.widened() } else { value }
}

pub(super) const fn mask(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 }
}
