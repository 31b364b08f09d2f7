//! Configurations of senders, absurd ones among them.

use noreturn_fec::Geometry;
use noreturn_link::{BlockConfig, ClassConfig, DiodeKey, HistoryConfig, HistoryOrder, SenderConfig};
use noreturn_wire::{BootId, DiodeId};

use super::super::script::Script;

pub(super) const BOOT: BootId = BootId([9; 16]);
pub(super) const KEY: DiodeKey = DiodeKey([7; 32]);

const GEOMETRIES: [(u8, u8); 8] = [(4, 2), (1, 1), (2, 2), (3, 0), (6, 3), (10, 4), (20, 5), (1, 6)];
const RATES: [u64; 6] = [12_500_000, 100_000, 1000, 1, 0, 100_000_000_000];

/// A configuration: the link, then every class.
pub(super) fn config(script: &mut Script<'_>) -> SenderConfig {
    let mut config = SenderConfig::new(DiodeId(5), script.choose(&RATES));
    config.burst_bytes = script.choose(&[65_536, 1514, 0]);
    config.copies = script.choose(&[1, 0, 3]);
    config.history = HistoryConfig {
        blocks: blocks(script),
        share_per_mille: script.choose(&[50, 0, 1, 500, 900]),
        order: script.choose(&[HistoryOrder::NewestFirst, HistoryOrder::OldestFirst]),
        interval_us: script.choose(&[10_000, 0, 1_000_000, u64::MAX]),
    };
    [config.alarm, config.telemetry, config.bulk] = std::array::from_fn(|_| class(script));
    config
}

fn class(script: &mut Script<'_>) -> ClassConfig {
    ClassConfig {
        blocks: blocks(script),
        weight: script.choose(&[1, 0, 8, u32::MAX]),
        queue_bytes_max: script.choose(&[65_536, 4096, 100, 0]),
        history_bytes_max: script.choose(&[1, 0]),
    }
}

fn blocks(script: &mut Script<'_>) -> BlockConfig {
    let (data, parity) = script.choose(&GEOMETRIES);
    BlockConfig {
        geometry: Geometry::new(data, parity).expect("the table holds geometries"),
        parity_min: script.choose(&[1, 0, 2, 255]),
        latency_us_max: script.choose(&[5000, 0, 20_000, u64::MAX]),
        span_us: script.choose(&[40_000, 0, 1000, 2_000_000]),
        blocks_max: script.choose(&[4, 0, 1, 16]),
    }
}
