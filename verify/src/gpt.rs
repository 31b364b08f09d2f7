//! The partition table: protective MBR and GPT (UEFI 2.10, chapter 5), in the one form that an image has.

use crc::{CRC_32_ISO_HDLC, Crc};
use noreturn_image_format::layout::BLOCK_BYTES;

use crate::bytes::{array, block, blocks, first_used, u32_at, u64_at};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const HEADER_BYTES: usize = 92;
const CRC_OFFSET: usize = 16;
const ENTRIES: u32 = 128;
const ENTRY_BYTES: usize = 128;
/// Blocks of the entries.
const ENTRY_BLOCKS: u64 = 32;
/// Blocks of the table at each end, without the protective MBR.
pub(crate) const TABLE_BLOCKS: u64 = ENTRY_BLOCKS + 1;
/// Blocks of the smallest medium that has room for both tables.
const IMAGE_BLOCKS_MIN: u64 = 2 * TABLE_BLOCKS + 2;

/// C12A7328-F81F-11D2-BA4B-00A0C93EC93B as on the disk: an EFI system partition.
const EFI_SYSTEM: [u8; 16] =
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];

/// The layout's `DATA_PARTITION_TYPE` as on the disk.
const DATA: [u8; 16] =
    [0x65, 0x72, 0x6f, 0x6e, 0x75, 0x74, 0x6e, 0x72, 0x8d, 0x10, 0xde, 0x00, 0x00, 0x00, 0x00, 0xff];

/// What a partition is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The firmware starts the loader from it.
    EfiSystem,
    /// Kernel and configuration lie in it.
    Data,
    /// Something else.
    Other,
}

/// One partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Partition {
    pub first_block: u64,
    pub last_block: u64,
    pub kind: Kind,
}

impl Partition {
    pub fn block_count(&self) -> u64 {
        self.last_block - self.first_block + 1
    }
}

/// Reads the table; every check holds when it returns partitions. Each lies within the usable blocks.
pub(crate) fn read(image: &[u8]) -> Result<Vec<Partition>, String> {
    let block_count = (image.len() / BLOCK_BYTES) as u64;
    if !image.len().is_multiple_of(BLOCK_BYTES) || block_count < IMAGE_BLOCKS_MIN {
        return Err(format!("{} bytes are not whole blocks with room for a partition table", image.len()));
    }
    check_protective_mbr(image, block_count)?;
    let last = block_count - 1;
    let primary = Header::read(image, 1, "primary")?;
    let backup = Header::read(image, last, "backup")?;
    primary.check("primary", &Place { own: 1, other: last, entries: 2, last_usable: last - TABLE_BLOCKS })?;
    let entries = last - ENTRY_BLOCKS;
    backup.check("backup", &Place { own: last, other: 1, entries, last_usable: last - TABLE_BLOCKS })?;
    if primary.disk_guid != backup.disk_guid || primary.entries != backup.entries {
        return Err("the primary and the backup table differ".to_owned());
    }
    primary
        .entries
        .chunks_exact(ENTRY_BYTES)
        .filter(|entry| first_used(entry).is_some())
        .map(|entry| read_entry(entry, last))
        .collect()
}

/// Block 0: one record of type 0xee over everything else, and no boot code (section 5.2.3).
fn check_protective_mbr(image: &[u8], block_count: u64) -> Result<(), String> {
    let mbr = block(image, 0).ok_or("there is no block 0")?;
    if mbr[..446].iter().any(|&byte| byte != 0) {
        return Err("the protective MBR holds boot code or a disk signature".to_owned());
    }
    let covers_all = u32_at(mbr, 446 + 8) == Some(1)
        && u32_at(mbr, 446 + 12).map(u64::from) == Some(block_count - 1)
        && mbr[446] == 0
        && mbr[446 + 4] == 0xee;
    if !covers_all {
        return Err("the first record of the protective MBR does not protect the whole image".to_owned());
    }
    if mbr[462..510].iter().any(|&byte| byte != 0) || mbr[510..] != [0x55, 0xaa] {
        return Err("the protective MBR has a second record, or does not end with 55 aa".to_owned());
    }
    Ok(())
}

/// Where a header must say that everything is.
struct Place {
    own: u64,
    other: u64,
    entries: u64,
    last_usable: u64,
}

/// A header whose CRC is right, and the entries that it points at, whose CRC is right, too.
struct Header<'a> {
    own: u64,
    other: u64,
    first_usable: u64,
    last_usable: u64,
    disk_guid: [u8; 16],
    entries_block: u64,
    entries: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(image: &'a [u8], at: u64, name: &str) -> Result<Self, String> {
        let header = block(image, at).ok_or_else(|| format!("there is no {name} header"))?;
        Self::parse(image, header).ok_or_else(|| format!("the {name} header in block {at} is damaged"))
    }

    /// Nothing if a field is not the only value that it has in images, or a CRC differs.
    fn parse(image: &'a [u8], header: &[u8; BLOCK_BYTES]) -> Option<Self> {
        let mut checked: [u8; HEADER_BYTES] = array(header, 0)?;
        checked[CRC_OFFSET..CRC_OFFSET + 4].fill(0);
        let is_header = header.starts_with(b"EFI PART\x00\x00\x01\x00")
            && u32_at(header, 12)? as usize == HEADER_BYTES
            && u32_at(header, CRC_OFFSET)? == CRC.checksum(&checked)
            && u32_at(header, 20)? == 0
            && u32_at(header, 80)? == ENTRIES
            && u32_at(header, 84)? as usize == ENTRY_BYTES
            && first_used(&header[HEADER_BYTES..]).is_none();
        let entries_block = u64_at(header, 72)?;
        let entries = blocks(image, entries_block, ENTRY_BLOCKS)?;
        (is_header && u32_at(header, 88)? == CRC.checksum(entries)).then_some(Self {
            own: u64_at(header, 24)?,
            other: u64_at(header, 32)?,
            first_usable: u64_at(header, 40)?,
            last_usable: u64_at(header, 48)?,
            disk_guid: array(header, 56)?,
            entries_block,
            entries,
        })
    }

    fn check(&self, name: &str, place: &Place) -> Result<(), String> {
        let found = [
            ("its own block", self.own, place.own),
            ("the block of the other header", self.other, place.other),
            ("the first block of its entries", self.entries_block, place.entries),
            ("the first usable block", self.first_usable, 1 + TABLE_BLOCKS),
            ("the last usable block", self.last_usable, place.last_usable),
        ];
        match found.into_iter().find(|(_, found, expected)| found != expected) {
            Some((what, found, expected)) => {
                Err(format!("the {name} header says that {what} is {found}, expected {expected}"))
            }
            None => Ok(()),
        }
    }
}

/// One entry that is not all zeros (section 5.3.3); `last` is the last block of the image.
fn read_entry(entry: &[u8], last: u64) -> Result<Partition, String> {
    let fields = || Some((array(entry, 0)?, u64_at(entry, 32)?, u64_at(entry, 40)?));
    let (type_guid, first_block, last_block): ([u8; 16], u64, u64) = fields().ok_or("an entry is cut off")?;
    if first_block <= TABLE_BLOCKS || last_block < first_block || last_block > last - TABLE_BLOCKS {
        return Err(format!(
            "a partition has the blocks {first_block} to {last_block}, which are not usable"
        ));
    }
    let kind = match type_guid {
        EFI_SYSTEM => Kind::EfiSystem,
        DATA => Kind::Data,
        _ => Kind::Other,
    };
    Ok(Partition { first_block, last_block, kind })
}
