//! How long the medium and its parts are; every image has the same size.

use noreturn_image_format::layout::{BLOCK_BYTES, IMAGE_BYTES_MAX, PARTITION_FIRST_BLOCK};

/// Blocks of the partition: 33 MiB, the first whole MiB that holds FAT32, which needs 65525 clusters.
pub const PARTITION_BLOCKS: u64 = 33 << 11;

/// Blocks of the backup partition table: 128 entries of 128 bytes, and the header.
pub const BACKUP_BLOCKS: u64 = 33;

/// Blocks of every image; it ends with the backup partition table.
pub const IMAGE_BLOCKS: u64 = PARTITION_FIRST_BLOCK + PARTITION_BLOCKS + BACKUP_BLOCKS;

/// Bytes of every image.
pub const IMAGE_BYTES: u64 = IMAGE_BLOCKS * BLOCK_BYTES as u64;

const _: () = assert!(IMAGE_BYTES <= IMAGE_BYTES_MAX);
