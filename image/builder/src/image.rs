//! The medium as a whole: partition table, file system, CD, and the manifest that binds them.

use noreturn_image_format::layout::{
    ALIGNMENT, BLOCK_BYTES, CONFIG_BYTES_MAX, DATA_PLACE, ESP_BYTES, ESP_PLACE, IMAGE_GRAIN_BYTES,
    KERNEL_BYTES_MAX, LOADER_BYTES_MAX, MANIFEST_PLACE, PARTITION_GRAIN_BYTES, TABLE_ENTRY_BLOCKS,
};
use noreturn_image_format::manifest::medium_digest;
use noreturn_image_format::{Config, Manifest, Part, Sha256Digest};

use crate::error::BuildError;
use crate::owner::Owner;
use crate::{fat, iso, partition_table};

/// What goes into an image.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The UEFI loader, a PE file, without an owner's key or with the owner's own.
    pub loader: &'a [u8],
    /// The kernel, an ELF file.
    pub kernel: &'a [u8],
    /// The configuration.
    pub config: &'a Config,
    /// Who signs.
    pub owner: &'a Owner,
}

/// A finished image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Every byte of the medium.
    pub bytes: Vec<u8>,
    /// Digest of all of them.
    pub sha256: Sha256Digest,
    /// The manifest in it.
    pub manifest: Manifest,
}

/// Blocks of the backup partition table: its entries, and the header.
const BACKUP_BYTES: u64 = (TABLE_ENTRY_BLOCKS + 1) * BLOCK_BYTES as u64;
const LOADER_PLACE: u64 = ESP_PLACE + fat::LOADER_OFFSET as u64;

const _: () = assert!(LOADER_BYTES_MAX <= fat::LOADER_ROOM as u64);

impl Image {
    /// Builds an image. The same parts always give the same bytes.
    ///
    /// # Errors
    /// A part that the loader would refuse, or that does not fit; a signature that is not of this image.
    pub fn build(parts: &Parts<'_>) -> Result<Self, BuildError> {
        let config = parts.config.encode().map_err(BuildError::Config)?;
        check_parts(parts, &config)?;
        let loader = parts.owner.put_into(parts.loader)?;
        let mut manifest = arrange(&loader, parts.kernel, &config);
        let mut bytes = vec![0; manifest.image_bytes as usize];
        partition_table::write(&mut bytes, &(DATA_PLACE..manifest.config.place + manifest.config.bytes))?;
        iso::write(&mut bytes, &manifest);
        fat::write(&mut bytes[ESP_PLACE as usize..(ESP_PLACE + ESP_BYTES) as usize], &loader);
        bytes[manifest.kernel.range()].copy_from_slice(parts.kernel);
        bytes[manifest.config.range()].copy_from_slice(&config);
        if let Some(medium) = medium_digest(&bytes) {
            manifest.medium = medium;
        }
        let text = manifest.emit(&parts.owner.sign(manifest.emit_unsigned().as_bytes())?);
        bytes[MANIFEST_PLACE as usize..][..text.len()].copy_from_slice(text.as_bytes());
        let sha256 = Sha256Digest::of(&bytes);
        Ok(Self { bytes, sha256, manifest })
    }
}

/// Where everything goes; the medium's digest is yet to come.
fn arrange(loader: &[u8], kernel: &[u8], config: &[u8]) -> Manifest {
    let loader = Part::of(LOADER_PLACE, loader);
    let kernel = Part::of(DATA_PLACE, kernel);
    let config = Part::of((kernel.place + kernel.bytes).next_multiple_of(ALIGNMENT), config);
    let end = (config.place + config.bytes).next_multiple_of(PARTITION_GRAIN_BYTES) + BACKUP_BYTES;
    let image_bytes = end.next_multiple_of(IMAGE_GRAIN_BYTES);
    Manifest { image_bytes, loader, kernel, config, medium: Sha256Digest([0; 32]) }
}

fn check_parts(parts: &Parts<'_>, config: &[u8]) -> Result<(), BuildError> {
    if !parts.loader.starts_with(b"MZ") {
        return Err(BuildError::Loader);
    }
    if !parts.kernel.starts_with(b"\x7fELF") {
        return Err(BuildError::Kernel);
    }
    let limits = [
        ("loader", parts.loader, LOADER_BYTES_MAX),
        ("kernel", parts.kernel, KERNEL_BYTES_MAX),
        ("configuration", config, CONFIG_BYTES_MAX),
    ];
    for (name, contents, bytes_max) in limits {
        let bytes = contents.len() as u64;
        if bytes > bytes_max {
            return Err(BuildError::TooLarge { name, bytes, bytes_max });
        }
    }
    Ok(())
}
