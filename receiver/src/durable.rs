//! What survives a restart: the receiver's marks, in a log that is only ever appended to.
//!
//! ```text
//! marks.log   8 bytes magic and version, then entries
//! entry       length u32 BE, CRC-32C u32 BE of the rest, then one mark (crates/link, `Mark::encode`)
//! ```
//!
//! Entries are written once what they speak for has been written by the JSON Lines sink, so that a crash can at worst
//! repeat records, never lose them. Now and then the log is replaced by a short one that says the same.

mod keeper;
mod log;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use noreturn_link::Mark;
use rustix::fs::{FlockOperation, flock};

pub use keeper::Keeper;

use log::{MAGIC, append_entry, read_entries};

const LOG: &str = "marks.log";
const LOG_NEW: &str = "marks.log.new";
const LOCK: &str = "lock";
/// A log is replaced when it is this many times as long as after the last time.
const GROWTH_MAX: u64 = 4;
/// But not before it has this many bytes.
const LOG_BYTES_MIN: u64 = 1 << 20;

/// The state directory.
#[derive(Debug)]
pub struct Durable {
    directory: PathBuf,
    log: File,
    bytes: u64,
    /// Length at which the log is replaced.
    bytes_max: u64,
    /// What was written may not be on the disk yet.
    unsynced: bool,
    /// A write failed, so that the end of the log may be torn: only a new one helps.
    torn: bool,
    /// Held as long as this lives, so that two daemons never share a directory.
    _lock: File,
}

impl Durable {
    /// Opens the directory, making it if need be, and reads what was remembered.
    ///
    /// # Errors
    /// It cannot be used, another daemon uses it, or the log is damaged.
    pub fn open(directory: &Path) -> anyhow::Result<(Self, Vec<Mark>)> {
        let name = directory.display();
        std::fs::create_dir_all(directory)
            .with_context(|| format!("state_directory: cannot make \"{name}\""))?;
        let lock = open_file(&directory.join(LOCK)).with_context(|| format!("state_directory \"{name}\""))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("state_directory \"{name}\" is in use by another receiver: stop it, or give each its own");
        }
        let path = directory.join(LOG);
        let mut log = open_file(&path)
            .with_context(|| format!("state_directory: cannot open \"{}\"", path.display()))?;
        let marks = load(&mut log, &path)?;
        let bytes = log.metadata()?.len();
        let bytes_max = LOG_BYTES_MIN.max(bytes);
        let directory = directory.to_owned();
        Ok((Self { directory, log, bytes, bytes_max, unsynced: false, torn: false, _lock: lock }, marks))
    }

    /// Appends marks with a single write.
    ///
    /// # Errors
    /// The disk is full or failing; call [`Durable::replace`] to try again.
    pub fn append(&mut self, marks: &[Mark]) -> io::Result<()> {
        let mut entries = Vec::new();
        marks.iter().for_each(|mark| append_entry(mark, &mut entries));
        if entries.is_empty() {
            return Ok(());
        }
        self.unsynced = true;
        self.torn = true;
        self.log.write_all(&entries)?;
        self.torn = false;
        self.bytes += entries.len() as u64;
        Ok(())
    }

    /// Whether the log should be replaced: it has grown long, or its end is torn.
    #[must_use]
    pub const fn wants_replacement(&self) -> bool {
        self.torn || self.bytes > self.bytes_max
    }

    /// Replaces the log by one that holds `marks`, in one step.
    ///
    /// # Errors
    /// The disk is full or failing; the old log is still there.
    pub fn replace(&mut self, marks: impl Iterator<Item = Mark>) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        marks.for_each(|mark| append_entry(&mark, &mut bytes));
        let beside = self.directory.join(LOG_NEW);
        // What an earlier attempt has left is nothing that anybody needs.
        let _ = std::fs::remove_file(&beside);
        let mut file = open_file(&beside)?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        std::fs::rename(&beside, self.directory.join(LOG))?;
        File::open(&self.directory)?.sync_all()?;
        (self.log, self.bytes, self.unsynced, self.torn) = (file, bytes.len() as u64, false, false);
        self.bytes_max = LOG_BYTES_MIN.max(self.bytes * GROWTH_MAX);
        Ok(())
    }

    /// The log to be synchronised with the disk, if there is need; that takes time, so it is done elsewhere.
    ///
    /// # Errors
    /// No more files can be opened.
    pub fn take_unsynced(&mut self) -> io::Result<Option<File>> {
        if !self.unsynced {
            return Ok(None);
        }
        let log = self.log.try_clone()?;
        self.unsynced = false;
        Ok(Some(log))
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    // It tells nothing secret, but nobody else has any business with it.
    OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)
}

/// Reads the log; cuts off an entry that was being written when a crash came.
fn load(log: &mut File, path: &Path) -> anyhow::Result<Vec<Mark>> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("state_directory: cannot read \"{name}\""))?;
    if bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
        log.set_len(0)?;
        log.write_all(MAGIC)?;
        return Ok(Vec::new());
    }
    let read = read_entries(&bytes).map_err(|damage| {
        anyhow::anyhow!(
            "state_directory: \"{name}\" is damaged at byte {}: {}. Restore it, or move it away; without it the \
             receiver does not know what it has delivered, and delivers again what the boxes send again",
            damage.at,
            damage.what
        )
    })?;
    if read.end < bytes.len() {
        tracing::warn!(
            "{name}: the last {} bytes are torn, as a crash leaves them; going on without them",
            bytes.len() - read.end
        );
        log.set_len(read.end as u64)?;
    }
    Ok(read.marks)
}
