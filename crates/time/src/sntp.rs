//! An SNTP client (RFC 4330; RFC 5905, section 14): asks one server in the plant, and believes little.

use noreturn_wire::Counter;
use noreturn_wire::calendar::EARLIEST_UTC_S;

use crate::sample::{Rate, Sample};

/// Bytes of a request, and of a reply without extensions.
pub const PACKET_BYTES: usize = 48;
/// Bytes of the longest reply that is looked at: extensions and a checksum are skipped.
pub const REPLY_BYTES_MAX: usize = 256;
/// A reply must come within this time; what takes longer says too little.
pub const REPLY_US_MAX: u64 = 1_000_000;
/// A server whose own distance to its reference is more than this is of no use (RFC 5905, appendix A.5.5.2: MAXDIST).
const DISTANCE_US_MAX: u64 = 1_000_000;
/// Time between the first requests, and between those after an outage.
const BURST_US: u64 = 2_000_000;
/// How many requests come faster.
const BURST_REQUESTS: u32 = 4;
/// A server that says it is asked too often is asked at least every hour.
const INTERVAL_US_MAX: u64 = 3_600_000_000;

const VERSION: u8 = 4;
const MODE_CLIENT: u8 = 3;
const MODE_SERVER: u8 = 4;
const LEAP_UNKNOWN: u8 = 3;
const STRATUM_MAX: u8 = 15;
/// 1970-01-01 in seconds since 1900-01-01, from where NTP counts.
const UNIX_NTP_S: u64 = 2_208_988_800;

/// Why a datagram is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reject {
    /// Too short or too long for a reply.
    Length,
    /// Another version of the protocol.
    Version,
    /// Not from a server.
    Mode,
    /// It does not repeat the number that the latest request carried, or that was answered already.
    NotAsked,
    /// The server does not want to be asked: a code in ASCII (RFC 5905, section 7.4).
    KissOfDeath([u8; 4]),
    /// The server says that its clock is not set.
    Unsynchronized,
    /// It came later than [`REPLY_US_MAX`].
    Late,
    /// Its times are missing, or are in an order that time does not have.
    Order,
    /// The server is too far from its reference.
    Distance,
}

impl Reject {
    /// What counts it.
    #[must_use]
    pub const fn counter(self) -> Counter {
        match self {
            Self::Length | Self::Version | Self::Mode => Counter::SntpMalformed,
            Self::NotAsked => Counter::SntpNotAsked,
            Self::KissOfDeath(_) => Counter::SntpKissOfDeath,
            Self::Unsynchronized => Counter::SntpUnsynchronized,
            Self::Late | Self::Order | Self::Distance => Counter::SntpImplausible,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    nonce: u64,
    at_us: u64,
}

/// Asks one server, again and again.
#[derive(Clone, Debug)]
pub struct Client {
    interval_us: u64,
    next_at_us: u64,
    /// Requests that still come faster.
    burst: u32,
    asked: Option<Asked>,
    /// Whether the latest request was not answered in time.
    is_missed: bool,
}

impl Client {
    /// Asks every `interval_us`, and a few times in a row at the start, from `uptime_us` on.
    #[must_use]
    pub const fn new(interval_us: u64, uptime_us: u64) -> Self {
        Self { interval_us, next_at_us: uptime_us, burst: BURST_REQUESTS, asked: None, is_missed: false }
    }

    /// When something has to be done, by the uptime.
    #[must_use]
    pub fn poll_at(&self) -> u64 {
        let deadline_us = self.asked.map_or(u64::MAX, |asked| asked.at_us.saturating_add(REPLY_US_MAX + 1));
        self.next_at_us.min(deadline_us)
    }

    /// Gives up waiting for a reply that is late; whether there was one.
    pub fn give_up(&mut self, uptime_us: u64) -> bool {
        let late = self.asked.is_some_and(|asked| uptime_us.saturating_sub(asked.at_us) > REPLY_US_MAX);
        if late {
            self.asked = None;
            self.is_missed = true;
        }
        late
    }

    /// Whether it is time for a request.
    #[must_use]
    pub const fn is_due(&self, uptime_us: u64) -> bool {
        uptime_us >= self.next_at_us && self.asked.is_none()
    }

    /// The request to send now. `nonce` is random: only who has seen the request can answer it. It stands where the time of
    /// sending is meant to be: the server repeats that without looking at it (RFC 4330, section 5).
    pub fn request(&mut self, nonce: u64, uptime_us: u64) -> [u8; PACKET_BYTES] {
        self.asked = Some(Asked { nonce, at_us: uptime_us });
        let interval_us = if self.burst > 0 { BURST_US.min(self.interval_us) } else { self.interval_us };
        self.burst = self.burst.saturating_sub(1);
        self.next_at_us = uptime_us.saturating_add(interval_us);
        let mut packet = [0; PACKET_BYTES];
        packet[0] = VERSION << 3 | MODE_CLIENT;
        packet[40..].copy_from_slice(&nonce.to_be_bytes());
        packet
    }

    /// What a datagram from the server says, if it can be believed.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn handle(&mut self, datagram: &[u8], uptime_us: u64) -> Result<Sample, Reject> {
        let reply = Reply::parse(datagram)?;
        let asked = self.asked.filter(|asked| asked.nonce == reply.origin).ok_or(Reject::NotAsked)?;
        // It is answered, once, whatever the answer is worth.
        self.asked = None;
        if core::mem::take(&mut self.is_missed) {
            self.burst = BURST_REQUESTS;
            self.next_at_us = self.next_at_us.min(uptime_us.saturating_add(BURST_US));
        }
        if reply.stratum == 0 {
            self.interval_us = self.interval_us.saturating_mul(2).min(INTERVAL_US_MAX).max(self.interval_us);
            self.next_at_us = uptime_us.saturating_add(self.interval_us);
            self.burst = 0;
            return Err(Reject::KissOfDeath(reply.reference));
        }
        reply.sample(asked.at_us, uptime_us)
    }
}

/// The fields of a reply that matter.
struct Reply {
    leap: u8,
    stratum: u8,
    root_delay: u32,
    root_dispersion: u32,
    reference: [u8; 4],
    origin: u64,
    received: u64,
    sent: u64,
}

impl Reply {
    fn parse(datagram: &[u8]) -> Result<Self, Reject> {
        if datagram.len() > REPLY_BYTES_MAX {
            return Err(Reject::Length);
        }
        let packet = datagram.first_chunk::<PACKET_BYTES>().ok_or(Reject::Length)?;
        let reply = Self {
            leap: packet[0] >> 6,
            stratum: packet[1],
            root_delay: u32::from_be_bytes(field(packet, 4)),
            root_dispersion: u32::from_be_bytes(field(packet, 8)),
            reference: field(packet, 12),
            origin: u64::from_be_bytes(field(packet, 24)),
            received: u64::from_be_bytes(field(packet, 32)),
            sent: u64::from_be_bytes(field(packet, 40)),
        };
        match packet[0] {
            first if first >> 3 & 7 != VERSION => Err(Reject::Version),
            first if first & 7 != MODE_SERVER => Err(Reject::Mode),
            _ => Ok(reply),
        }
    }

    /// The time by a reply to what was asked at `asked_us`, and that came at `uptime_us`.
    fn sample(&self, asked_us: u64, uptime_us: u64) -> Result<Sample, Reject> {
        if self.leap == LEAP_UNKNOWN || self.stratum > STRATUM_MAX {
            return Err(Reject::Unsynchronized);
        }
        let round_us = uptime_us.saturating_sub(asked_us);
        if round_us > REPLY_US_MAX {
            return Err(Reject::Late);
        }
        let distance_us = short_us(self.root_delay) / 2 + short_us(self.root_dispersion);
        if distance_us > DISTANCE_US_MAX {
            return Err(Reject::Distance);
        }
        // The difference is right over the end of an era, too.
        let kept_us = short_span_us(self.sent.wrapping_sub(self.received)).ok_or(Reject::Order)?;
        let delay_us = round_us.checked_sub(kept_us).ok_or(Reject::Order)?;
        if self.sent == 0 || self.received == 0 {
            return Err(Reject::Order);
        }
        let utc_us = utc_us(self.sent).saturating_add(delay_us / 2);
        // Half of the way, what the counter may be off on it, and what rounding to microseconds hides.
        let uncertainty_us = delay_us.div_ceil(2) + Rate::UNKNOWN.drift_us(round_us) + distance_us + 2;
        Ok(Sample { uptime_us, utc_us, uncertainty_us })
    }
}

fn field<const N: usize>(packet: &[u8; PACKET_BYTES], offset: usize) -> [u8; N] {
    core::array::from_fn(|place| packet[offset + place])
}

/// Seconds with 16 binary places, in microseconds, rounded up.
const fn short_us(short: u32) -> u64 {
    (short as u64 * 1_000_000).div_ceil(1 << 16)
}

/// A span between two timestamps in microseconds, if it is not negative and less than a second and a bit.
const fn short_span_us(span: u64) -> Option<u64> {
    if span >> 33 != 0 {
        return None;
    }
    Some(((span as u128 * 1_000_000) >> 32) as u64)
}

/// Microseconds since 1970 of a timestamp: seconds since 1900 with 32 binary places, of which the upper bits are lost.
/// They are chosen so that the time is within 136 years after [`EARLIEST_UTC_S`], over the end of the era in 2036.
fn utc_us(timestamp: u64) -> u64 {
    let earliest = EARLIEST_UTC_S + UNIX_NTP_S;
    let seconds = (timestamp >> 32) as u32;
    let after = u64::from(seconds.wrapping_sub(earliest as u32));
    let fraction_us = ((timestamp & 0xffff_ffff) * 1_000_000) >> 32;
    (EARLIEST_UTC_S + after) * 1_000_000 + fraction_us
}
