//! Where the time comes from.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{ConfigError, require};

/// Speeds of a serial line that is listened to, in baud: what comes in while the box rests must fit the port's queue.
pub const BAUDS: [u32; 2] = [4800, 9600];

/// The sources of time, in order of trust. Without any the clock counts from 1970.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Time {
    /// Each at most once; the machine's own clock, which is read only at the start, is the last.
    pub sources: Vec<TimeSource>,
}

/// One source of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TimeSource {
    /// A satellite receiver on a serial port.
    Gps(Gps),
    /// A server in the plant.
    Sntp(Sntp),
    /// The machine's own clock.
    Rtc,
}

/// A satellite receiver (NMEA 0183) on a serial port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gps {
    /// The port; never the console's.
    pub serial_port: SerialPort,
    /// Speed of the line: one of [`BAUDS`].
    pub baud: u32,
    /// How far from its second a sentence begins at most, in milliseconds.
    pub uncertainty_ms: u32,
    /// It is not believed any more when it has said nothing for so long, in seconds.
    pub silent_s: u32,
}

/// A serial port of a PC. COM1 is the console.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SerialPort {
    /// At 0x2f8.
    Com2,
    /// At 0x3e8.
    Com3,
    /// At 0x2e8.
    Com4,
}

impl SerialPort {
    /// The first of its eight I/O ports.
    #[must_use]
    pub const fn base(self) -> u16 {
        match self {
            Self::Com2 => 0x2f8,
            Self::Com3 => 0x3e8,
            Self::Com4 => 0x2e8,
        }
    }
}

/// A time server (RFC 4330).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sntp {
    /// Its address in the plant network.
    pub address: Ipv4Addr,
    /// Its Ethernet address, if it is not to be asked for; never of one behind the gateway.
    pub mac: Option<[u8; 6]>,
    /// Its UDP port, usually 123.
    pub port: u16,
    /// It is asked this often, in seconds.
    pub poll_s: u32,
    /// It is not believed any more when it has said nothing for so long, in seconds.
    pub silent_s: u32,
}

impl TimeSource {
    /// A number for its kind, so that two of a kind are found.
    const fn kind(self) -> u8 {
        match self {
            Self::Gps(_) => 0,
            Self::Sntp(_) => 1,
            Self::Rtc => 2,
        }
    }

    fn check(self) -> Result<(), ConfigError> {
        match self {
            Self::Gps(gps) => require(&[
                (BAUDS.contains(&gps.baud), "the speed of the satellite receiver is not 4800 or 9600 baud"),
                (
                    (1..=10_000).contains(&gps.uncertainty_ms),
                    "the uncertainty of the satellite receiver is not 1 to 10000 ms",
                ),
                (
                    (2..=86_400).contains(&gps.silent_s),
                    "the silence of the satellite receiver is not 2 to 86400 s",
                ),
            ]),
            Self::Sntp(sntp) => require(&[
                (sntp.port != 0, "the port of the time server is 0"),
                ((2..=3600).contains(&sntp.poll_s), "the time server is not asked every 2 to 3600 s"),
                (
                    sntp.silent_s <= 86_400 && sntp.silent_s >= 2 * sntp.poll_s,
                    "the silence of the time server is not two polls to 86400 s",
                ),
            ]),
            Self::Rtc => Ok(()),
        }
    }
}

impl Time {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let kinds = || self.sources.iter().map(|source| source.kind());
        let is_twice =
            kinds().enumerate().any(|(place, kind)| kinds().skip(place + 1).any(|other| other == kind));
        let has_rtc_before = self.sources.iter().rev().skip(1).any(|source| *source == TimeSource::Rtc);
        require(&[
            (!is_twice, "a source of time is named twice"),
            (!has_rtc_before, "the machine's own clock is trusted more than another source of time"),
        ])?;
        self.sources.iter().try_for_each(|source| source.check())
    }
}
