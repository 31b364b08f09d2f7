//! V010: nothing hidden.

use std::ops::Range;

use noreturn_image_format::layout::{BLOCK_BYTES, ISO_PLACE, MANIFEST_PLACE, MANIFEST_RANGE};

use super::Rule;
use crate::bytes::first_used;
use crate::gpt::TABLE_BLOCKS;
use crate::medium::Medium;

/// Whatever neither a table nor a part uses is zero: every gap between them, and free clusters. (Ends of files and folders are
/// a matter of V003, gaps between the fields of a CD of V013.)
pub(super) const RULE: Rule =
    Rule { id: "V010", title: "what is not used is zero", check: |medium, _| check(medium).into() };

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let partitions = medium.partitions.as_ref().map_err(|_| "the partition table cannot be read")?;
    let volume = medium.volume.as_ref().map_err(|_| "the file system cannot be read")?;
    let esp = partitions.first().ok_or("there is no partition")?.range();
    let manifest = medium.manifest()?;
    let table = TABLE_BLOCKS as usize * BLOCK_BYTES;
    let end = medium.image.len();
    // What is used, in any order; the manifest's reader has seen that only zeros are behind its text.
    let mut used = [
        0..BLOCK_BYTES + table,
        ISO_PLACE as usize..MANIFEST_PLACE as usize,
        MANIFEST_RANGE,
        esp.clone(),
        manifest.kernel.range(),
        manifest.config.range(),
        end.saturating_sub(table)..end,
    ];
    used.sort_by_key(|place| place.start);
    let in_partition = volume.hidden.map(|at| esp.start + at);
    match in_partition.or_else(|| first_in_gaps(medium.image, &used)) {
        Some(at) => Err(format!("byte {at} of the image is not zero")),
        None => Ok("nothing lies beside tables and parts".to_owned()),
    }
}

/// The first byte outside all places that is not zero; the places are sorted.
fn first_in_gaps(image: &[u8], used: &[Range<usize>]) -> Option<usize> {
    let ends = std::iter::once(0).chain(used.iter().map(|place| place.end));
    ends.zip(used).find_map(|(start, next)| {
        let gap = image.get(start..next.start)?;
        first_used(gap).map(|within| start + within)
    })
}
