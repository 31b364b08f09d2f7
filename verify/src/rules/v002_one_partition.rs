//! V002: one partition.

use noreturn_image_format::layout::PARTITION_FIRST_BLOCK;

use super::Rule;
use crate::gpt::Partition;
use crate::medium::Medium;

/// There is one EFI system partition at the place that the layout names, and no other.
pub(super) const RULE: Rule = Rule {
    id: "V002",
    title: "there is one EFI system partition and no other",
    check: |medium, _| check(medium).into(),
};

fn check(medium: &Medium<'_>) -> Result<String, String> {
    let partitions = medium.partitions.as_ref().map_err(|_| "the partition table cannot be read")?;
    let [partition] = partitions.as_slice() else {
        return Err(format!("there are {} partitions", partitions.len()));
    };
    let Partition { first_block, last_block, is_efi_system } = *partition;
    if !is_efi_system {
        return Err("the partition is of another type".to_owned());
    }
    if first_block != PARTITION_FIRST_BLOCK {
        return Err(format!("the partition starts at block {first_block}, expected {PARTITION_FIRST_BLOCK}"));
    }
    Ok(format!("blocks {first_block} to {last_block}"))
}
