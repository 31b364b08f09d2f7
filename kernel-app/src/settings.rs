//! What the configuration means to the link. Plain conversions; `crates/site` runs them in its tests, too.

use alloc::vec::Vec;

use noreturn_fec::Geometry;
use noreturn_image_format::config::Key;
use noreturn_image_format::config::link::{self, Blocks, History, Link, TrafficClass};
use noreturn_image_format::{Config, ConfigError, config};
use noreturn_link::{BlockConfig, ClassConfig, DiodeKey, HistoryConfig, HistoryOrder, SenderConfig};
use noreturn_wire::{Class, DiodeId, Suite};

/// What the sender is told.
pub fn sender(config: &Config) -> Result<SenderConfig, ConfigError> {
    let Link { suite, rate_bytes_per_s, burst_bytes, alarm, telemetry, bulk, history, .. } = &config.link;
    Ok(SenderConfig {
        diode: DiodeId(config.diode.id),
        suite: match suite {
            link::Suite::ChaCha20Poly1305 => Suite::ChaCha20Poly1305,
            link::Suite::Aes256Gcm => Suite::Aes256Gcm,
        },
        rate_bytes_per_s: *rate_bytes_per_s,
        burst_bytes: u64::from(*burst_bytes),
        copies: config.outside.destinations.len() as u64,
        alarm: class(alarm)?,
        telemetry: class(telemetry)?,
        bulk: class(bulk)?,
        history: self::history(history)?,
    })
}

/// The diode's key, which is in the configuration by now wherever it was.
pub fn key(config: &Config) -> Result<DiodeKey, ConfigError> {
    match config.diode.key {
        Key::Here(key) => Ok(DiodeKey(key)),
        Key::Tpm(_) => Err(ConfigError::Value("the diode's key was not handed over")),
    }
}

/// The class of each source, by its number.
pub fn classes(config: &Config) -> Vec<Class> {
    let class = |source: &config::Source| match source.class {
        config::Class::Alarm => Class::Alarm,
        config::Class::Telemetry => Class::Telemetry,
    };
    config.sources.iter().map(class).collect()
}

fn class(class: &TrafficClass) -> Result<ClassConfig, ConfigError> {
    Ok(ClassConfig {
        blocks: blocks(&class.blocks)?,
        weight: u32::from(class.weight),
        queue_bytes_max: class.queue_bytes_max as usize,
        history_bytes_max: class.history_bytes_max as usize,
    })
}

fn history(history: &History) -> Result<HistoryConfig, ConfigError> {
    Ok(HistoryConfig {
        blocks: blocks(&history.blocks)?,
        share_per_mille: u32::from(history.share_per_mille),
        order: match history.order {
            link::HistoryOrder::NewestFirst => HistoryOrder::NewestFirst,
            link::HistoryOrder::OldestFirst => HistoryOrder::OldestFirst,
        },
        interval_us: u64::from(history.interval_ms) * 1000,
    })
}

fn blocks(blocks: &Blocks) -> Result<BlockConfig, ConfigError> {
    let geometry = Geometry::new(blocks.data_shards, blocks.parity_shards)
        .map_err(|_| ConfigError::Value("a block's shards are no valid code"))?;
    Ok(BlockConfig {
        geometry,
        parity_min: blocks.parity_shards_min,
        latency_us_max: u64::from(blocks.latency_ms_max) * 1000,
        span_us: u64::from(blocks.span_ms) * 1000,
        blocks_max: usize::from(blocks.blocks_max),
    })
}
