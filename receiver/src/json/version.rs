//! The version of an image as JSON.

use noreturn_wire::Release;
use serde::Serialize;

use super::finding_payload;
use crate::item::{Origin, Version};

/// The name of the alarm.
pub(super) const ALARM: &str = "image-downgrade";

/// The version of an image, and how it compares.
#[derive(Serialize)]
pub(super) struct VersionJson {
    image_version: u32,
    image_floor: u32,
    floor_memory: &'static str,
    image_version_at_least: u32,
    image_downgrade: bool,
}

impl From<&Version> for VersionJson {
    fn from(version: &Version) -> Self {
        let Release { version: number, floor, memory } = version.release;
        Self {
            image_version: number,
            image_floor: floor,
            floor_memory: memory.name(),
            image_version_at_least: version.at_least,
            image_downgrade: version.is_downgrade(),
        }
    }
}

/// The MQTT payload of a version.
#[must_use]
pub fn version_payload(origin: &Origin, version: &Version) -> Vec<u8> {
    finding_payload(origin, version.is_downgrade().then_some(ALARM), &VersionJson::from(version))
}
