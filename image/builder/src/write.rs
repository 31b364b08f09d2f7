//! `diode-image write`: an image onto a stick or card, and read back from it.
//!
//! What must not be lost is not written to: [`target`] refuses everything that this machine uses. What was written is read past
//! every cache and compared byte by byte.

mod copy;
mod progress;
mod target;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use noreturn_image_format::{Sha256Digest, stick};
use rustix::fs::{OFlags, major, minor};

use crate::inspect;
use progress::Progress;
use target::{Machine, Target};

/// Whether the person has to agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consent {
    /// Asked on the terminal.
    Ask,
    /// Given on the command line.
    Given,
}

/// Writes the image in `image` to the block device `device`, and compares what it reads back. Returns what there is to say.
///
/// # Errors
/// The file is no image, the device is in use, too small, write-protected, or not a whole disk, the person does not agree,
/// or what is read back differs.
pub fn run(image: &Path, device: &Path, consent: Consent) -> anyhow::Result<String> {
    let unreadable = || format!("{}: cannot be read", image.display());
    let (bytes, _) = File::open(image).and_then(stick::read).with_context(unreadable)?;
    inspect::describe(bytes.clone()).with_context(|| format!("{}: is not an image", image.display()))?;
    let target = find(device)?;
    target.check(bytes.len() as u64).with_context(|| format!("{}: not written to", device.display()))?;
    if consent == Consent::Ask {
        agree(&target)?;
    }
    let told = || format!("{}: cannot be opened; nothing was written", device.display());
    // Exclusively: the kernel refuses, too, what is in use.
    let mut medium = open(device, OFlags::EXCL).with_context(told)?;
    let failed = || format!("{}: the medium is incomplete now; write it again, or another", device.display());
    copy::write(&bytes, &mut medium, |file| file.sync_data(), &mut Progress::new("writing", bytes.len()))
        .with_context(failed)?;
    medium.sync_all().with_context(failed)?;
    drop(medium);
    // Directly: from the medium, and not from memory.
    let mut medium = open(device, OFlags::DIRECT).with_context(failed)?;
    copy::compare(&bytes, &mut medium, &mut Progress::new("comparing", bytes.len())).with_context(failed)?;
    let sha256 = Sha256Digest::of(&bytes);
    Ok(format!(
        "{}: holds the image, {} bytes, read back and compared\n\
         Pull it out, lock it against writing, and keep the hash:\n{sha256}\n",
        device.display(),
        bytes.len()
    ))
}

fn find(device: &Path) -> anyhow::Result<Target> {
    let metadata =
        std::fs::metadata(device).with_context(|| format!("{}: is not there", device.display()))?;
    ensure!(
        metadata.file_type().is_block_device(),
        "{}: is no disk; name one that `lsblk` shows, such as /dev/sdX",
        device.display()
    );
    let number = metadata.rdev();
    Machine::this()?
        .find(major(number), minor(number))
        .with_context(|| format!("{}: not written to", device.display()))
}

fn open(device: &Path, flags: OFlags) -> std::io::Result<File> {
    let may_write = flags.contains(OFlags::EXCL);
    OpenOptions::new().read(true).write(may_write).custom_flags(flags.bits().cast_signed()).open(device)
}

/// Shows what would be lost, and waits for its name.
fn agree(target: &Target) -> anyhow::Result<()> {
    let stdin = std::io::stdin();
    ensure!(
        stdin.is_terminal(),
        "nobody is there to be asked; say --yes if everything on {target} may be lost"
    );
    let mut stderr = std::io::stderr();
    write!(stderr, "Everything on {target} will be lost.\nType {} to go on: ", target.name)?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    if answer.trim() != target.name {
        bail!("that was not {}; nothing was written", target.name);
    }
    Ok(())
}
