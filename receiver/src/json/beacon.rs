//! A beacon as JSON.

use std::collections::BTreeMap;

use noreturn_wire::{Beacon, CardModel};
use serde::Serialize;

use super::hex;
use crate::item::ImageCheck;
use crate::rfc3339;

/// A beacon and the image check.
#[derive(Serialize)]
pub struct BeaconJson {
    image_check: &'static str,
    image_sha256: String,
    config_sha256: String,
    site_sha256: String,
    cards_pinned: bool,
    reset_count: Option<u32>,
    image_version: u32,
    image_floor: u32,
    floor_memory: &'static str,
    uptime_us: u64,
    clock: Option<String>,
    clock_us: u64,
    time_source: &'static str,
    time_uncertainty_us: Option<u64>,
    clock_steps: u64,
    outside: OutsideJson,
    last_stop: String,
    watchdog: &'static str,
    dma_fence: &'static str,
    attestation: &'static str,
    counters: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct OutsideJson {
    card: &'static str,
    link_up: bool,
    firmware_left_receiver_on: bool,
    firmware_frames_received: Option<u32>,
}

impl BeaconJson {
    /// What is told of a beacon.
    #[must_use]
    pub fn new(check: ImageCheck, beacon: &Beacon) -> Self {
        Self {
            image_check: check.word(),
            image_sha256: hex(&beacon.image_sha256),
            config_sha256: hex(&beacon.config_sha256),
            site_sha256: hex(&beacon.site_sha256),
            cards_pinned: beacon.cards_pinned,
            reset_count: beacon.reset_count,
            image_version: beacon.release.version,
            image_floor: beacon.release.floor,
            floor_memory: beacon.release.memory.name(),
            uptime_us: beacon.uptime_us,
            clock: rfc3339::format(beacon.clock_us),
            clock_us: beacon.clock_us,
            time_source: beacon.clock.source.name(),
            time_uncertainty_us: beacon.clock.uncertainty_us,
            clock_steps: beacon.clock.steps,
            outside: OutsideJson {
                card: match beacon.outside.model {
                    CardModel::VirtioNet => "virtio-net",
                    CardModel::IntelE1000e => "e1000e",
                    CardModel::IntelIgb => "igb",
                },
                link_up: beacon.outside.link_up,
                firmware_left_receiver_on: beacon.outside.firmware_left_receiver_on,
                firmware_frames_received: beacon.outside.firmware_frames_received,
            },
            last_stop: beacon.last_stop.to_string(),
            watchdog: beacon.watchdog.name(),
            dma_fence: beacon.dma_fence.name(),
            attestation: beacon.attestation.name(),
            counters: beacon.counters.iter().collect(),
        }
    }
}
