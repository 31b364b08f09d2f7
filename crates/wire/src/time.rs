//! How well the box knew the time: where it had it from, and how far off it may have been.

use serde::{Deserialize, Serialize};

/// Where the box has its time from.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum TimeSource {
    /// Nowhere: the clock counts from 1970-01-01, when the box was switched on.
    #[default]
    None,
    /// The machine's own clock, read at the start.
    Rtc,
    /// A time server in the plant (RFC 4330).
    Sntp,
    /// A satellite receiver on a serial port (NMEA 0183).
    Gps,
}

impl TimeSource {
    /// Every source, by its number on the wire.
    pub const ALL: [Self; 4] = [Self::None, Self::Rtc, Self::Sntp, Self::Gps];

    /// Name in lower case, as site files and receivers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Rtc => "rtc",
            Self::Sntp => "sntp",
            Self::Gps => "gps",
        }
    }
}

/// The quality of a time in one byte, as IEC 61850-7-2 (TimeQuality) and IEEE C37.118 do it: the source in the
/// upper 2 bits, and in the lower 6 the logarithm of the uncertainty.
///
/// Exponent `e` up to 62 says that the time is off by at most 2^e microseconds; 63 that this is not known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct TimeQuality(u8);

/// The exponent of what is not known.
const UNKNOWN: u8 = 63;

impl TimeQuality {
    /// From no source, with nothing known.
    pub const NONE: Self = Self(UNKNOWN);

    /// A time from `source` that is off by at most `uncertainty_us`, if that is known. Rounds up to a power of two; what
    /// is above 2^62 counts as not known.
    #[must_use]
    pub const fn new(source: TimeSource, uncertainty_us: Option<u64>) -> Self {
        let exponent = match uncertainty_us {
            None => UNKNOWN,
            Some(0) => 0,
            // The logarithm of the next power of two, which has at most 64 bits.
            Some(us) => match 64 - (us - 1).leading_zeros() {
                exponent @ 0..63 => exponent as u8,
                _ => UNKNOWN,
            },
        };
        Self((source as u8) << 6 | exponent)
    }

    /// Where the time is from.
    #[must_use]
    pub const fn source(self) -> TimeSource {
        TimeSource::ALL[(self.0 >> 6) as usize]
    }

    /// How far off it may be at most, in microseconds: a power of two; nothing if that is not known.
    #[must_use]
    pub const fn uncertainty_us(self) -> Option<u64> {
        match self.0 & 63 {
            UNKNOWN => None,
            exponent => Some(1 << exponent),
        }
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// Every byte is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }
}

impl Default for TimeQuality {
    fn default() -> Self {
        Self::NONE
    }
}

/// The box's clock, as the beacon tells it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClockState {
    /// Where it has its time from.
    pub source: TimeSource,
    /// How far off it may be at most, in microseconds, if that is known.
    pub uncertainty_us: Option<u64>,
    /// How often in this boot it was set forward or back by more than 128 ms, what a good source is allowed to do (RFC 5905,
    /// section 11.2.1: STEPT).
    pub steps: u64,
}

impl ClockState {
    /// The same in one byte.
    #[must_use]
    pub const fn quality(&self) -> TimeQuality {
        TimeQuality::new(self.source, self.uncertainty_us)
    }
}
