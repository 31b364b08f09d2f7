//! The boot sector: where the FATs, the root folder and the clusters are (section 3).

use noreturn_image_format::layout::{ALIGNMENT, BLOCK_BYTES};

use super::CLUSTER_FIRST;
use crate::bytes::{block, blocks, first_used, u16_at, u32_at};

const FATS: u64 = 2;
/// More clusters are FAT16, whatever the boot sector says (section 3.5).
const CLUSTERS_MAX: u64 = 4084;
const CLUSTER_BLOCKS: u64 = ALIGNMENT / BLOCK_BYTES as u64;
const ENTRIES_PER_BLOCK: u64 = BLOCK_BYTES as u64 / 32;

/// Where everything is; it all lies within the partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    fat_block: u64,
    fat_blocks: u64,
    root_block: u64,
    data_block: u64,
    /// Clusters, which are as long as a CD's block.
    pub clusters: usize,
}

impl Geometry {
    pub fn read(partition: &[u8]) -> Result<Self, String> {
        let sector = block(partition, 0).ok_or("the partition has no blocks")?;
        let told = "the boot sector is not one of FAT12 with clusters of 2048 bytes over the whole partition";
        Ok(Self::parse(sector, partition.len()).ok_or(told)?)
    }

    /// Nothing if a field is not the only value that it has in images, or the parts do not fit the partition.
    fn parse(sector: &[u8; BLOCK_BYTES], partition_bytes: usize) -> Option<Self> {
        let total = u64::from(u16_at(sector, 19)?);
        let is_expected = u16_at(sector, 11)? as usize == BLOCK_BYTES
            && u64::from(sector[13]) == CLUSTER_BLOCKS
            && u64::from(sector[16]) == FATS
            && u32_at(sector, 32)? == 0
            && sector[36..39] == [0x80, 0, 0x29]
            && sector[510..] == [0x55, 0xaa]
            && first_used(&sector[62..510]).is_none()
            && total as usize == partition_bytes / BLOCK_BYTES;
        let fat_block = u64::from(u16_at(sector, 14)?);
        let fat_blocks = u64::from(u16_at(sector, 22)?);
        let root_entries = u64::from(u16_at(sector, 17)?);
        let root_block = fat_block + FATS * fat_blocks;
        let data_block = root_block + root_entries / ENTRIES_PER_BLOCK;
        let clusters = total.checked_sub(data_block)? / CLUSTER_BLOCKS;
        let fits = (1..=CLUSTERS_MAX).contains(&clusters)
            && fat_block == 1
            && root_entries > 0
            && root_entries.is_multiple_of(ENTRIES_PER_BLOCK)
            && (total - data_block).is_multiple_of(CLUSTER_BLOCKS)
            && fat_blocks == ((clusters + u64::from(CLUSTER_FIRST)) * 3).div_ceil(2 * BLOCK_BYTES as u64);
        let clusters = clusters as usize;
        (is_expected && fits).then_some(Self { fat_block, fat_blocks, root_block, data_block, clusters })
    }

    /// Every entry that one of the FATs has room for, and the bits that are left behind them (section 4.1).
    pub fn fat(&self, partition: &[u8], number: u64) -> Result<Vec<u16>, String> {
        let first = self.fat_block + number * self.fat_blocks;
        let bytes = blocks(partition, first, self.fat_blocks).ok_or("the FATs do not fit the partition")?;
        let nibbles: Vec<u16> =
            bytes.iter().flat_map(|&byte| [byte & 15, byte >> 4]).map(u16::from).collect();
        Ok(nibbles
            .chunks(3)
            .map(|entry| entry.iter().rev().fold(0, |value, nibble| value << 4 | nibble))
            .collect())
    }

    /// The root folder, which is no cluster.
    pub fn root<'a>(&self, partition: &'a [u8]) -> Result<&'a [u8], String> {
        let root = blocks(partition, self.root_block, self.data_block - self.root_block);
        Ok(root.ok_or("the root folder does not fit the partition")?)
    }

    /// A cluster by its place among them, and its first byte in the partition.
    pub fn cluster<'a>(&self, partition: &'a [u8], index: usize) -> Option<(usize, &'a [u8])> {
        let first = self.data_block + index as u64 * CLUSTER_BLOCKS;
        Some((first as usize * BLOCK_BYTES, blocks(partition, first, CLUSTER_BLOCKS)?))
    }
}
