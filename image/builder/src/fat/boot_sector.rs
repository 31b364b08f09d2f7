//! The boot sector, the FSInfo sector, and the copies of both (sections 3 and 5).

use noreturn_image_format::layout::{BLOCK_BYTES, PARTITION_FIRST_BLOCK};

use super::folder::VOLUME_LABEL;
use super::{FAT_BLOCKS, FATS, RESERVED_BLOCKS, ROOT_CLUSTER};
use crate::size::PARTITION_BLOCKS;

/// Number of the volume; fixed, since an image is the same wherever it is written.
const VOLUME_ID: u32 = 0x4e52_0001;
const INFO_BLOCK: usize = 1;
const BACKUP_BLOCK: usize = 6;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// Writes both sectors and their copies; `free` clusters are free, `next` is the first of them.
pub(super) fn write(partition: &mut [u8], free: u32, next: u32) {
    for first in [0, BACKUP_BLOCK] {
        block(partition, first).copy_from_slice(&boot_sector());
        block(partition, first + INFO_BLOCK).copy_from_slice(&info_sector(free, next));
    }
}

fn block(partition: &mut [u8], number: usize) -> &mut [u8] {
    &mut partition[number * BLOCK_BYTES..][..BLOCK_BYTES]
}

/// Field by field in the order of sections 3.1 and 3.3; there is no boot code, UEFI needs none.
fn boot_sector() -> [u8; BLOCK_BYTES] {
    sector(&[
        (0, &[0xeb, 0x58, 0x90]),                            // jump over the fields
        (3, b"NORETURN"),                                    // who formatted
        (11, &(BLOCK_BYTES as u16).to_le_bytes()),           // bytes per block
        (13, &[1]),                                          // blocks per cluster
        (14, &(RESERVED_BLOCKS as u16).to_le_bytes()),       // blocks before the first FAT
        (16, &[FATS as u8]),                                 // FATs
        (21, &[0xf8]),                                       // medium: not removed
        (24, &63_u16.to_le_bytes()),                         // blocks per track, of no meaning
        (26, &255_u16.to_le_bytes()),                        // heads, of no meaning
        (28, &(PARTITION_FIRST_BLOCK as u32).to_le_bytes()), // blocks before the partition
        (32, &(PARTITION_BLOCKS as u32).to_le_bytes()),      // blocks of the partition
        (36, &FAT_BLOCKS.to_le_bytes()),                     // blocks of one FAT
        (44, &ROOT_CLUSTER.to_le_bytes()),                   // cluster of the root folder
        (48, &(INFO_BLOCK as u16).to_le_bytes()),            // block of the FSInfo sector
        (50, &(BACKUP_BLOCK as u16).to_le_bytes()),          // block of the copy of this
        (64, &[0x80]),                                       // drive: a disk
        (66, &[0x29]),                                       // the three fields that follow are there
        (67, &VOLUME_ID.to_le_bytes()),
        (71, &VOLUME_LABEL),
        (82, b"FAT32   "),
        (510, &SIGNATURE),
    ])
}

fn info_sector(free: u32, next: u32) -> [u8; BLOCK_BYTES] {
    sector(&[
        (0, b"RRaA"),
        (484, b"rrAa"),
        (488, &free.to_le_bytes()),
        (492, &next.to_le_bytes()),
        (510, &SIGNATURE),
    ])
}

fn sector(fields: &[(usize, &[u8])]) -> [u8; BLOCK_BYTES] {
    let mut bytes = [0; BLOCK_BYTES];
    for (offset, field) in fields {
        bytes[*offset..offset + field.len()].copy_from_slice(field);
    }
    bytes
}
