//! The medium as a whole: partition table, file system, and the manifest that binds them.

use noreturn_image_format::layout::{
    BLOCK_BYTES, CONFIG_BYTES_MAX, CONFIG_PATH, KERNEL_BYTES_MAX, KERNEL_PATH, LOADER_PATH, MANIFEST_PATH,
};
use noreturn_image_format::{Config, Entry, Manifest, Sha256Digest};

use crate::error::BuildError;
use crate::size::{IMAGE_BLOCKS, IMAGE_BYTES};
use crate::{fat, partition_table};

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
