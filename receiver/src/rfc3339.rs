//! Microseconds since 1970 as text (RFC 3339, section 5.6), always UTC and with six decimals.

use std::time::{SystemTime, UNIX_EPOCH};

use noreturn_wire::calendar::{civil, days};
use toml::value::{Datetime, Offset};

const US_PER_S: u64 = 1_000_000;
const S_PER_DAY: u64 = 86_400;
/// 10000-01-01, from where on RFC 3339 has no notation.
const END_S: u64 = 253_402_300_800;

/// `2026-11-23T01:02:03.000004Z`; `None` from the year 10000 on.
#[must_use]
pub fn format(unix_us: u64) -> Option<String> {
    let (seconds, micros) = (unix_us / US_PER_S, unix_us % US_PER_S);
    if seconds >= END_S {
        return None;
    }
    let (year, month, day) = civil(seconds / S_PER_DAY);
    let second = seconds % S_PER_DAY;
    let mut text = String::with_capacity(27);
    // By hand, since every record has one: `format!` would be a third of the time that its line takes.
    for (number, digits, end) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (second / 3600, 2, ':'),
        (second / 60 % 60, 2, ':'),
        (second % 60, 2, '.'),
        (micros, 6, 'Z'),
    ] {
        push_digits(&mut text, number, digits);
        text.push(end);
    }
    Some(text)
}

/// Appends the last `digits` decimal digits of `number`.
fn push_digits(text: &mut String, number: u64, digits: u32) {
    for position in (0..digits).rev() {
        let digit = number / 10_u64.pow(position) % 10;
        text.push(char::from(b'0' + digit as u8));
    }
}

/// Microseconds since 1970 of a time with date and offset; `None` without these, and before 1970.
#[must_use]
pub fn unix_us(time: &Datetime) -> Option<u64> {
    let (date, clock) = (time.date?, time.time?);
    let offset_s = match time.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes) * 60,
    };
    let day = days(date.year.into(), date.month.into(), date.day.into());
    let second =
        i64::from(clock.hour) * 3600 + i64::from(clock.minute) * 60 + i64::from(clock.second.unwrap_or(0));
    let seconds = day * S_PER_DAY.cast_signed() + second - offset_s;
    let micros = u64::from(clock.nanosecond.unwrap_or(0)) / 1000;
    Some(u64::try_from(seconds).ok()? * US_PER_S + micros)
}

/// Microseconds since 1970 by this machine's clock; 0 before.
#[must_use]
pub fn now_unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // From `date --utc --date @SECONDS`.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (951_868_800, "2000-03-01T00:00:00.000000Z"),
            (1_795_395_723, "2026-11-23T01:02:03.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000000Z"),
        ] {
            assert_eq!(format(seconds * US_PER_S).as_deref(), Some(text));
        }
        assert_eq!(format(1), Some("1970-01-01T00:00:00.000001Z".to_owned()));
        assert_eq!(format(253_402_300_800 * US_PER_S), None);
        assert_eq!(format(u64::MAX), None);
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, unix_us) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:30:00.25+05:30", Some(951_807_600_250_000)),
            ("2026-11-23T01:02:03-01:00", Some(1_795_399_323_000_000)),
            ("1970-01-01T00:00:00+00:01", None),
            ("2026-11-23T01:02:03", None),
            ("2026-11-23", None),
            ("01:02:03", None),
        ] {
            let time: Datetime = text.parse().unwrap();
            assert_eq!(super::unix_us(&time), unix_us, "{text}");
        }
    }
}
