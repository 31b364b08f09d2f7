//! The boot sector (section 3).

use noreturn_image_format::layout::{BLOCK_BYTES, ESP_BYTES, ESP_PLACE};

use super::folder::{ROOT_ENTRIES, VOLUME_LABEL};
use super::{CLUSTER_BLOCKS, FAT_BLOCKS, FATS, RESERVED_BLOCKS};

/// Number of the volume; fixed, since an image is the same wherever it is written.
const VOLUME_ID: u32 = 0x4e52_0001;

/// Field by field in the order of sections 3.1 and 3.2; there is no boot code, UEFI needs none.
pub(super) fn write(partition: &mut [u8]) {
    let fields: [(usize, &[u8]); 18] = [
        (0, &[0xeb, 0x3c, 0x90]),                      // jump over the fields
        (3, b"NORETURN"),                              // who formatted
        (11, &(BLOCK_BYTES as u16).to_le_bytes()),     // bytes per block
        (13, &[CLUSTER_BLOCKS as u8]),                 // blocks per cluster
        (14, &(RESERVED_BLOCKS as u16).to_le_bytes()), // blocks before the first FAT
        (16, &[FATS as u8]),                           // FATs
        (17, &(ROOT_ENTRIES as u16).to_le_bytes()),    // entries of the root folder
        (19, &((ESP_BYTES as usize / BLOCK_BYTES) as u16).to_le_bytes()), // blocks of the partition
        (21, &[0xf8]),                                 // medium: not removed
        (22, &(FAT_BLOCKS as u16).to_le_bytes()),      // blocks of one FAT
        (24, &32_u16.to_le_bytes()),                   // blocks per track, of no meaning
        (26, &2_u16.to_le_bytes()),                    // heads, of no meaning
        (28, &((ESP_PLACE as usize / BLOCK_BYTES) as u32).to_le_bytes()), // blocks before the partition
        (36, &[0x80, 0, 0x29]),                        // a disk; the next three fields are there
        (39, &VOLUME_ID.to_le_bytes()),
        (43, &VOLUME_LABEL),
        (54, b"FAT12   "),
        (510, &[0x55, 0xaa]),
    ];
    for (offset, field) in fields {
        partition[offset..offset + field.len()].copy_from_slice(field);
    }
}
