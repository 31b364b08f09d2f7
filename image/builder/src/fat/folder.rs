//! Folders and their entries (section 6).

use noreturn_image_format::layout::BLOCK_BYTES;

const ENTRY_BYTES: usize = 32;
/// Entries of the root folder: one block of them.
pub(super) const ROOT_ENTRIES: usize = BLOCK_BYTES / ENTRY_BYTES;
pub(super) const VOLUME_LABEL: [u8; 11] = *b"NORETURN   ";

const READ_ONLY: u8 = 0x01;
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;

/// 1980-01-01, the first day that FAT knows: no clock is asked (section 6.3).
const DATE: u16 = 1 << 5 | 1;

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
    cluster: u16,
    bytes: u32,
}

impl Entry {
    pub fn volume_label() -> Self {
        Self { name: VOLUME_LABEL, attributes: LABEL, cluster: 0, bytes: 0 }
    }

    pub fn file(name: &str, cluster: u16, bytes: usize) -> Self {
        // The partition is far smaller than 4 GiB.
        Self { name: short_name(name), attributes: READ_ONLY, cluster, bytes: bytes as u32 }
    }

    pub fn folder(name: &str, cluster: u16) -> Self {
        Self { name: short_name(name), attributes: FOLDER, cluster, bytes: 0 }
    }

    pub fn dot(cluster: u16) -> Self {
        Self { name: *b".          ", attributes: FOLDER, cluster, bytes: 0 }
    }

    pub fn dot_dot(cluster: u16) -> Self {
        Self { name: *b"..         ", attributes: FOLDER, cluster, bytes: 0 }
    }

    fn emit(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[0..11].copy_from_slice(&self.name);
        bytes[11] = self.attributes;
        bytes[16..18].copy_from_slice(&DATE.to_le_bytes()); // made
        bytes[18..20].copy_from_slice(&DATE.to_le_bytes()); // last read
        bytes[24..26].copy_from_slice(&DATE.to_le_bytes()); // last written
        bytes[26..28].copy_from_slice(&self.cluster.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }
}

/// A folder's first entries, behind which it is zero.
pub(super) fn emit(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(Entry::emit).collect()
}
