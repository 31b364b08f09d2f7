//! The file system: FAT32 (Microsoft's "FAT: General Overview of On-Disk Format", 1.03; section numbers below).
//!
//! It is written in one go and never changed, so this is a small part of FAT: one block a cluster, files in one
//! piece, folders of one cluster, short names, one date. The crate `fatfs` writes what fsck.vfat calls damage
//! (long names for "." and "..", and a wrong cluster in ".."), so it only reads, in [`crate::inspect`].

mod boot_sector;
mod folder;

use noreturn_image_format::layout::BLOCK_BYTES;

use crate::error::BuildError;
use crate::size::PARTITION_BLOCKS;
use folder::{Entry, Folder, Node};

/// Blocks before the first FAT; the usual number.
const RESERVED_BLOCKS: u32 = 32;
const FATS: u32 = 2;
/// Blocks of one FAT: 4 bytes for each cluster, and two that are not used.
const FAT_BLOCKS: u32 =
    (PARTITION_BLOCKS as u32 - RESERVED_BLOCKS + 2).div_ceil(BLOCK_BYTES as u32 / 4 + FATS);
const CLUSTERS: u32 = PARTITION_BLOCKS as u32 - RESERVED_BLOCKS - FATS * FAT_BLOCKS;
const CLUSTER_FIRST: u32 = 2;
const ROOT_CLUSTER: u32 = CLUSTER_FIRST;
const END_OF_CHAIN: u32 = 0x0fff_ffff;

// The number of clusters, and nothing else, makes a file system FAT32 (section 3.5). Some readers are off by a few.
const _: () = assert!(CLUSTERS >= 65_525 + 16);
const _: () = assert!(FAT_BLOCKS * (BLOCK_BYTES as u32 / 4) >= CLUSTERS + CLUSTER_FIRST);

/// Writes the file system to a zeroed partition with files of the given paths and contents.
pub(crate) fn write(partition: &mut [u8], files: &[(&str, &[u8])]) -> Result<(), BuildError> {
    let root = Folder::of_files(files);
    let (needed, room) = (root.clusters(), u64::from(CLUSTERS));
    if needed > room {
        return Err(BuildError::NoRoom { needed, room });
    }
    let mut volume = Volume { partition, next_cluster: CLUSTER_FIRST };
    volume.set_fat(0, 0x0fff_fff8);
    volume.set_fat(1, END_OF_CHAIN);
    volume.write_root(&root);
    let (free, next) = (CLUSTER_FIRST + CLUSTERS - volume.next_cluster, volume.next_cluster);
    boot_sector::write(partition, free, next);
    Ok(())
}

/// A partition that is being filled from its start.
struct Volume<'a> {
    partition: &'a mut [u8],
    next_cluster: u32,
}

impl Volume<'_> {
    fn write_root(&mut self, root: &Folder<'_>) {
        let cluster = self.store(&[0; BLOCK_BYTES]);
        let entries = [vec![Entry::volume_label()], self.write_nodes(root, 0)].concat();
        self.fill(cluster, &folder::emit(&entries));
    }

    /// Writes what is in `folder`, whose own cluster its children know as `own`, which is 0 for the
    /// root (section 6.5).
    fn write_nodes(&mut self, folder: &Folder<'_>, own: u32) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (name, node) in &folder.0 {
            entries.push(match node {
                Node::File(contents) => Entry::file(name, self.store(contents), contents.len()),
                Node::Folder(folder) => Entry::folder(name, self.write_folder(folder, own)),
            });
        }
        entries
    }

    fn write_folder(&mut self, folder: &Folder<'_>, parent: u32) -> u32 {
        let cluster = self.store(&[0; BLOCK_BYTES]);
        let dots = vec![Entry::dot(cluster), Entry::dot_dot(parent)];
        let entries = [dots, self.write_nodes(folder, cluster)].concat();
        self.fill(cluster, &folder::emit(&entries));
        cluster
    }

    /// Stores `contents` in the next clusters and returns the first of them; 0 if there are no contents.
    fn store(&mut self, contents: &[u8]) -> u32 {
        let first = self.next_cluster;
        // `write` has compared the sum of all contents with the room.
        let end = first + contents.len().div_ceil(BLOCK_BYTES) as u32;
        for cluster in first..end {
            self.set_fat(cluster, if cluster + 1 == end { END_OF_CHAIN } else { cluster + 1 });
        }
        self.next_cluster = end;
        self.fill(first, contents);
        if contents.is_empty() { 0 } else { first }
    }

    fn fill(&mut self, cluster: u32, contents: &[u8]) {
        let block = RESERVED_BLOCKS + FATS * FAT_BLOCKS + cluster - CLUSTER_FIRST;
        let start = block as usize * BLOCK_BYTES;
        self.partition[start..start + contents.len()].copy_from_slice(contents);
    }

    fn set_fat(&mut self, cluster: u32, value: u32) {
        for fat in 0..FATS {
            let start = (RESERVED_BLOCKS + fat * FAT_BLOCKS) as usize * BLOCK_BYTES + cluster as usize * 4;
            self.partition[start..start + 4].copy_from_slice(&value.to_le_bytes());
        }
    }
}
