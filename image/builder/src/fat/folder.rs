//! Folders and their entries (section 6).

use std::collections::BTreeMap;

use noreturn_image_format::layout::BLOCK_BYTES;

const ENTRY_BYTES: usize = 32;
/// What one cluster holds, less "." and "..".
const NODES_MAX: usize = BLOCK_BYTES / ENTRY_BYTES - 2;
pub(super) const VOLUME_LABEL: [u8; 11] = *b"NORETURN   ";

const READ_ONLY: u8 = 0x01;
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;

/// 1980-01-01, the first day that FAT knows: no clock is asked (section 6.3).
const DATE: u16 = 1 << 5 | 1;

/// A folder; its nodes are sorted, so that the order in which files are given does not matter.
#[derive(Default)]
pub(super) struct Folder<'a>(pub BTreeMap<[u8; 11], Node<'a>>);

/// What a folder holds.
pub(super) enum Node<'a> {
    File(&'a [u8]),
    Folder(Folder<'a>),
}

impl<'a> Folder<'a> {
    /// The tree of files with these paths, which are constants of ours and different.
    pub fn of_files(files: &[(&str, &'a [u8])]) -> Self {
        let mut root = Self::default();
        for (path, contents) in files {
            root.insert(path, contents);
        }
        root
    }

    fn insert(&mut self, path: &str, contents: &'a [u8]) {
        let Some((name, rest)) = path.split_once('/') else {
            self.0.insert(short_name(path), Node::File(contents));
            return;
        };
        let node = self.0.entry(short_name(name)).or_insert_with(|| Node::Folder(Self::default()));
        match node {
            Node::Folder(folder) => folder.insert(rest, contents),
            Node::File(_) => unreachable!("{name} is a file and a folder of the layout"),
        }
    }

    /// Clusters that the folder and everything below it needs.
    pub fn clusters(&self) -> u64 {
        let below = self.0.values().map(|node| match node {
            Node::File(contents) => contents.len().div_ceil(BLOCK_BYTES) as u64,
            Node::Folder(folder) => folder.clusters(),
        });
        1 + below.sum::<u64>()
    }
}

/// A name as an entry holds it: eight characters and three, upper case, filled with spaces.
fn short_name(name: &str) -> [u8; 11] {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let plain = |part: &str, length| {
        part.len() <= length && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    assert!(
        !stem.is_empty() && plain(stem, 8) && plain(extension, 3),
        "{name} of the layout is not a short name"
    );
    let mut bytes = [b' '; 11];
    bytes[..stem.len()].copy_from_slice(stem.as_bytes());
    bytes[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
    bytes
}

/// One entry of a folder.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    name: [u8; 11],
    attributes: u8,
    cluster: u32,
    bytes: u32,
}

impl Entry {
    pub fn volume_label() -> Self {
        Self { name: VOLUME_LABEL, attributes: LABEL, cluster: 0, bytes: 0 }
    }

    pub fn file(name: &[u8; 11], cluster: u32, bytes: usize) -> Self {
        // An image is far smaller than 4 GiB.
        Self { name: *name, attributes: READ_ONLY, cluster, bytes: bytes as u32 }
    }

    pub fn folder(name: &[u8; 11], cluster: u32) -> Self {
        Self { name: *name, attributes: FOLDER, cluster, bytes: 0 }
    }

    pub fn dot(cluster: u32) -> Self {
        Self::folder(b".          ", cluster)
    }

    pub fn dot_dot(cluster: u32) -> Self {
        Self::folder(b"..         ", cluster)
    }

    fn emit(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let [cluster_0, cluster_1, cluster_2, cluster_3] = self.cluster.to_le_bytes();
        bytes[0..11].copy_from_slice(&self.name);
        bytes[11] = self.attributes;
        bytes[16..18].copy_from_slice(&DATE.to_le_bytes()); // made
        bytes[18..20].copy_from_slice(&DATE.to_le_bytes()); // last read
        bytes[20..22].copy_from_slice(&[cluster_2, cluster_3]);
        bytes[24..26].copy_from_slice(&DATE.to_le_bytes()); // last written
        bytes[26..28].copy_from_slice(&[cluster_0, cluster_1]);
        bytes[28..32].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }
}

/// The cluster of a folder.
pub(super) fn emit(entries: &[Entry]) -> Vec<u8> {
    assert!(entries.len() <= NODES_MAX + 2, "a folder of the layout has more than {NODES_MAX} files");
    entries.iter().flat_map(Entry::emit).collect()
}
