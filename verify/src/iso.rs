//! The medium as a CD: ISO 9660 (ECMA-119, 4th edition) and El Torito 1.0, in the one form that an image has.
//!
//! Every byte that is read is marked; the rest must be zero, so that nothing hides between the fields.

use std::collections::BTreeMap;
use std::ops::Range;

use noreturn_image_format::layout::{ALIGNMENT, ISO_PLACE, MANIFEST_PLACE};

const SECTOR: usize = ALIGNMENT as usize;
const REGION: Range<usize> = ISO_PLACE as usize..MANIFEST_PLACE as usize;
const FIRST_SECTOR: u32 = (ISO_PLACE / ALIGNMENT) as u32;
const ROOT_RECORD: usize = 156;
const RECORD_BYTES: usize = 34;

/// What a machine that reads CDs sees.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cd {
    /// Length of the volume in bytes.
    pub bytes: u64,
    /// Where each file lies, by its name without version.
    pub files: BTreeMap<String, Range<u64>>,
    /// What the firmware starts from.
    pub boot: Range<u64>,
}

/// Reads the descriptors.
pub(crate) fn read(image: &[u8]) -> Result<Cd, String> {
    let region = image.get(REGION).ok_or("the image ends before a CD's descriptors do")?;
    let mut reader = Reader { region, read: vec![false; region.len()] };
    let (bytes, root) = reader.volume().ok_or("the volume descriptor is not one of an image")?;
    let boot = reader.boot().ok_or("the boot catalog is not one of an image")?;
    let files = reader.folder(root).ok_or("the root folder is not one of an image")?;
    match reader.hidden() {
        Some(at) => Err(format!("byte {} of the image is of no field", REGION.start + at)),
        None => Ok(Cd { bytes, files, boot }),
    }
}

struct Reader<'a> {
    region: &'a [u8],
    read: Vec<bool>,
}

/// A record of a folder (section 9.1).
struct Record {
    name: Vec<u8>,
    sector: u32,
    bytes: u32,
    is_folder: bool,
}

impl<'a> Reader<'a> {
    /// Primary descriptor, end of the descriptors, and path tables (sections 8.3, 8.4 and 9.4): the volume's length and its root.
    fn volume(&mut self) -> Option<(u64, u32)> {
        const PATH_TABLE_BYTES: u32 = 10;
        let at = 0;
        self.expect(at, b"\x01CD001\x01")?;
        self.spaces(at + 8..at + 40)?;
        self.expect(at + 40, b"NORETURN")?;
        self.spaces(at + 48..at + 72)?;
        let sectors = self.both_32(at + 80)?;
        let ones = self.both_16(at + 120)? == 1 && self.both_16(at + 124)? == 1;
        let sizes = self.both_16(at + 128)? as usize == SECTOR && self.both_32(at + 132)? == PATH_TABLE_BYTES;
        let little = u32::from_le_bytes(self.field(at + 140)?);
        let big = u32::from_be_bytes(self.field(at + 148)?);
        let root = self.record(at + ROOT_RECORD)?;
        self.spaces(at + 190..at + 813)?;
        for time in 0..4 {
            self.expect(at + 813 + time * 17, b"0000000000000000\0")?;
        }
        self.expect(at + 881, &[1])?;
        self.expect(2 * SECTOR, b"\xffCD001\x01")?;
        let paths = [self.at_sector(little)?, self.at_sector(big)?];
        let records = [(root.sector.to_le_bytes(), [1, 0]), (root.sector.to_be_bytes(), [0, 1])];
        for (place, (sector, parent)) in paths.into_iter().zip(records) {
            self.expect(place, &[&[1, 0][..], &sector, &parent, &[0, 0]].concat())?;
        }
        let is_root = root.is_folder && root.name == [0] && root.bytes as usize == SECTOR;
        (ones && sizes && is_root).then_some((u64::from(sectors) * ALIGNMENT, root.sector))
    }

    /// Boot record and catalog (El Torito 1.0, figures 7, 2 and 3): one entry, for EFI, without emulation.
    fn boot(&mut self) -> Option<Range<u64>> {
        self.expect(SECTOR, b"\0CD001\x01EL TORITO SPECIFICATION")?;
        let catalog = u32::from_le_bytes(self.field(SECTOR + 0x47)?);
        let at = self.at_sector(catalog)?;
        let validation: [u8; 32] = self.field(at)?;
        let words = validation.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
        let is_valid = words.fold(0, u16::wrapping_add) == 0
            && validation[..12] == *b"\x01\xef\0\0NORETURN"
            && validation[12..28] == [0; 16]
            && validation[30..] == [0x55, 0xaa];
        self.expect(at + 32, &[0x88, 0, 0, 0, 0, 0])?;
        let blocks = u16::from_le_bytes(self.field(at + 38)?);
        let start = u64::from(u32::from_le_bytes(self.field(at + 40)?)) * ALIGNMENT;
        is_valid.then_some(start..start + u64::from(blocks) * 512)
    }

    /// The files of the root folder, which has one sector.
    fn folder(&mut self, sector: u32) -> Option<BTreeMap<String, Range<u64>>> {
        let start = self.at_sector(sector)?;
        let mut at = start;
        for name in [0, 1] {
            let own = self.record(at)?;
            (own.is_folder && own.name == [name] && own.sector == sector && own.bytes as usize == SECTOR)
                .then_some(())?;
            at += RECORD_BYTES;
        }
        let mut files = BTreeMap::new();
        while at < start + SECTOR && self.region[at] != 0 {
            let record = self.record(at)?;
            at += usize::from(self.region[at]);
            let name = String::from_utf8(record.name).ok()?;
            let place = u64::from(record.sector) * ALIGNMENT;
            let new =
                files.insert(name.strip_suffix(";1")?.to_owned(), place..place + u64::from(record.bytes));
            (!record.is_folder && new.is_none()).then_some(())?;
        }
        Some(files)
    }

    fn record(&mut self, at: usize) -> Option<Record> {
        let [length]: [u8; 1] = self.field(at)?;
        let (sector, bytes) = (self.both_32(at + 2)?, self.both_32(at + 10)?);
        self.expect(at + 18, &[0; 7])?;
        let [flags]: [u8; 1] = self.field(at + 25)?;
        self.expect(at + 26, &[0, 0])?;
        (self.both_16(at + 28)? == 1).then_some(())?;
        let [name_bytes]: [u8; 1] = self.field(at + 32)?;
        let name = self.bytes(at + 33..at + 33 + usize::from(name_bytes))?.to_vec();
        let is_whole = usize::from(length) == (33 + name.len()).next_multiple_of(2);
        (is_whole && [0, 2].contains(&flags)).then_some(Record { name, sector, bytes, is_folder: flags == 2 })
    }

    /// Where a sector starts in the region, if it lies there.
    fn at_sector(&self, sector: u32) -> Option<usize> {
        let at = usize::try_from(sector.checked_sub(FIRST_SECTOR)?).ok()?.checked_mul(SECTOR)?;
        (at < self.region.len()).then_some(at)
    }

    fn bytes(&mut self, place: Range<usize>) -> Option<&'a [u8]> {
        let bytes = self.region.get(place.clone())?;
        self.read[place].fill(true);
        Some(bytes)
    }

    fn field<const N: usize>(&mut self, at: usize) -> Option<[u8; N]> {
        self.bytes(at..at + N)?.try_into().ok()
    }

    fn expect(&mut self, at: usize, expected: &[u8]) -> Option<()> {
        (self.bytes(at..at + expected.len())? == expected).then_some(())
    }

    fn spaces(&mut self, place: Range<usize>) -> Option<()> {
        self.bytes(place)?.iter().all(|&byte| byte == b' ').then_some(())
    }

    /// A number in both byte orders (section 7.2.3).
    fn both_16(&mut self, at: usize) -> Option<u16> {
        let (little, big) = (u16::from_le_bytes(self.field(at)?), u16::from_be_bytes(self.field(at + 2)?));
        (little == big).then_some(little)
    }

    /// A number in both byte orders (section 7.3.3).
    fn both_32(&mut self, at: usize) -> Option<u32> {
        let (little, big) = (u32::from_le_bytes(self.field(at)?), u32::from_be_bytes(self.field(at + 4)?));
        (little == big).then_some(little)
    }

    /// The first byte that is no field and not zero.
    fn hidden(&self) -> Option<usize> {
        self.region.iter().zip(&self.read).position(|(&byte, &read)| byte != 0 && !read)
    }
}
