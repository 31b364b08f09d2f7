//! V010: nothing hidden.

use noreturn_image_format::layout::BLOCK_BYTES;

use super::Rule;
use crate::bytes::{blocks, first_used};
use crate::gpt::TABLE_BLOCKS;
use crate::medium::Medium;

/// Whatever neither a table nor a file uses is zero: the gap before the partition, the gap behind it, reserved
/// blocks, and free clusters. (Ends of files and folders are a matter of V003.)
pub(super) const RULE: Rule =
    Rule { id: "V010", title: "what is not used is zero", check: |medium, _| check(medium).into() };

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let partitions = medium.partitions.as_ref().map_err(|_| "the partition table cannot be read")?;
    let volume = medium.volume.as_ref().map_err(|_| "the file system cannot be read")?;
    let partition = partitions.first().ok_or("there is no partition")?;
    let (gap_first, gap_end) = (1 + TABLE_BLOCKS, partition.first_block);
    let (tail_first, tail_end) =
        (partition.last_block + 1, (medium.image.len() / BLOCK_BYTES) as u64 - TABLE_BLOCKS);
    let used_in = |first: u64, end: u64| {
        let gap = blocks(medium.image, first, end.saturating_sub(first))?;
        first_used(gap).map(|within| first as usize * BLOCK_BYTES + within)
    };
    let in_partition = volume.hidden.map(|at| partition.first_block as usize * BLOCK_BYTES + at);
    match used_in(gap_first, gap_end).or(in_partition).or_else(|| used_in(tail_first, tail_end)) {
        Some(at) => Err(format!("byte {at} of the image is not zero")),
        None => Ok("nothing lies beside tables and files".to_owned()),
    }
}
