//! The `[link]` table and the tables of its classes; every key has a default.

use noreturn_image_format::config::link::{
    Blocks, HISTORY_SEGMENT_BYTES, History, HistoryOrder, LINK_MEMORY_BYTES_MAX, Link, SHARDS_MAX, Suite,
    TrafficClass,
};

use crate::section::{Section, choice, integer, zero_or};

/// A frame of 1500 bytes of payload with its Ethernet header: the least burst that lets one leave.
const BURST_BYTES_MIN: u32 = 1514;
/// No single queue or history may take more than all together.
const BYTES_MAX: u32 = LINK_MEMORY_BYTES_MAX as u32;

const ORDERS: &[(&str, HistoryOrder)] =
    &[("newest_first", HistoryOrder::NewestFirst), ("oldest_first", HistoryOrder::OldestFirst)];

const SUITES: &[(&str, Suite)] =
    &[(Suite::ChaCha20Poly1305.name(), Suite::ChaCha20Poly1305), (Suite::Aes256Gcm.name(), Suite::Aes256Gcm)];

/// Doubled from the first, little spread.
const ALARM: TrafficClass = TrafficClass {
    blocks: Blocks {
        data_shards: 8,
        parity_shards: 8,
        parity_shards_min: 3,
        latency_ms_max: 5,
        span_ms: 100,
        blocks_max: 16,
    },
    weight: 8,
    queue_bytes_max: 256 << 10,
    history_bytes_max: 1 << 20,
};
const TELEMETRY: TrafficClass = TrafficClass {
    blocks: Blocks {
        data_shards: 46,
        parity_shards: 16,
        parity_shards_min: 3,
        latency_ms_max: 20,
        span_ms: 200,
        blocks_max: 64,
    },
    weight: 4,
    queue_bytes_max: 1 << 20,
    history_bytes_max: 16 << 20,
};
const BULK: TrafficClass = TrafficClass {
    blocks: Blocks { data_shards: 100, blocks_max: 32, ..TELEMETRY.blocks },
    weight: 1,
    queue_bytes_max: 1 << 20,
    history_bytes_max: 4 << 20,
};
const HISTORY: History = History {
    blocks: Blocks {
        data_shards: 40,
        parity_shards: 8,
        parity_shards_min: 1,
        blocks_max: 16,
        ..TELEMETRY.blocks
    },
    share_per_mille: 50,
    order: HistoryOrder::NewestFirst,
    interval_ms: 10_000,
};

pub(crate) fn read(section: &Section<'_>) -> Option<Link> {
    let suite = section.or("suite", &choice(SUITES), Suite::ChaCha20Poly1305);
    let rate_bytes_per_s = section.or("rate_bytes_per_s", &integer(10_000..=1_250_000_000_u32), 2_000_000);
    let burst_bytes = section.or("burst_bytes", &integer(BURST_BYTES_MIN..=16 << 20), 16_384);
    let announce_period_ms = section.or("announce_period_ms", &integer(100..=3_600_000), 5_000);
    let history = section.optional_table("history").read(read_history);
    let share = history.map_or(1, |history| history.share_per_mille);
    let class = |key, default| section.optional_table(key).read(|class| read_class(class, default, share));
    let (alarm, telemetry, bulk) =
        (class("alarm", ALARM), class("telemetry", TELEMETRY), class("bulk", BULK));
    let link = Link {
        suite: suite?,
        rate_bytes_per_s: u64::from(rate_bytes_per_s?),
        burst_bytes: burst_bytes?,
        announce_period_ms: announce_period_ms?,
        alarm: alarm?,
        telemetry: telemetry?,
        bulk: bulk?,
        history: history?,
    };
    if link.memory_bytes() > LINK_MEMORY_BYTES_MAX {
        let what = format!(
            "queues, histories and blocks take {} bytes together, more than {LINK_MEMORY_BYTES_MAX}",
            link.memory_bytes()
        );
        section.fault("", &what);
    }
    Some(link)
}

/// `share` of the link goes to what is sent again; without any, keeping it makes no sense.
fn read_class(section: &Section<'_>, default: TrafficClass, share: u16) -> Option<TrafficClass> {
    let blocks = read_blocks(section, default.blocks);
    let weight = section.or("weight", &integer(1..=1_000), default.weight);
    let queue_bytes_max = section.or("queue_bytes_max", &integer(4_096..=BYTES_MAX), default.queue_bytes_max);
    let kept = if share == 0 { 0 } else { default.history_bytes_max };
    let history_bytes_max =
        section.or("history_bytes_max", &zero_or(2 * HISTORY_SEGMENT_BYTES..=BYTES_MAX), kept);
    if share == 0 && history_bytes_max.is_some_and(|bytes| bytes > 0) {
        section.fault("history_bytes_max", "is not 0, but link.history.share_per_mille is");
    }
    Some(TrafficClass {
        blocks: blocks?,
        weight: weight?,
        queue_bytes_max: queue_bytes_max?,
        history_bytes_max: history_bytes_max?,
    })
}

fn read_history(section: &Section<'_>) -> Option<History> {
    let blocks = read_blocks(section, HISTORY.blocks);
    let share_per_mille = section.or("share_per_mille", &integer(0..=900), HISTORY.share_per_mille);
    let order = section.or("order", &choice(ORDERS), HISTORY.order);
    let interval_ms = section.or("interval_ms", &integer(100..=86_400_000), HISTORY.interval_ms);
    Some(History {
        blocks: blocks?,
        share_per_mille: share_per_mille?,
        order: order?,
        interval_ms: interval_ms?,
    })
}

fn read_blocks(section: &Section<'_>, default: Blocks) -> Option<Blocks> {
    let data_shards = section.or("data_shards", &integer(1..=255), default.data_shards);
    let parity_shards = section.or("parity_shards", &integer(0..=255), default.parity_shards);
    let parity_shards_min = match (data_shards, parity_shards) {
        (Some(data), Some(parity)) => {
            check_shards(section, data, parity);
            let least = default.parity_shards_min.min(parity);
            section.or("parity_shards_min", &integer(parity.min(1)..=parity), least)
        }
        _ => section.or("parity_shards_min", &integer(0..=255), 0),
    };
    let latency_ms_max = section.or("latency_ms_max", &integer(1..=10_000), default.latency_ms_max);
    let span_ms = section.or("span_ms", &integer(0..=60_000), default.span_ms);
    let blocks_max = section.or("blocks_max", &integer(1..=256), default.blocks_max);
    Some(Blocks {
        data_shards: data_shards?,
        parity_shards: parity_shards?,
        parity_shards_min: parity_shards_min?,
        latency_ms_max: latency_ms_max?,
        span_ms: span_ms?,
        blocks_max: blocks_max?,
    })
}

fn check_shards(section: &Section<'_>, data: u8, parity: u8) {
    let shards = u16::from(data) + u16::from(parity);
    if shards > SHARDS_MAX {
        let what =
            format!("{data} data and {parity} parity shards are {shards} together, more than {SHARDS_MAX}");
        section.fault("parity_shards", &what);
    }
}
