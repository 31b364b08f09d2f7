//! Files that are only ever appended to, behind a seam: tests put a disk there that forgets at a power cut what was not
//! synchronised.

#[cfg(test)]
pub mod model;
pub mod regular;

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use regular::{Links, Opening};

/// Device and inode: whether two are one file.
pub type FileId = (u64, u64);

/// A file that is appended to.
pub trait AppendFile: Write + Send + Debug {
    /// Brings what was written to the disk. After an error some of it may never get there, whatever a later call says
    /// (fsync(2), ERRORS: the kernel marks the pages as clean).
    ///
    /// # Errors
    /// The disk is failing or full.
    fn synchronise(&mut self) -> io::Result<()>;

    /// Another handle of the same file, to be synchronised elsewhere.
    ///
    /// # Errors
    /// No more files can be opened.
    fn duplicate(&self) -> io::Result<Box<dyn AppendFile>>;

    /// Cuts the file off.
    ///
    /// # Errors
    /// The disk is failing.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;

    /// Which file it is; nothing if it is none that could be renamed.
    fn id(&self) -> Option<FileId>;
}

/// Where such files lie.
pub trait Disk: Send + Sync + Debug {
    /// Opens a file, making it with these permissions if it is missing; then it is there after a power cut, too.
    ///
    /// # Errors
    /// It cannot be opened or made, or something else than a regular file lies there.
    fn append_to(&self, path: &Path, opening: Opening) -> io::Result<Box<dyn AppendFile>>;

    /// Everything that is in a file.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The last byte of a file; nothing of an empty one, or of what is no regular file.
    ///
    /// # Errors
    /// It cannot be read.
    fn last_byte(&self, path: &Path) -> io::Result<Option<u8>>;

    /// Puts a file in place of another, also after a power cut.
    ///
    /// # Errors
    /// The disk is failing or full.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// It is not there, or cannot be removed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Which file lies at a path.
    ///
    /// # Errors
    /// None, or it cannot be told.
    fn id(&self, path: &Path) -> io::Result<FileId>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn append_to(&self, path: &Path, opening: Opening) -> io::Result<Box<dyn AppendFile>> {
        let is_new = !path.exists();
        let file = opening.append_to(path)?;
        if is_new {
            synchronise_folder_of(path)?;
        }
        Ok(Box::new(file))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn last_byte(&self, path: &Path) -> io::Result<Option<u8>> {
        let about = std::fs::metadata(path)?;
        let Some(last) = about.len().checked_sub(1).filter(|_| about.is_file()) else { return Ok(None) };
        let mut byte = [0];
        regular::open(File::options().read(true), path, Links::Followed)?.read_exact_at(&mut byte, last)?;
        Ok(Some(byte[0]))
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)?;
        synchronise_folder_of(to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        std::fs::metadata(path).map(|about| (about.dev(), about.ino()))
    }
}

fn synchronise_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl AppendFile for File {
    fn synchronise(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn duplicate(&self) -> io::Result<Box<dyn AppendFile>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn id(&self) -> Option<FileId> {
        self.metadata().ok().map(|about| (about.dev(), about.ino()))
    }
}

impl AppendFile for io::Stdout {
    fn synchronise(&mut self) -> io::Result<()> {
        self.flush()
    }

    fn duplicate(&self) -> io::Result<Box<dyn AppendFile>> {
        Ok(Box::new(io::stdout()))
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn id(&self) -> Option<FileId> {
        None
    }
}
