//! Everything that rules look at, read once. What cannot be read carries its reason.

use std::collections::BTreeMap;

use noreturn_image_format::layout::MANIFEST_PATH;
use noreturn_image_format::{Manifest, Sha256Digest};

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
    pub manifest: Result<Manifest, String>,
}

impl<'a> Medium<'a> {
    pub fn read(image: &'a [u8]) -> Self {
        let partitions = gpt::read(image);
        let volume = read_volume(image, &partitions);
        let manifest = read_manifest(&volume);
        Self { image, sha256: Sha256Digest::of(image), partitions, volume, manifest }
    }

    /// Contents of a file, or why there are none.
    pub fn file(&self, path: &str) -> Result<&[u8], String> {
        find(&self.volume, path)
    }
}

fn read_volume(image: &[u8], partitions: &Result<Vec<Partition>, String>) -> Result<Volume, String> {
    let partitions = partitions.as_ref().map_err(|_| "the partition table cannot be read".to_owned())?;
    let partition = partitions.first().ok_or("there is no partition")?;
    let contents = blocks(image, partition.first_block, partition.block_count());
    fat::read(contents.ok_or("the partition is not within the image")?)
}

fn read_manifest(volume: &Result<Volume, String>) -> Result<Manifest, String> {
    Manifest::parse(find(volume, MANIFEST_PATH)?).map_err(|error| error.to_string())
}

fn find<'v>(volume: &'v Result<Volume, String>, path: &str) -> Result<&'v [u8], String> {
    let files: &BTreeMap<_, _> = match volume {
        Ok(volume) => &volume.files,
        Err(_) => return Err("the file system cannot be read".to_owned()),
    };
    files.get(path).map(Vec::as_slice).ok_or_else(|| format!("{path} is missing"))
}
