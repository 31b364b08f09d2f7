//! The EFI system partition's file system: FAT12 (Microsoft's "FAT: General Overview of On-Disk Format", 1.03; section
//! numbers below), which UEFI asks for on removable media (UEFI 2.10, section 13.3.1.1).
//!
//! It holds one file, is written in one go and never changed, so this is a small part of FAT: files in one piece, folders of
//! one cluster, short names, one date. The crate `fatfs` writes what fsck.vfat calls damage (long names for "." and "..",
//! and a wrong cluster in ".."), so it only reads, in [`crate::inspect`].

mod boot_sector;
mod folder;

use noreturn_image_format::layout::{ALIGNMENT, BLOCK_BYTES, ESP_BYTES, LOADER_PATH};

use folder::Entry;

/// Clusters are as long as everything else is aligned, so that a file starts at a CD's block, too.
const CLUSTER_BYTES: usize = ALIGNMENT as usize;
const CLUSTER_BLOCKS: usize = CLUSTER_BYTES / BLOCK_BYTES;
/// The boot sector.
const RESERVED_BLOCKS: usize = 1;
const FATS: usize = 2;
const FAT_BLOCKS: usize = 1;
/// The root folder is no cluster in FAT12.
const ROOT_BLOCKS: usize = 1;
/// First byte of the clusters.
const DATA: usize = (RESERVED_BLOCKS + FATS * FAT_BLOCKS + ROOT_BLOCKS) * BLOCK_BYTES;
const CLUSTERS: usize = (ESP_BYTES as usize - DATA) / CLUSTER_BYTES;
const CLUSTER_FIRST: u16 = 2;
const END_OF_CHAIN: u16 = 0xfff;

// A FAT12 has fewer clusters than 4085 (section 3.5), and a place in the FAT for each.
const _: () = assert!(CLUSTERS < 4085 && (CLUSTERS + 2) * 3 / 2 < FAT_BLOCKS * BLOCK_BYTES);
const _: () = assert!(DATA.is_multiple_of(CLUSTER_BYTES));

/// The loader's folders come first, one cluster each.
const FOLDERS: [&str; 2] = ["EFI", "BOOT"];
const LOADER_CLUSTER: u16 = CLUSTER_FIRST + FOLDERS.len() as u16;
/// First byte of the loader in the partition.
pub(crate) const LOADER_OFFSET: usize = DATA + FOLDERS.len() * CLUSTER_BYTES;
/// Bytes that there is room for.
pub(crate) const LOADER_ROOM: usize = (CLUSTERS - FOLDERS.len()) * CLUSTER_BYTES;

/// Writes the file system with a loader of at most [`LOADER_ROOM`] bytes to a zeroed partition of [`ESP_BYTES`].
pub(crate) fn write(partition: &mut [u8], loader: &[u8]) {
    let (folder, name) = LOADER_PATH.rsplit_once('/').unwrap_or_default();
    debug_assert_eq!(folder, FOLDERS.join("/"));
    let (efi, boot) = (CLUSTER_FIRST, CLUSTER_FIRST + 1);
    boot_sector::write(partition);
    write_fats(partition, loader.len());
    let mut fill = |at: usize, contents: &[u8]| partition[at..at + contents.len()].copy_from_slice(contents);
    fill(
        DATA - ROOT_BLOCKS * BLOCK_BYTES,
        &folder::emit(&[Entry::volume_label(), Entry::folder(FOLDERS[0], efi)]),
    );
    // The root is known as cluster 0 to its folders (section 6.5).
    fill(DATA, &folder::emit(&[Entry::dot(efi), Entry::dot_dot(0), Entry::folder(FOLDERS[1], boot)]));
    let file = Entry::file(name, LOADER_CLUSTER, loader.len());
    fill(DATA + CLUSTER_BYTES, &folder::emit(&[Entry::dot(boot), Entry::dot_dot(efi), file]));
    fill(LOADER_OFFSET, loader);
}

fn write_fats(partition: &mut [u8], loader_bytes: usize) {
    let clusters = loader_bytes.div_ceil(CLUSTER_BYTES) as u16;
    let last = LOADER_CLUSTER + clusters - 1;
    for fat in 0..FATS {
        let start = (RESERVED_BLOCKS + fat * FAT_BLOCKS) * BLOCK_BYTES;
        let fat = &mut partition[start..start + FAT_BLOCKS * BLOCK_BYTES];
        let heads = [0xff8, END_OF_CHAIN, END_OF_CHAIN, END_OF_CHAIN];
        (0..).zip(heads).for_each(|(cluster, value)| set(fat, cluster, value));
        (LOADER_CLUSTER..=last)
            .for_each(|cluster| set(fat, cluster, if cluster == last { END_OF_CHAIN } else { cluster + 1 }));
    }
}

/// An entry has 12 bits: two of them share the second of three bytes (section 4.1).
fn set(fat: &mut [u8], cluster: u16, value: u16) {
    let at = usize::from(cluster) * 3 / 2;
    let (shift, kept) = if cluster.is_multiple_of(2) { (0, 0xf000) } else { (4, 0x000f) };
    let there = u16::from_le_bytes([fat[at], fat[at + 1]]);
    fat[at..at + 2].copy_from_slice(&(there & kept | value << shift).to_le_bytes());
}
