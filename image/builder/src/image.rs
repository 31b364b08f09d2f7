//! The medium as a whole: partition table, file system, and the manifest that binds them.

use noreturn_image_format::layout::{
    BLOCK_BYTES, CONFIG_BYTES_MAX, CONFIG_PATH, IMAGE_BYTES_MAX, KERNEL_BYTES_MAX, KERNEL_PATH, LOADER_PATH,
    MANIFEST_PATH, PARTITION_FIRST_BLOCK,
};
use noreturn_image_format::{Config, ConfigError, Entry, Manifest, Sha256Digest};

use crate::{fat, partition_table};

/// Blocks of the partition: 33 MiB, the first whole MiB that holds FAT32, which needs 65525 clusters.
pub const PARTITION_BLOCKS: u64 = 33 << 11;

/// Blocks of the backup partition table: 128 entries of 128 bytes, and the header.
pub const BACKUP_BLOCKS: u64 = 33;

/// Blocks of every image; it ends with the backup partition table.
pub const IMAGE_BLOCKS: u64 = PARTITION_FIRST_BLOCK + PARTITION_BLOCKS + BACKUP_BLOCKS;

/// Bytes of every image.
pub const IMAGE_BYTES: u64 = IMAGE_BLOCKS * BLOCK_BYTES as u64;

const _: () = assert!(IMAGE_BYTES <= IMAGE_BYTES_MAX);

/// What goes into an image.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The UEFI loader, a PE file.
    pub loader: &'a [u8],
    /// The kernel, an ELF file.
    pub kernel: &'a [u8],
    /// The configuration.
    pub config: &'a Config,
}

/// A finished image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Every byte of the medium.
    pub bytes: Vec<u8>,
    /// Digest of all of them.
    pub sha256: Sha256Digest,
    /// The loader in it.
    pub loader: Entry,
    /// The manifest in it.
    pub manifest: Manifest,
}

/// Why an image cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The loader is something else.
    #[error("the loader is not a UEFI program: it does not start with \"MZ\"")]
    Loader,
    /// The kernel is something else.
    #[error("the kernel is not an ELF file: it does not start with 7f 45 4c 46")]
    Kernel,
    /// A file is larger than the loader reads.
    #[error("the {name} has {bytes} bytes, more than the {bytes_max} that the loader reads")]
    TooLarge {
        /// Which file.
        name: &'static str,
        /// Its length.
        bytes: u64,
        /// The most that it may have.
        bytes_max: u64,
    },
    /// The files are larger than the partition.
    #[error(
        "the files do not fit: they need {needed} blocks of {BLOCK_BYTES} bytes, the partition has {room}"
    )]
    NoRoom {
        /// Blocks that the files need.
        needed: u64,
        /// Blocks that the partition has for them.
        room: u64,
    },
    /// The configuration contradicts itself.
    #[error("the configuration is refused: {0}")]
    Config(ConfigError),
    /// The partition table cannot be written.
    #[error("the partition table cannot be written: {0}")]
    PartitionTable(#[from] gpt::GptError),
    /// The protective master boot record cannot be written.
    #[error("the protective MBR cannot be written: {0}")]
    ProtectiveMbr(#[from] gpt::mbr::MBRError),
}

impl Image {
    /// Builds an image. The same parts always give the same bytes.
    ///
    /// # Errors
    /// A part that the loader would refuse, or that does not fit.
    pub fn build(parts: &Parts<'_>) -> Result<Self, BuildError> {
        let config = parts.config.encode().map_err(BuildError::Config)?;
        check_parts(parts, &config)?;
        let manifest = Manifest {
            image_bytes: IMAGE_BYTES,
            kernel: Entry::of(parts.kernel),
            config: Entry::of(&config),
        };
        let manifest_text = manifest.emit();
        let files = [
            (LOADER_PATH, parts.loader),
            (KERNEL_PATH, parts.kernel),
            (CONFIG_PATH, config.as_slice()),
            (MANIFEST_PATH, manifest_text.as_bytes()),
        ];
        let mut bytes = vec![0; IMAGE_BLOCKS as usize * BLOCK_BYTES];
        let partition = partition_table::write(&mut bytes)?;
        fat::write(&mut bytes[partition], &files)?;
        let sha256 = Sha256Digest::of(&bytes);
        Ok(Self { bytes, sha256, loader: Entry::of(parts.loader), manifest })
    }
}

fn check_parts(parts: &Parts<'_>, config: &[u8]) -> Result<(), BuildError> {
    if !parts.loader.starts_with(b"MZ") {
        return Err(BuildError::Loader);
    }
    if !parts.kernel.starts_with(b"\x7fELF") {
        return Err(BuildError::Kernel);
    }
    let limits = [("kernel", parts.kernel, KERNEL_BYTES_MAX), ("configuration", config, CONFIG_BYTES_MAX)];
    for (name, contents, bytes_max) in limits {
        let bytes = contents.len() as u64;
        if bytes > bytes_max {
            return Err(BuildError::TooLarge { name, bytes, bytes_max });
        }
    }
    Ok(())
}
