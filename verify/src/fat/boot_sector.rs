//! The boot sector: where the FATs and the clusters are (section 3).

use noreturn_image_format::layout::BLOCK_BYTES;

use super::ROOT_CLUSTER;
use crate::bytes::{block, blocks, first_used, u16_at, u32_at};

const FATS: u32 = 2;
/// Fewer clusters are FAT16, whatever the boot sector says (section 3.5).
const CLUSTERS_MIN: u32 = 65_525;
/// More do not exist in FAT32, and would not fit an image.
const CLUSTERS_MAX: u32 = 0x0fff_fff5;
const INFO_BLOCK: u16 = 1;
const BACKUP_BLOCK: u16 = 6;

/// Where everything is; it all lies within the partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    reserved_blocks: u32,
    fat_blocks: u32,
    /// Clusters, which are one block each.
    pub clusters: u32,
    /// The block of the first cluster.
    pub data_block: u32,
}

impl Geometry {
    pub fn read(partition: &[u8]) -> Result<Self, String> {
        let sector = block(partition, 0).ok_or("the partition has no blocks")?;
        let geometry = Self::parse(sector, partition.len())
            .ok_or("the boot sector is not one of FAT32 with one block a cluster over the whole partition")?;
        if block(partition, u64::from(BACKUP_BLOCK)) != Some(sector) {
            return Err(format!(
                "the boot sector differs from its copy in block {BACKUP_BLOCK} of the partition"
            ));
        }
        Ok(geometry)
    }

    /// Nothing if a field is not the only value that it has in images, or the parts do not fit the partition.
    fn parse(sector: &[u8; BLOCK_BYTES], partition_bytes: usize) -> Option<Self> {
        let total = u32_at(sector, 32)?;
        let is_expected = u16_at(sector, 11)? as usize == BLOCK_BYTES
            && sector[13] == 1
            && u32::from(sector[16]) == FATS
            && u16_at(sector, 17)? == 0
            && u16_at(sector, 19)? == 0
            && u16_at(sector, 22)? == 0
            && u16_at(sector, 40)? == 0
            && u16_at(sector, 42)? == 0
            && u32_at(sector, 44)? == ROOT_CLUSTER
            && u16_at(sector, 48)? == INFO_BLOCK
            && u16_at(sector, 50)? == BACKUP_BLOCK
            && sector[510..] == [0x55, 0xaa]
            && first_used(&sector[90..510]).is_none()
            && total as usize == partition_bytes / BLOCK_BYTES;
        let (reserved_blocks, fat_blocks) = (u32::from(u16_at(sector, 14)?), u32_at(sector, 36)?);
        let data_block = reserved_blocks.checked_add(fat_blocks.checked_mul(FATS)?)?;
        let clusters = total.checked_sub(data_block)?;
        let entries = u64::from(fat_blocks) * (BLOCK_BYTES as u64 / 4);
        let fits = (CLUSTERS_MIN..=CLUSTERS_MAX).contains(&clusters)
            && reserved_blocks > u32::from(BACKUP_BLOCK + INFO_BLOCK)
            && entries >= u64::from(clusters) + u64::from(ROOT_CLUSTER);
        (is_expected && fits).then_some(Self { reserved_blocks, fat_blocks, clusters, data_block })
    }

    /// One of the FATs.
    pub fn fat<'a>(&self, partition: &'a [u8], number: u32) -> Result<&'a [u8], String> {
        let first = u64::from(self.reserved_blocks) + u64::from(number) * u64::from(self.fat_blocks);
        Ok(blocks(partition, first, u64::from(self.fat_blocks)).ok_or("the FATs do not fit the partition")?)
    }

    /// The first byte that is not zero where nothing has a meaning: in FSInfo (section 5) and its copy, in other
    /// reserved blocks, or behind the entries of a FAT.
    pub fn hidden(&self, partition: &[u8]) -> Option<usize> {
        let entries_bytes = (self.clusters + ROOT_CLUSTER) as usize * 4;
        let fat_end = |number: u32| {
            let first = (self.reserved_blocks + number * self.fat_blocks) as usize * BLOCK_BYTES;
            first + entries_bytes..first + self.fat_blocks as usize * BLOCK_BYTES
        };
        let reserved = |first: u16, end: u32| usize::from(first) * BLOCK_BYTES..end as usize * BLOCK_BYTES;
        let info = usize::from(INFO_BLOCK) * BLOCK_BYTES;
        let info_copy = usize::from(BACKUP_BLOCK + INFO_BLOCK) * BLOCK_BYTES;
        let unused = [
            info + 4..info + 484,
            info + 496..info + 510,
            info_copy + 4..info_copy + 484,
            info_copy + 496..info_copy + 510,
            reserved(INFO_BLOCK + 1, u32::from(BACKUP_BLOCK)),
            reserved(BACKUP_BLOCK + INFO_BLOCK + 1, self.reserved_blocks),
            fat_end(0),
            fat_end(1),
        ];
        unused.into_iter().find_map(|range| {
            let start = range.start;
            partition.get(range).and_then(first_used).map(|within| start + within)
        })
    }
}
