//! What a satellite receiver says on a serial line (NMEA 0183): the time of RMC and ZDA sentences.
//!
//! There is no pulse per second: a sentence says that its second has begun, and comes some time after. How long is
//! configured, as the uncertainty.

use noreturn_wire::Counter;
use noreturn_wire::calendar::{self, EARLIEST_UTC_S};

use crate::sample::Sample;

/// Characters of a sentence at most, from `$` to the last before the end of the line (NMEA 0183, section 5.3: 82 with it).
pub const SENTENCE_BYTES_MAX: usize = 80;
/// ZDA does not say whether there is a fix: it counts only so long after an RMC that said so.
const FIX_US: u64 = 3_000_000;

/// Why a sentence is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reject {
    /// Longer than [`SENTENCE_BYTES_MAX`].
    Long,
    /// Another began before its end, or it holds a character that none does.
    Cut,
    /// Without a checksum, or with another number of fields or digits than it must have.
    Malformed,
    /// Its checksum is another.
    Checksum,
    /// The receiver says that it has no fix, or has not said that it has one.
    Void,
    /// There is no such date or time, or it is before [`EARLIEST_UTC_S`], as of a receiver that has lost count of the weeks.
    Implausible,
}

impl Reject {
    /// What counts it.
    #[must_use]
    pub const fn counter(self) -> Counter {
        match self {
            Self::Long | Self::Cut | Self::Malformed => Counter::GpsMalformed,
            Self::Checksum => Counter::GpsChecksum,
            Self::Void => Counter::GpsVoid,
            Self::Implausible => Counter::GpsImplausible,
        }
    }
}

/// Puts sentences together, and reads the time in them.
#[derive(Clone, Debug)]
pub struct Receiver {
    uncertainty_us: u64,
    sentence: [u8; SENTENCE_BYTES_MAX],
    /// Characters of it so far; nothing between sentences.
    length: Option<usize>,
    started_us: u64,
    fix_us: Option<u64>,
}

impl Receiver {
    /// A sentence begins at most `uncertainty_us` after, or before, the time that it says.
    #[must_use]
    pub const fn new(uncertainty_us: u64) -> Self {
        Self { uncertainty_us, sentence: [0; SENTENCE_BYTES_MAX], length: None, started_us: 0, fix_us: None }
    }

    /// Takes the next character, which came at `uptime_us`; the time, if it ends a sentence that tells it.
    ///
    /// # Errors
    /// Why the sentence that ends here, or is given up, is not believed. Sentences about other things are passed over.
    pub fn push(&mut self, character: u8, uptime_us: u64) -> Result<Option<Sample>, Reject> {
        match (character, self.length) {
            (b'$', length) => {
                (self.length, self.started_us) = (Some(0), uptime_us);
                let _ = self.append(character, 0);
                if length.is_some() { Err(Reject::Cut) } else { Ok(None) }
            }
            // What is between sentences, such as the second half of an end of line, is nothing.
            (_, None) => Ok(None),
            (b'\r' | b'\n', Some(length)) => {
                self.length = None;
                let sentence = self.sentence;
                self.read(sentence.get(..length).unwrap_or_default())
            }
            (b' '..=b'~', Some(length)) => self.append(character, length).map(|()| None),
            (_, Some(_)) => {
                self.length = None;
                Err(Reject::Cut)
            }
        }
    }

    /// The line lost something: what there is of a sentence is given up.
    pub const fn reset(&mut self) {
        self.length = None;
    }

    fn append(&mut self, character: u8, length: usize) -> Result<(), Reject> {
        match self.sentence.get_mut(length) {
            Some(place) => {
                *place = character;
                self.length = Some(length + 1);
                Ok(())
            }
            None => {
                self.length = None;
                Err(Reject::Long)
            }
        }
    }

    fn read(&mut self, sentence: &[u8]) -> Result<Option<Sample>, Reject> {
        let mut fields = body(sentence)?.split(|&character| character == b',');
        let utc_us = match fields.next() {
            Some([_, _, b'R', b'M', b'C']) => {
                // Whatever is wrong with it, it does not confirm a fix.
                self.fix_us = None;
                let utc_us = rmc(&mut fields)?;
                self.fix_us = Some(self.started_us);
                utc_us
            }
            Some([_, _, b'Z', b'D', b'A']) => {
                let has_fix =
                    self.fix_us.is_some_and(|fix_us| self.started_us.saturating_sub(fix_us) <= FIX_US);
                if !has_fix {
                    return Err(Reject::Void);
                }
                zda(&mut fields)?
            }
            _ => return Ok(None),
        };
        Ok(Some(Sample { uptime_us: self.started_us, utc_us, uncertainty_us: self.uncertainty_us }))
    }
}

/// What is between `$` and the checksum, if that is right.
fn body(sentence: &[u8]) -> Result<&[u8], Reject> {
    let sentence = sentence.strip_prefix(b"$").ok_or(Reject::Malformed)?;
    let (body, &[star, high, low]) = sentence.split_last_chunk::<3>().ok_or(Reject::Malformed)?;
    let digit = |character: u8| char::from(character).to_digit(16).ok_or(Reject::Malformed);
    let checksum = digit(high)? << 4 | digit(low)?;
    match body.iter().fold(0, |sum, character| sum ^ character) {
        _ if star != b'*' => Err(Reject::Malformed),
        sum if u32::from(sum) == checksum => Ok(body),
        _ => Err(Reject::Checksum),
    }
}

/// Recommended minimum data: time, whether there is a fix, position and motion, date with a year of two digits, and, since
/// version 2.3, how the position was found.
fn rmc<'a>(fields: &mut impl Iterator<Item = &'a [u8]>) -> Result<u64, Reject> {
    let time = next(fields)?;
    if next(fields)? != b"A" {
        return Err(Reject::Void);
    }
    let date = fields.nth(6).ok_or(Reject::Malformed)?;
    // Autonomous, differential, precise, real-time kinematic and its float solution; not estimated, manual, simulated or none.
    if fields.nth(2).is_some_and(|mode| !matches!(mode, b"A" | b"D" | b"P" | b"R" | b"F")) {
        return Err(Reject::Void);
    }
    let &[d1, d2, m1, m2, y1, y2] = date else { return Err(Reject::Malformed) };
    utc_us(2000 + number(&[y1, y2])?, number(&[m1, m2])?, number(&[d1, d2])?, time)
}

/// Time and date with a year of four digits.
fn zda<'a>(fields: &mut impl Iterator<Item = &'a [u8]>) -> Result<u64, Reject> {
    let (time, day, month, year) = (next(fields)?, next(fields)?, next(fields)?, next(fields)?);
    if (day.len(), month.len(), year.len()) != (2, 2, 4) {
        return Err(Reject::Malformed);
    }
    utc_us(number(year)?, number(month)?, number(day)?, time)
}

fn next<'a>(fields: &mut impl Iterator<Item = &'a [u8]>) -> Result<&'a [u8], Reject> {
    fields.next().ok_or(Reject::Malformed)
}

/// Microseconds since 1970 of a date and a time such as `235959.99`.
fn utc_us(year: u32, month: u32, day: u32, time: &[u8]) -> Result<u64, Reject> {
    let (&[h1, h2, m1, m2, s1, s2], fraction) = time.split_first_chunk::<6>().ok_or(Reject::Malformed)?;
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    let fraction_us = fraction_us(fraction)?;
    // A leap second is the 60th, and is told as the one after it.
    if hour > 23 || minute > 59 || second > 60 {
        return Err(Reject::Implausible);
    }
    let days_s = calendar::date_s(year, month, day).ok_or(Reject::Implausible)?;
    let utc_s = days_s + u64::from(hour * 3600 + minute * 60 + second);
    if utc_s < EARLIEST_UTC_S {
        return Err(Reject::Implausible);
    }
    Ok(utc_s * 1_000_000 + fraction_us)
}

/// Microseconds of the decimal places of a second: nothing, or a point and 1 to 6 digits.
fn fraction_us(fraction: &[u8]) -> Result<u64, Reject> {
    let Some((point, digits)) = fraction.split_first() else { return Ok(0) };
    if *point != b'.' || !(1..=6).contains(&digits.len()) {
        return Err(Reject::Malformed);
    }
    let scale = 10_u64.pow(6 - digits.len() as u32);
    Ok(u64::from(number(digits)?) * scale)
}

/// A number of a few decimal digits and nothing else.
fn number(digits: &[u8]) -> Result<u32, Reject> {
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Ok(number * 10 + u32::from(digit - b'0')),
        _ => Err(Reject::Malformed),
    })
}
