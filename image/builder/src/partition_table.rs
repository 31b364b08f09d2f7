//! The partition table: protective MBR, GPT at both ends, and two partitions (UEFI 2.10, chapter 5).

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::ops::Range;

use gpt::GptConfig;
use gpt::disk::LogicalBlockSize;
use gpt::mbr::ProtectiveMBR;
use gpt::partition::Partition;
use gpt::partition_types::{EFI, OperatingSystem, Type};
use noreturn_image_format::layout::{
    BLOCK_BYTES, DATA_PARTITION_TYPE, ESP_BYTES, ESP_PLACE, PARTITION_GRAIN_BYTES,
};

use crate::error::BuildError;

/// Identifies the disk; fixed, since an image is the same wherever it is written.
const DISK_GUID: &str = "6e6f7265-7475-726e-8d10-de0000000001";
/// Identifies the EFI system partition; fixed, too.
const ESP_GUID: &str = "6e6f7265-7475-726e-8d10-de0000000002";
/// Identifies the partition of kernel and configuration.
const DATA_GUID: &str = "6e6f7265-7475-726e-8d10-de0000000003";

/// Writes the table to a zeroed image whose kernel and configuration lie in the bytes `data`.
pub(crate) fn write(image: &mut [u8], data: &Range<u64>) -> Result<(), BuildError> {
    let blocks = image.len() / BLOCK_BYTES;
    let mut device = Cursor::new(image);
    // An image has at most 2^32 blocks by far, so the length fits the field.
    ProtectiveMBR::with_lb_size(blocks as u32 - 1).overwrite_lba0(&mut device)?;
    let guid = DISK_GUID.parse().map_err(not_a_guid)?;
    let mut disk = GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(device, Some(guid))?;
    let data_type =
        Type { guid: DATA_PARTITION_TYPE.parse().map_err(not_a_guid)?, os: OperatingSystem::None };
    let esp = partition(EFI, ESP_GUID, "noreturn loader", &(ESP_PLACE..ESP_PLACE + ESP_BYTES))?;
    let data = partition(data_type, DATA_GUID, "noreturn kernel", data)?;
    disk.update_partitions(BTreeMap::from([(1, esp), (2, data)]))?;
    disk.write()?;
    Ok(())
}

/// A partition that covers these bytes, and the rest of the last [`PARTITION_GRAIN_BYTES`].
fn partition(kind: Type, guid: &str, name: &str, place: &Range<u64>) -> Result<Partition, BuildError> {
    Ok(Partition {
        part_type_guid: kind,
        part_guid: guid.parse().map_err(not_a_guid)?,
        first_lba: place.start / BLOCK_BYTES as u64,
        last_lba: place.end.next_multiple_of(PARTITION_GRAIN_BYTES) / BLOCK_BYTES as u64 - 1,
        flags: 0,
        name: name.to_owned(),
    })
}

fn not_a_guid(error: impl std::error::Error + Send + Sync + 'static) -> gpt::GptError {
    gpt::GptError::Io(io::Error::other(error))
}
