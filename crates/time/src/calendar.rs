//! Dates of the Gregorian calendar, and the earliest one that can be true.

/// 2026-01-01 in seconds since 1970-01-01 UTC: this program was made later, so an earlier time is wrong.
pub const EARLIEST_UTC_S: u64 = 1_767_225_600;

const DAYS_BEFORE_MONTH: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_OF_MONTH: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Seconds from 1970-01-01 to the start of a day, if there is such a day from 1970 on.
pub(crate) fn seconds(year: u32, month: u32, day: u32) -> Option<u64> {
    let place = usize::try_from(month.checked_sub(1)?).ok()?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = DAYS_OF_MONTH.get(place)? + u32::from(leap && month == 2);
    if year < 1970 || !(1..=last).contains(&day) {
        return None;
    }
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let leap_day = u32::from(leap && month > 2);
    let days = (year - 1970) * 365 + leap_days + DAYS_BEFORE_MONTH.get(place)? + leap_day + day - 1;
    Some(u64::from(days) * 86_400)
}

#[cfg(test)]
mod tests {
    use super::{EARLIEST_UTC_S, seconds};

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(seconds(1970, 1, 1), Some(0));
        assert_eq!(seconds(2000, 2, 29), Some(951_782_400));
        assert_eq!(seconds(2023, 11, 14), Some(1_700_000_000 / 86_400 * 86_400));
        assert_eq!(seconds(2026, 1, 1), Some(EARLIEST_UTC_S));
        assert_eq!(seconds(2100, 3, 1), Some(4_107_542_400));
        for (year, month, day) in [
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (2026, 1, 32),
            (2026, 2, 29),
            (2100, 2, 29),
            (1969, 12, 31),
        ] {
            assert_eq!(seconds(year, month, day), None, "{year}-{month}-{day}");
        }
        let mut expected = 0;
        for year in 1970..2500 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(start) = seconds(year, month, day) {
                        assert_eq!(start, expected, "{year}-{month}-{day}");
                        expected += 86_400;
                    }
                }
            }
        }
    }
}
