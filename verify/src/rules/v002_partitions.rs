//! V002: the partitions.

use noreturn_image_format::layout::{DATA_PLACE, ESP_BYTES, ESP_PLACE};

use super::Rule;
use crate::gpt::Kind;
use crate::medium::Medium;

/// There is one EFI system partition and one for kernel and configuration, at the places that the layout names, and no other.
pub(super) const RULE: Rule = Rule {
    id: "V002",
    title: "there is one EFI system partition, one for the kernel, and no other",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let partitions = medium.partitions.as_ref().map_err(|_| "the partition table cannot be read")?;
    let [esp, data] = partitions.as_slice() else {
        return Err(format!("there are {} partitions", partitions.len()));
    };
    if (esp.kind, data.kind) != (Kind::EfiSystem, Kind::Data) {
        return Err("a partition is of another type".to_owned());
    }
    let expected = ESP_PLACE as usize..(ESP_PLACE + ESP_BYTES) as usize;
    if esp.range() != expected {
        return Err(format!(
            "the EFI system partition has the bytes {:?}, expected {expected:?}",
            esp.range()
        ));
    }
    let manifest = medium.manifest()?;
    let end = manifest.config.range().end;
    if data.range().start != DATA_PLACE as usize || data.range().end < end {
        return Err(format!(
            "the kernel's partition has the bytes {:?}, expected {DATA_PLACE}..{end}",
            data.range()
        ));
    }
    if manifest.kernel.place != DATA_PLACE {
        return Err(format!("the kernel lies at byte {}, expected {DATA_PLACE}", manifest.kernel.place));
    }
    Ok(format!("bytes {:?} and {:?}", esp.range(), data.range()))
}
