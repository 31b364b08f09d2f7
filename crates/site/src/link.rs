//! The `[link]` table; every key has a default.

use noreturn_image_format::config::Link;

use crate::section::{Section, integer};

/// A frame of 1500 bytes of payload with its Ethernet header: the least burst that lets one leave.
const BURST_BYTES_MIN: u32 = 1514;

pub(crate) fn read(section: &Section<'_>) -> Option<Link> {
    let data_shards = section.or("data_shards", &integer(1..=255), 10);
    let parity_shards = section.or("parity_shards", &integer(0..=254), 4);
    let latency_ms_max = section.or("latency_ms_max", &integer(1..=10_000), 20);
    let rate_bytes_per_s = section.or("rate_bytes_per_s", &integer(10_000..=1_250_000_000_u32), 2_000_000);
    let burst_bytes = section.or("burst_bytes", &integer(BURST_BYTES_MIN..=16 << 20), 16_384);
    let announce_period_ms = section.or("announce_period_ms", &integer(100..=3_600_000), 5_000);
    let (data_shards, parity_shards): (u8, u8) = (data_shards?, parity_shards?);
    let shards = u16::from(data_shards) + u16::from(parity_shards);
    if shards > 255 {
        let what = format!(
            "{data_shards} data and {parity_shards} parity shards are {shards} together, more than 255"
        );
        section.fault("parity_shards", &what);
    }
    Some(Link {
        data_shards,
        parity_shards,
        latency_ms_max: latency_ms_max?,
        rate_bytes_per_s: u64::from(rate_bytes_per_s?),
        burst_bytes: burst_bytes?,
        announce_period_ms: announce_period_ms?,
    })
}
