//! The record of a build: a JSON file beside the image, for people and for programs that release it.

use noreturn_image_format::{Config, Part, Sha256Digest};
use noreturn_site::Summary;
use serde_json::{Value, json};

use crate::{Image, Owner};

/// Version of this tool, as records name it.
pub const TOOL: &str = concat!("diode-image ", env!("CARGO_PKG_VERSION"));

/// The record as text. It holds no time, place or secret, so it is as reproducible as the image.
#[must_use]
pub fn emit(image: &Image, config: &Config, owner: &Owner) -> String {
    let summary: Vec<_> = Summary(config).to_string().lines().map(str::to_owned).collect();
    let record = json!({
        "tool": TOOL,
        "image_sha256": image.sha256.to_string(),
        "image_bytes": image.manifest.image_bytes,
        "owner": Sha256Digest(owner.public()).to_string(),
        "loader": part(&image.manifest.loader),
        "kernel": part(&image.manifest.kernel),
        "config": part(&image.manifest.config),
        "diode": { "id": config.diode.id, "name": config.diode.name },
        "devices": config.devices.len(),
        "sources": config.sources.len(),
        "summary": summary,
    });
    format!("{record:#}\n")
}

fn part(part: &Part) -> Value {
    json!({ "place": part.place, "bytes": part.bytes, "sha256": part.sha256.to_string() })
}
