//! The Gregorian calendar: days since 1970-01-01 and dates, and the earliest date that can be true.

/// 2026-01-01 in seconds since 1970-01-01 UTC: this program was made later, so an earlier time is wrong.
pub const EARLIEST_UTC_S: u64 = 1_767_225_600;

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years start in March here, so that the day that leap years add is the last: then month lengths
/// follow the line (153 × month + 2) / 5, and every 400 years have 146,097 days.
#[must_use]
pub const fn civil(days: u64) -> (u64, u64, u64) {
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + (month <= 2) as u64, month, day)
}

/// Days from 1970-01-01 to a day, the other way round than [`civil`].
#[must_use]
pub const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Seconds from 1970-01-01 to the start of a day, if there is such a day from 1970 on.
#[must_use]
pub fn date_s(year: u32, month: u32, day: u32) -> Option<u64> {
    let days = u64::try_from(days(year.into(), month.into(), day.into())).ok()?;
    let exists = civil(days) == (year.into(), month.into(), day.into());
    exists.then_some(days * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(date_s(1970, 1, 1), Some(0));
        assert_eq!(date_s(2000, 2, 29), Some(951_782_400));
        assert_eq!(date_s(2023, 11, 14), Some(1_700_000_000 / 86_400 * 86_400));
        assert_eq!(date_s(2026, 1, 1), Some(EARLIEST_UTC_S));
        assert_eq!(date_s(2100, 3, 1), Some(4_107_542_400));
        for (year, month, day) in [
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (2026, 1, 32),
            (2026, 2, 29),
            (2100, 2, 29),
            (1969, 12, 31),
        ] {
            assert_eq!(date_s(year, month, day), None, "{year}-{month}-{day}");
        }
        let mut expected = 0;
        for year in 1970..2500 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(start) = date_s(year, month, day) {
                        assert_eq!(start, expected, "{year}-{month}-{day}");
                        expected += 86_400;
                    }
                }
            }
        }
    }

    #[test]
    fn days_and_dates_are_each_other() {
        for day in (0..2_932_896).step_by(97) {
            let (year, month, date) = civil(day);
            let there = days(year.cast_signed(), month.cast_signed(), date.cast_signed());
            assert_eq!(there, day.cast_signed());
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = civil(0);
        for day in 1..146_097 {
            let (year, month, date) = civil(day);
            let is_next = (year, month, date) == (before.0, before.1, before.2 + 1)
                || (year, month, date) == (before.0, before.1 + 1, 1) && before.2 >= 28
                || (year, month, date) == (before.0 + 1, 1, 1) && (before.1, before.2) == (12, 31);
            assert!(is_next, "{before:?} is followed by {:?}", (year, month, date));
            before = (year, month, date);
        }
        assert_eq!(before, (2369, 12, 31));
    }
}
