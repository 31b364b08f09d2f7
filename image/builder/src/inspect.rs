//! What lies on an image, for the person who built it. `diode-verify` judges images of others.

use std::fmt::Write as _;
use std::io::{Cursor, Read, Seek};

use anyhow::Context;
use fatfs::{Dir, FileSystem, FsOptions, ReadWriteSeek};
use gpt::GptConfig;
use noreturn_image_format::layout::{CONFIG_NAME, KERNEL_NAME};
use noreturn_image_format::layout::{ESP_BYTES, ESP_PLACE, LOADER_NAME};
use noreturn_image_format::{Config, Manifest, Part, Sha256Digest, owner};
use noreturn_site::Summary;

use crate::{pe, programs};

/// Files that an image of ours never reaches; beyond, something is wrong with the file system.
const FILES_MAX: usize = 64;

/// Describes an image: layout, files, manifest and configuration without its key.
///
/// # Errors
/// What cannot be read.
pub fn describe(mut image: Vec<u8>) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "image    {} bytes, SHA-256 {}", image.len(), Sha256Digest::of(&image))?;
    let manifest = programs::manifest(&image)?;
    let Manifest { loader, kernel, config, .. } = manifest;
    let part = |part: &Part, name: &str| {
        image.get(part.range()).with_context(|| format!("{name} is not within the image"))
    };
    let program = part(&loader, LOADER_NAME)?;
    let owner = owner::read(program).context("the loader has no owner")?;
    writeln!(text, "owner    {}", Sha256Digest(owner))?;
    writeln!(text, "loader   {}", secure_boot(program))?;
    for (name, place) in [(LOADER_NAME, &loader), (KERNEL_NAME, &kernel), (CONFIG_NAME, &config)] {
        let Part { place, bytes, .. } = *place;
        writeln!(text, "part     {name}, {bytes} bytes at {place}")?;
    }
    manifest.emit_unsigned().lines().try_for_each(|line| writeln!(text, "manifest {line}"))?;
    let config = Config::decode(part(&config, CONFIG_NAME)?)
        .map_err(|error| anyhow::anyhow!("the configuration: {error}"))?;
    describe_disk(&mut text, &mut image)?;
    write!(text, "{}", Summary(&config))?;
    Ok(text)
}

/// Whether the loader brings a signature; whose it is, and whether it fits, `diode-verify` says.
fn secure_boot(loader: &[u8]) -> String {
    pe::certificates(loader).map_or_else(
        || "not signed for Secure Boot".to_owned(),
        |certificates| format!("signed for Secure Boot, in its last {} bytes", certificates.len()),
    )
}

/// As a machine's firmware sees it.
fn describe_disk(text: &mut String, image: &mut [u8]) -> anyhow::Result<()> {
    let disk = GptConfig::new()
        .open_from_device(Cursor::new(&mut *image))
        .context("the partition table cannot be read")?;
    for (number, partition) in disk.partitions() {
        let gpt::partition::Partition { first_lba, last_lba, name, part_guid, .. } = partition;
        writeln!(text, "disk     {number}: blocks {first_lba} to {last_lba}, \"{name}\", {part_guid}")?;
    }
    drop(disk);
    let esp = image
        .get_mut(ESP_PLACE as usize..(ESP_PLACE + ESP_BYTES) as usize)
        .context("the partition is not within the image")?;
    let system =
        FileSystem::new(Cursor::new(esp), FsOptions::new()).context("the file system cannot be read")?;
    for (path, contents) in read_files(&system.root_dir())? {
        writeln!(text, "file     {path}, {} bytes, SHA-256 {}", contents.len(), Sha256Digest::of(&contents))?;
    }
    Ok(())
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
