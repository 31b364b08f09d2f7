//! Everything that rules look at, read once. What cannot be read carries its reason.

use std::ops::Range;

use noreturn_image_format::layout::{BLOCK_BYTES, LOADER_PATH, MANIFEST_RANGE};
use noreturn_image_format::manifest::Parsed;
use noreturn_image_format::{Manifest, Part, Sha256Digest, owner};

use crate::authenticode::without_signature;
use crate::bytes::blocks;
use crate::fat::{self, Volume};
use crate::gpt::{self, Partition};

/// An image as this crate sees it.
pub(crate) struct Medium<'a> {
    pub image: &'a [u8],
    pub sha256: Sha256Digest,
    /// Every partition, or what is wrong with the table.
    pub partitions: Result<Vec<Partition>, String>,
    /// The first partition's file system, or why there is none.
    pub volume: Result<Volume, String>,
    /// The manifest, or what is wrong with it.
    pub manifest: Result<Parsed<'a>, String>,
}

impl<'a> Medium<'a> {
    pub fn read(image: &'a [u8]) -> Self {
        let partitions = gpt::read(image);
        let volume = read_volume(image, &partitions);
        Self { image, sha256: Sha256Digest::of(image), partitions, volume, manifest: read_manifest(image) }
    }

    /// What the manifest says, or that it cannot be read.
    pub fn manifest(&self) -> Result<&Manifest, String> {
        let parsed = self.manifest.as_ref().map_err(|_| "the manifest cannot be read".to_owned())?;
        Ok(&parsed.manifest)
    }

    /// The loader as the firmware finds it, or why there is none.
    pub fn loader(&self) -> Result<&[u8], String> {
        let volume = self.volume.as_ref().map_err(|_| "the file system cannot be read".to_owned())?;
        volume.files.get(LOADER_PATH).map(Vec::as_slice).ok_or_else(|| format!("{LOADER_PATH} is missing"))
    }

    /// The loader as it was built, before somebody put an owner's key into it, and signed it for Secure Boot.
    pub fn loader_as_built(&self) -> Result<Vec<u8>, String> {
        let mut loader = without_signature(self.loader()?)?;
        let place = owner::find(&loader).ok_or("the loader has no place for an owner's key")?;
        loader[place].fill(0);
        Ok(loader)
    }

    /// The kernel, or why there is none.
    pub fn kernel(&self) -> Result<&'a [u8], String> {
        self.part(&self.manifest()?.kernel)
    }

    /// The configuration, or why there is none.
    pub fn config(&self) -> Result<&'a [u8], String> {
        self.part(&self.manifest()?.config)
    }

    /// What lies where the manifest says.
    pub fn part(&self, part: &Part) -> Result<&'a [u8], String> {
        self.image.get(part.range()).ok_or_else(|| "the image ends before it does".to_owned())
    }
}

impl Partition {
    /// Its bytes in the image.
    pub fn range(&self) -> Range<usize> {
        self.first_block as usize * BLOCK_BYTES..(self.last_block as usize + 1) * BLOCK_BYTES
    }
}

fn read_volume(image: &[u8], partitions: &Result<Vec<Partition>, String>) -> Result<Volume, String> {
    let partitions = partitions.as_ref().map_err(|_| "the partition table cannot be read".to_owned())?;
    let partition = partitions.first().ok_or("there is no partition")?;
    let contents = blocks(image, partition.first_block, partition.block_count());
    fat::read(contents.ok_or("the partition is not within the image")?)
}

fn read_manifest(image: &[u8]) -> Result<Parsed<'_>, String> {
    let bytes = image.get(MANIFEST_RANGE).ok_or("the image ends before its manifest does")?;
    Manifest::parse(bytes).map_err(|error| error.to_string())
}
