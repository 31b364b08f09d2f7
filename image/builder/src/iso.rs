//! The medium as a CD: ISO 9660 (ECMA-119, 4th edition; section numbers below) with one folder that names the parts, and
//! El Torito 1.0, which has the firmware start the EFI system partition (UEFI 2.10, section 13.3.2.1).
//!
//! Times are "not specified", as the standard allows, so that no clock is asked.

use noreturn_image_format::Manifest;
use noreturn_image_format::layout::{
    ALIGNMENT, BLOCK_BYTES, CONFIG_NAME, ESP_BYTES, ESP_PLACE, ISO_PLACE, KERNEL_NAME, LOADER_NAME,
    MANIFEST_NAME, MANIFEST_PLACE,
};

const SECTOR: usize = ALIGNMENT as usize;
const FIRST: u32 = (ISO_PLACE / ALIGNMENT) as u32;
const CATALOG: u32 = FIRST + 3;
const PATHS_LITTLE: u32 = FIRST + 4;
const PATHS_BIG: u32 = FIRST + 5;
const ROOT: u32 = FIRST + 6;
const VOLUME: &[u8; 8] = b"NORETURN";

const _: () = assert!((ROOT as u64 + 1) * ALIGNMENT <= MANIFEST_PLACE);

/// Writes descriptors, boot catalog, path tables and the root folder to a zeroed image.
pub(crate) fn write(image: &mut [u8], manifest: &Manifest) {
    let mut fill = |sector: u32, contents: &[u8]| {
        let start = sector as usize * SECTOR;
        image[start..start + contents.len()].copy_from_slice(contents);
    };
    fill(FIRST, &volume_descriptor(manifest));
    fill(FIRST + 1, &boot_record());
    fill(FIRST + 2, b"\xffCD001\x01");
    fill(CATALOG, &boot_catalog());
    fill(PATHS_LITTLE, &path_table(ROOT.to_le_bytes(), 1_u16.to_le_bytes()));
    fill(PATHS_BIG, &path_table(ROOT.to_be_bytes(), 1_u16.to_be_bytes()));
    fill(ROOT, &root_folder(manifest));
}

/// The primary volume descriptor (section 8.4).
fn volume_descriptor(manifest: &Manifest) -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    let mut put = |offset: usize, field: &[u8]| sector[offset..offset + field.len()].copy_from_slice(field);
    put(0, b"\x01CD001\x01");
    put(8, &[b' '; 64]); // system, volume
    put(40, VOLUME);
    put(80, &both_32((manifest.image_bytes / ALIGNMENT) as u32));
    put(120, &both_16(1)); // volumes of the set
    put(124, &both_16(1)); // number in it
    put(128, &both_16(SECTOR as u16));
    put(132, &both_32(path_table([0; 4], [0; 2]).len() as u32));
    put(140, &PATHS_LITTLE.to_le_bytes());
    put(148, &PATHS_BIG.to_be_bytes());
    put(156, &record(b"\0", ROOT, SECTOR as u32, true));
    put(190, &[b' '; 623]); // names of people and files
    for offset in [813, 830, 847, 864] {
        put(offset, b"0000000000000000\0"); // a time that is not specified (section 8.4.26.1)
    }
    put(881, &[1]); // version of the structure
    sector
}

/// El Torito 1.0, figure 7.
fn boot_record() -> Vec<u8> {
    let mut record = b"\0CD001\x01EL TORITO SPECIFICATION".to_vec();
    record.resize(0x47, 0);
    record.extend(CATALOG.to_le_bytes());
    record
}

/// El Torito 1.0, figures 2 and 3: a validation entry for EFI, and the entry of the system partition, started as it is.
fn boot_catalog() -> Vec<u8> {
    const PLATFORM_EFI: u8 = 0xef;
    let mut validation = [0; 32];
    validation[..2].copy_from_slice(&[1, PLATFORM_EFI]);
    validation[4..12].copy_from_slice(VOLUME);
    validation[30..].copy_from_slice(&[0x55, 0xaa]);
    let words = validation.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    let sum = words.fold(0, u16::wrapping_add);
    validation[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    let mut entry = [0; 32];
    entry[0] = 0x88; // bootable, without emulation of a floppy
    entry[6..8].copy_from_slice(&((ESP_BYTES as usize / BLOCK_BYTES) as u16).to_le_bytes());
    entry[8..12].copy_from_slice(&((ESP_PLACE / ALIGNMENT) as u32).to_le_bytes());
    [validation, entry].concat()
}

/// The root alone (section 9.4).
fn path_table(sector: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    [&[1, 0][..], &sector, &parent, &[0, 0]].concat()
}

/// The root folder: itself, its parent, which is itself, too, and the parts in the order of their names (section 9.3).
fn root_folder(manifest: &Manifest) -> Vec<u8> {
    let Manifest { loader, kernel, config, .. } = manifest;
    let text_bytes = manifest.emit(&[0; 64]).len() as u64;
    let files = [
        (CONFIG_NAME, config.place, config.bytes),
        (KERNEL_NAME, kernel.place, kernel.bytes),
        (LOADER_NAME, loader.place, loader.bytes),
        (MANIFEST_NAME, MANIFEST_PLACE, text_bytes),
    ];
    let folders = [b"\0", b"\x01"].map(|name| record(name, ROOT, SECTOR as u32, true));
    let files = files.map(|(name, place, bytes)| {
        record(format!("{name};1").as_bytes(), (place / ALIGNMENT) as u32, bytes as u32, false)
    });
    folders.into_iter().chain(files).flatten().collect()
}

/// One record of a folder (section 9.1).
fn record(name: &[u8], sector: u32, bytes: u32, is_folder: bool) -> Vec<u8> {
    let mut record = vec![0; 33];
    record[2..10].copy_from_slice(&both_32(sector));
    record[10..18].copy_from_slice(&both_32(bytes));
    record[25] = if is_folder { 2 } else { 0 };
    record[28..32].copy_from_slice(&both_16(1));
    record[32] = name.len() as u8;
    record.extend(name);
    record.resize(record.len().next_multiple_of(2), 0);
    record[0] = record.len() as u8;
    record
}

/// A number in both byte orders (section 7.2.3).
fn both_16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

/// A number in both byte orders (section 7.3.3).
fn both_32(number: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d, e, f, g, h]
}
