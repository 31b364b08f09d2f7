//! V013: the medium as a CD.

use noreturn_image_format::Part;
use noreturn_image_format::layout::{
    CONFIG_NAME, ESP_BYTES, ESP_PLACE, KERNEL_NAME, LOADER_NAME, MANIFEST_NAME, MANIFEST_PLACE,
};

use super::Rule;
use crate::iso;
use crate::medium::Medium;

/// A machine that reads it as a CD starts the same partition, and whoever mounts it sees the manifest's parts and no others.
pub(super) const RULE: Rule = Rule {
    id: "V013",
    title: "the CD starts the same loader and names the same parts",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let cd = iso::read(medium.image)?;
    let parsed = medium.manifest.as_ref().map_err(|_| "the manifest cannot be read")?;
    let manifest = &parsed.manifest;
    if cd.bytes != manifest.image_bytes {
        return Err(format!("it has {} bytes, the manifest says {}", cd.bytes, manifest.image_bytes));
    }
    if cd.boot != (ESP_PLACE..ESP_PLACE + ESP_BYTES) {
        return Err(format!("it starts from the bytes {:?}", cd.boot));
    }
    let place = |part: &Part| part.place..part.place + part.bytes;
    let expected = [
        (CONFIG_NAME, place(&manifest.config)),
        (KERNEL_NAME, place(&manifest.kernel)),
        (LOADER_NAME, place(&manifest.loader)),
        (MANIFEST_NAME, MANIFEST_PLACE..MANIFEST_PLACE + parsed.text.len() as u64),
    ];
    if !cd.files.iter().map(|(name, place)| (name.as_str(), place.clone())).eq(expected) {
        return Err(format!("its files are {:?}", cd.files));
    }
    Ok(format!("{} files", cd.files.len()))
}
