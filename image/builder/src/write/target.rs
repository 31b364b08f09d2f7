//! The disk that is to be written: what it is, and why it may not be.
//!
//! Sources: Linux, Documentation/ABI (`sysfs-block`, `sysfs-devices`); proc(5), `mountinfo` and `swaps`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use noreturn_image_format::layout::BLOCK_BYTES;

/// Bytes of the blocks in which the kernel counts a disk's size, whatever its own are.
const SIZE_BLOCK_BYTES: u64 = 512;

/// What the kernel tells of disks, and of what is in use.
pub(super) struct Machine {
    /// `/sys/dev/block`.
    disks: PathBuf,
    /// `/proc/self/mountinfo`.
    mounts: String,
    /// `/proc/swaps`.
    swaps: String,
}

/// A whole disk.
#[derive(Debug)]
pub(super) struct Target {
    /// As in `/dev`.
    pub name: String,
    model: String,
    bytes: u64,
    block_bytes: u64,
    is_read_only: bool,
    partitions: Vec<String>,
    /// What this machine uses of it, in words.
    used: Vec<String>,
}

impl Machine {
    /// This machine.
    pub fn this() -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("{path}: cannot be read"));
        let (mounts, swaps) = (read("/proc/self/mountinfo")?, read("/proc/swaps")?);
        Ok(Self { disks: PathBuf::from("/sys/dev/block"), mounts, swaps })
    }

    /// The disk with these device numbers.
    pub fn find(&self, major: u32, minor: u32) -> anyhow::Result<Target> {
        let folder = fs::canonicalize(self.disks.join(format!("{major}:{minor}")))
            .context("the kernel knows no disk with its number")?;
        if folder.join("partition").exists() {
            let disk = folder.parent().map(name_of).unwrap_or_default();
            bail!("is a partition; name the whole disk, /dev/{disk}, if everything on it may be lost");
        }
        let partitions = partitions(&folder)?;
        let mut used = Vec::new();
        for part in [folder.clone()].iter().chain(&partitions) {
            used.extend(self.uses(part)?);
        }
        Ok(Target {
            name: name_of(&folder),
            model: model(&folder),
            bytes: number(&folder, "size")? * SIZE_BLOCK_BYTES,
            block_bytes: number(&folder, "queue/logical_block_size")?,
            is_read_only: number(&folder, "ro")? != 0,
            partitions: partitions.iter().map(|part| name_of(part)).collect(),
            used,
        })
    }

    /// What a disk or partition is used for.
    fn uses(&self, part: &Path) -> anyhow::Result<Vec<String>> {
        let (name, number) = (name_of(part), text(part, "dev")?);
        let mut uses = Vec::new();
        for mount in self.mounts.lines().filter_map(Mount::parse) {
            // A file system over several disks has a number of its own, but names one of them.
            if mount.number == number
                || Path::new(mount.source).file_name().is_some_and(|file| *file == *name)
            {
                uses.push(format!("{name} is mounted at {}", mount.place));
            }
        }
        let swaps = self.swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        if swaps.into_iter().any(|swap| Path::new(swap).file_name().is_some_and(|file| *file == *name)) {
            uses.push(format!("{name} is swap space"));
        }
        let holders = fs::read_dir(part.join("holders")).into_iter().flatten().flatten();
        uses.extend(holders.map(|holder| {
            format!("{name} is part of {} (LVM, RAID or encryption)", holder.file_name().display())
        }));
        Ok(uses)
    }
}

/// A line of `mountinfo`.
struct Mount<'l> {
    number: &'l str,
    place: &'l str,
    source: &'l str,
}

impl<'l> Mount<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let (first, last) = line.split_once(" - ")?;
        let mut fields = first.split(' ').skip(2);
        let (number, place) = (fields.next()?, fields.nth(1)?);
        Some(Self { number, place, source: last.split(' ').nth(1)? })
    }
}

impl Target {
    /// Whether an image of so many bytes may be written.
    pub fn check(&self, image_bytes: u64) -> anyhow::Result<()> {
        let Self { used, bytes, block_bytes, .. } = self;
        ensure!(used.is_empty(), "this machine uses it: {}; unmount or stop that first", used.join("; "));
        ensure!(!self.is_read_only, "it is write-protected: move the switch on the card or stick");
        ensure!(*bytes > 0, "it is empty: put a card in");
        ensure!(
            *block_bytes == BLOCK_BYTES as u64,
            "it has blocks of {block_bytes} bytes, and the loader reads disks with blocks of {BLOCK_BYTES} only"
        );
        ensure!(*bytes >= image_bytes, "it has {bytes} bytes, and the image {image_bytes}");
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, model, bytes, partitions, .. } = self;
        write!(f, "/dev/{name} ({model}, {}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10)?;
        match &partitions[..] {
            [] => f.write_str(", no partitions)"),
            partitions => write!(f, ", with {})", partitions.join(", ")),
        }
    }
}

fn partitions(disk: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(disk).with_context(|| format!("{}: cannot be read", disk.display()))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.join("partition").exists());
    found.sort();
    Ok(found)
}

fn model(disk: &Path) -> String {
    let words: Vec<_> = ["device/vendor", "device/model"].iter().flat_map(|file| text(disk, file)).collect();
    if words.is_empty() { "unknown model".to_owned() } else { words.join(" ") }
}

fn text(folder: &Path, file: &str) -> anyhow::Result<String> {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Ok(text.trim().to_owned())
}

fn number(folder: &Path, file: &str) -> anyhow::Result<u64> {
    let text = text(folder, file)?;
    text.parse().with_context(|| format!("{}: is not a number: {text}", folder.join(file).display()))
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map(|name| name.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const IMAGE_BYTES: u64 = 1 << 20;
    const MOUNTS: &str = "22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n\
        29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n";
    const SWAPS: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    /// A machine with one stick, 8:16, that has one partition, 8:17.
    struct Fake {
        folder: TempDir,
        mounts: String,
        swaps: String,
    }

    impl Fake {
        fn new() -> Self {
            let folder = TempDir::new().expect("a folder");
            let fake = Self { folder, mounts: MOUNTS.to_owned(), swaps: SWAPS.to_owned() };
            for (file, contents) in [
                ("sdb/dev", "8:16\n"),
                ("sdb/size", "31116288\n"),
                ("sdb/ro", "0\n"),
                ("sdb/queue/logical_block_size", "512\n"),
                ("sdb/device/vendor", "SanDisk \n"),
                ("sdb/device/model", "Ultra           \n"),
                ("sdb/sdb1/partition", "1\n"),
                ("sdb/sdb1/dev", "8:17\n"),
            ] {
                fake.set(file, contents);
            }
            for (number, place) in [("8:16", "../block/sdb"), ("8:17", "../block/sdb/sdb1")] {
                let numbers = fake.folder.path().join("numbers");
                fs::create_dir_all(&numbers).expect("a folder");
                symlink(place, numbers.join(number)).expect("a link");
            }
            fake
        }

        fn set(&self, file: &str, contents: &str) {
            let path = self.folder.path().join("block").join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, contents).expect("it is written");
        }

        fn find(&self, minor: u32) -> anyhow::Result<Target> {
            let (mounts, swaps) = (self.mounts.clone(), self.swaps.clone());
            Machine { disks: self.folder.path().join("numbers"), mounts, swaps }.find(8, minor)
        }

        fn refused(&self) -> String {
            let checked = self.find(16).expect("a disk").check(IMAGE_BYTES);
            checked.expect_err("it must be refused").to_string()
        }
    }

    #[test]
    fn a_stick_that_nobody_uses_is_taken() {
        let target = Fake::new().find(16).expect("a disk");
        target.check(IMAGE_BYTES).expect("nothing speaks against it");
        assert_eq!(target.to_string(), "/dev/sdb (SanDisk Ultra, 15.9 GB, with sdb1)");
    }

    #[test]
    fn what_is_in_use_is_refused() {
        let with = |mounts: &str, swaps: &str| Fake {
            mounts: [MOUNTS, mounts].concat(),
            swaps: [SWAPS, swaps].concat(),
            ..Fake::new()
        };
        let partition = with("90 29 8:17 / /media/backup rw - vfat /dev/sdb1 rw\n", "").refused();
        assert!(partition.contains("sdb1 is mounted at /media/backup"), "{partition}");
        let disk = with("90 29 8:16 / /mnt rw master:1 - vfat /dev/sdb rw\n", "").refused();
        assert!(disk.contains("sdb is mounted at /mnt"), "{disk}");
        let several = with("90 29 0:44 / /data rw - btrfs /dev/sdb1 rw\n", "").refused();
        assert!(several.contains("sdb1 is mounted at /data"), "{several}");
        let swap = with("", "/dev/sdb1 partition 100 0 -2\n").refused();
        assert!(swap.contains("sdb1 is swap space"), "{swap}");
        let volume = Fake::new();
        volume.set("sdb/sdb1/holders/dm-3/x", "");
        assert!(volume.refused().contains("sdb1 is part of dm-3"), "{}", volume.refused());
    }

    #[test]
    fn what_cannot_hold_the_image_is_refused() {
        for (file, contents, expected) in [
            ("sdb/ro", "1", "write-protected"),
            ("sdb/size", "0", "put a card in"),
            ("sdb/size", "2047", "it has 1048064 bytes, and the image 1048576"),
            ("sdb/queue/logical_block_size", "4096", "blocks of 4096 bytes"),
        ] {
            let fake = Fake::new();
            fake.set(file, contents);
            assert!(fake.refused().contains(expected), "{}", fake.refused());
        }
    }

    #[test]
    fn a_partition_is_no_target() {
        let error = Fake::new().find(17).expect_err("a partition").to_string();
        assert!(error.contains("name the whole disk, /dev/sdb"), "{error}");
    }

    #[test]
    fn what_the_kernel_does_not_know_or_does_not_say_is_refused() {
        let fake = Fake::new();
        assert!(fake.find(99).is_err());
        fake.set("sdb/size", "many");
        let error = format!("{:#}", fake.find(16).expect_err("no number"));
        assert!(error.contains("size: is not a number: many"), "{error}");
    }
}
