//! Kinds of values: how one is read, and how to say what was expected.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::de::{DeInteger, DeValue};

/// Most characters of a wrong value that a message repeats.
const FOUND_CHARACTERS_MAX: usize = 60;

/// Makes a `T` of a value, if it is one.
type Reader<T> = Box<dyn Fn(&DeValue<'_>) -> Option<T>>;

/// A kind of value.
pub(crate) struct Kind<T> {
    /// Completes "... is not ...".
    pub expected: String,
    /// Reads a value, if it is of this kind.
    pub read: Reader<T>,
}

/// A whole number within a range.
pub(crate) fn integer<T>(range: RangeInclusive<T>) -> Kind<T>
where
    T: TryFrom<i64> + PartialOrd + Display + Copy + 'static,
{
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    let read = move |value: &DeValue<'_>| {
        T::try_from(parse_integer(value.as_integer()?)?).ok().filter(|number| range.contains(number))
    };
    Kind { expected, read: Box::new(read) }
}

/// A whole number within a range, or 0.
pub(crate) fn zero_or(range: RangeInclusive<u32>) -> Kind<u32> {
    let expected = format!("0 or a whole number from {} to {}", range.start(), range.end());
    let read = move |value: &DeValue<'_>| {
        let number = u32::try_from(parse_integer(value.as_integer()?)?).ok();
        number.filter(|number| *number == 0 || range.contains(number))
    };
    Kind { expected, read: Box::new(read) }
}

/// A number with or without decimals that `accept` agrees to.
pub(crate) fn number(expected: &str, accept: fn(f64) -> bool) -> Kind<f64> {
    let read = move |value: &DeValue<'_>| {
        let number = match value {
            DeValue::Integer(integer) => parse_exact(parse_integer(integer)?),
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => None,
        };
        number.filter(|&number| accept(number))
    };
    Kind { expected: expected.to_owned(), read: Box::new(read) }
}

/// A string that `parse` understands.
pub(crate) fn text<T: 'static>(expected: &str, parse: fn(&str) -> Option<T>) -> Kind<T> {
    Kind { expected: expected.to_owned(), read: Box::new(move |value| parse(value.as_str()?)) }
}

/// Any string.
pub(crate) fn string(expected: &str) -> Kind<String> {
    text(expected, |value| Some(value.to_owned()))
}

/// One of a few strings.
pub(crate) fn choice<T: Copy>(choices: &'static [(&'static str, T)]) -> Kind<T> {
    let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let read = |value: &DeValue<'_>| {
        let wanted = value.as_str()?;
        choices.iter().find(|(name, _)| *name == wanted).map(|&(_, choice)| choice)
    };
    Kind { expected: format!("one of {}", names.join(", ")), read: Box::new(read) }
}

/// One of a few numbers.
pub(crate) fn one_of(choices: &'static [u32]) -> Kind<u32> {
    let numbers: Vec<_> = choices.iter().map(u32::to_string).collect();
    let read = |value: &DeValue<'_>| {
        let wanted = u32::try_from(parse_integer(value.as_integer()?)?).ok();
        wanted.filter(|number| choices.contains(number))
    };
    Kind { expected: format!("one of {}", numbers.join(", ")), read: Box::new(read) }
}

/// A value as a message shows it.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => shorten(&format!("{text:?}")),
        DeValue::Integer(integer) => shorten(&integer.to_string()),
        DeValue::Float(float) => shorten(&float.to_string()),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(FOUND_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn parse_integer(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// An integer that a float holds exactly.
fn parse_exact(integer: i64) -> Option<f64> {
    i32::try_from(integer).ok().map(f64::from)
}
