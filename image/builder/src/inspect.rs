//! What lies on an image, for the person who built it. `diode-verify` judges images of others.

use std::fmt::Write as _;
use std::io::{Cursor, Read, Seek};

use anyhow::Context;
use fatfs::{Dir, FileSystem, FsOptions, ReadWriteSeek};
use gpt::GptConfig;
use noreturn_image_format::layout::{BLOCK_BYTES, CONFIG_PATH, MANIFEST_PATH};
use noreturn_image_format::{Config, Entry, Manifest, Sha256Digest};
use noreturn_site::Summary;

/// Files that an image of ours never reaches; beyond, something is wrong with the file system.
const FILES_MAX: usize = 64;

/// Describes an image: layout, files, manifest and configuration without its key.
///
/// # Errors
/// What cannot be read.
pub fn describe(mut image: Vec<u8>) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "image    {} bytes, SHA-256 {}", image.len(), Sha256Digest::of(&image))?;
    let disk = GptConfig::new()
        .open_from_device(Cursor::new(image.as_mut_slice()))
        .context("the partition table cannot be read")?;
    let partitions: Vec<_> =
        disk.partitions().iter().map(|(&number, partition)| (number, partition.clone())).collect();
    for (number, partition) in &partitions {
        let gpt::partition::Partition { first_lba, last_lba, name, part_guid, .. } = partition;
        writeln!(text, "part {number}   blocks {first_lba} to {last_lba}, \"{name}\", {part_guid}")?;
    }
    let (_, partition) = partitions.first().context("there is no partition")?;
    let block = |number: u64| usize::try_from(number).ok()?.checked_mul(BLOCK_BYTES);
    let (first, end) = (block(partition.first_lba), block(partition.last_lba.saturating_add(1)));
    let contents = first
        .zip(end)
        .and_then(|(first, end)| image.get_mut(first..end))
        .context("the partition is not within the image")?;
    let system =
        FileSystem::new(Cursor::new(contents), FsOptions::new()).context("the file system cannot be read")?;
    let files = read_files(&system.root_dir())?;
    for (path, contents) in &files {
        let Entry { bytes, sha256 } = Entry::of(contents);
        writeln!(text, "file     {path}, {bytes} bytes, SHA-256 {sha256}")?;
    }
    let find = |wanted: &str| {
        let file = files.iter().find(|(path, _)| path == wanted);
        file.map(|(_, contents)| contents.as_slice()).with_context(|| format!("{wanted} is missing"))
    };
    let manifest = find(MANIFEST_PATH)?;
    Manifest::parse(manifest).map_err(|error| anyhow::anyhow!("{MANIFEST_PATH}: {error}"))?;
    String::from_utf8_lossy(manifest).lines().try_for_each(|line| writeln!(text, "manifest {line}"))?;
    let config =
        Config::decode(find(CONFIG_PATH)?).map_err(|error| anyhow::anyhow!("{CONFIG_PATH}: {error}"))?;
    write!(text, "{}", Summary(&config))?;
    Ok(text)
}

/// Every file below `root` with its path, in the order of the folders.
fn read_files<D: ReadWriteSeek>(root: &Dir<'_, D>) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut folders = vec![(String::new(), root.clone())];
    let mut files = Vec::new();
    while let Some((prefix, folder)) = folders.pop() {
        for entry in folder.iter() {
            let entry = entry?;
            let name = String::from_utf8_lossy(entry.short_file_name_as_bytes()).into_owned();
            let path = format!("{prefix}{name}");
            if entry.is_file() {
                files.push((path, read_file(entry.to_file())?));
            } else if name != "." && name != ".." {
                folders.push((format!("{path}/"), entry.to_dir()));
            }
            anyhow::ensure!(
                files.len() + folders.len() <= FILES_MAX,
                "there are more than {FILES_MAX} files"
            );
        }
    }
    Ok(files)
}

fn read_file(mut file: impl Read + Seek) -> anyhow::Result<Vec<u8>> {
    let mut contents = Vec::new();
    file.read_to_end(&mut contents)?;
    Ok(contents)
}
