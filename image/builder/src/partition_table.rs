//! The partition table: protective MBR, GPT at both ends, and one EFI system partition (UEFI 2.10, chapter 5).

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::ops::Range;

use gpt::GptConfig;
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use noreturn_image_format::layout::{BLOCK_BYTES, PARTITION_FIRST_BLOCK};

use crate::error::BuildError;
use crate::size::{IMAGE_BLOCKS, PARTITION_BLOCKS};

/// Identifies the disk; fixed, since an image is the same wherever it is written.
const DISK_GUID: &str = "6e6f7265-7475-726e-8d10-de0000000001";
/// Identifies the partition; fixed, too.
const PARTITION_GUID: &str = "6e6f7265-7475-726e-8d10-de0000000002";
const PARTITION_NAME: &str = "noreturn";

const LAST_BLOCK: u64 = PARTITION_FIRST_BLOCK + PARTITION_BLOCKS - 1;

/// Writes the table to a zeroed image and returns the bytes of the partition.
pub(crate) fn write(image: &mut [u8]) -> Result<Range<usize>, BuildError> {
    let mut device = Cursor::new(image);
    // An image has at most 2^32 blocks by far, so the length fits the field.
    ProtectiveMBR::with_lb_size(IMAGE_BLOCKS as u32 - 1).overwrite_lba0(&mut device)?;
    let guid = DISK_GUID.parse().map_err(not_a_guid)?;
    let mut disk = GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(device, Some(guid))?;
    let partition = Partition {
        part_type_guid: gpt::partition_types::EFI,
        part_guid: PARTITION_GUID.parse().map_err(not_a_guid)?,
        first_lba: PARTITION_FIRST_BLOCK,
        last_lba: LAST_BLOCK,
        flags: 0,
        name: PARTITION_NAME.to_owned(),
    };
    disk.update_partitions(BTreeMap::from([(1, partition)]))?;
    disk.write()?;
    Ok(PARTITION_FIRST_BLOCK as usize * BLOCK_BYTES..(LAST_BLOCK as usize + 1) * BLOCK_BYTES)
}

fn not_a_guid(error: impl std::error::Error + Send + Sync + 'static) -> gpt::GptError {
    gpt::GptError::Io(io::Error::other(error))
}
