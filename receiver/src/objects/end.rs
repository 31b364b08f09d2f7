//! Where a stream ends that misses something: written down beside it, since a restart would not hear it again.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::disk::regular::{self, Links};

/// The last step of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// Its number.
    pub(super) sequence: u64,
    /// The length of the stream.
    pub(super) length: u64,
}

impl End {
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        let text = format!("{} {}\n", self.sequence, self.length);
        regular::create(path)?.write_all(text.as_bytes())
    }

    /// Nothing if the stream has not ended, or if a crash came when that was written: then it is heard again.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut text = String::new();
        let mut file = regular::open(File::options().read(true), path, Links::Refused).ok()?;
        file.read_to_string(&mut text).ok()?;
        let (sequence, length) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Self { sequence: sequence.parse().ok()?, length: length.parse().ok()? })
    }

    /// Removes what was written, if it was.
    pub(super) fn remove(path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
