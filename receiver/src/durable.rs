//! What survives a restart: the receiver's marks, in a log that is only ever appended to.
//!
//! ```text
//! marks.log   8 bytes magic and version, then entries
//! entry       length u32 BE, CRC-32C u32 BE of the rest, then one mark (crates/link, `Mark::encode`)
//! ```
//!
//! Entries are written once what they speak for has been synchronised by the JSON Lines sink, so that a crash or a power
//! cut can at worst repeat records, never lose them. Now and then the log is replaced by a short one that says the same.

mod keeper;
mod log;
#[cfg(test)]
mod power_cut;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use noreturn_link::Mark;
use rustix::fs::{FlockOperation, flock};

use crate::disk::regular::{Links, Opening};
use crate::disk::{AppendFile, Disk, RealDisk};
pub use keeper::Keeper;

use log::{MAGIC, append_entry, read_entries};

const LOG: &str = "marks.log";
const LOG_NEW: &str = "marks.log.new";
const LOCK: &str = "lock";
/// A log is replaced when it is this many times as long as after the last time.
const GROWTH_MAX: u64 = 4;
/// But not before it has this many bytes.
const LOG_BYTES_MIN: u64 = 1 << 20;

/// The log tells nothing secret, but nobody else has any business with it.
const OPENING: Opening = Opening { mode: 0o600, links: Links::Refused };

/// The state directory.
#[derive(Debug)]
pub struct Durable {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    log: Box<dyn AppendFile>,
    bytes: u64,
    /// Length at which the log is replaced.
    bytes_max: u64,
    /// What was written may not be on the disk yet.
    unsynced: bool,
    /// A write or a synchronisation failed, so that the log may not say what it was given: only a new one helps.
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
        Self::open_on(Arc::new(RealDisk), directory)
    }

    /// The same, with the log on another disk.
    fn open_on(disk: Arc<dyn Disk>, directory: &Path) -> anyhow::Result<(Self, Vec<Mark>)> {
        let name = directory.display();
        std::fs::create_dir_all(directory)
            .with_context(|| format!("state_directory: cannot make \"{name}\""))?;
        let lock = OPENING.append_to(&directory.join(LOCK));
        let lock = lock.with_context(|| format!("state_directory: cannot open \"{name}/{LOCK}\""))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("state_directory \"{name}\" is in use by another receiver: stop it, or give each its own");
        }
        let path = directory.join(LOG);
        let mut log = disk
            .append_to(&path, OPENING)
            .with_context(|| format!("state_directory: cannot open \"{}\"", path.display()))?;
        let (marks, bytes) = load(&*disk, &mut *log, &path)?;
        let bytes_max = LOG_BYTES_MIN.max(bytes);
        let directory = directory.to_owned();
        Ok((Self { disk, directory, log, bytes, bytes_max, unsynced: true, torn: false, _lock: lock }, marks))
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
        // One that could not be trusted before cannot be trusted for what comes after.
        let was_torn = std::mem::replace(&mut self.torn, true);
        self.log.write_all(&entries)?;
        self.torn = was_torn;
        self.bytes += entries.len() as u64;
        Ok(())
    }

    /// Whether the log should be replaced: it has grown long, or its end is torn.
    #[must_use]
    pub const fn wants_replacement(&self) -> bool {
        self.torn || self.bytes > self.bytes_max
    }

    /// Whether the log may not say what it was given.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.torn
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
        let _ = self.disk.remove(&beside);
        let mut file = self.disk.append_to(&beside, OPENING)?;
        file.write_all(&bytes)?;
        file.synchronise()?;
        self.disk.replace(&beside, &self.directory.join(LOG))?;
        (self.log, self.bytes, self.unsynced, self.torn) = (file, bytes.len() as u64, false, false);
        self.bytes_max = LOG_BYTES_MIN.max(self.bytes * GROWTH_MAX);
        Ok(())
    }

    /// What was written may never get to the disk, as a failed synchronisation has told.
    pub const fn distrust(&mut self) {
        self.torn = true;
    }

    /// The log to be synchronised with the disk, if there is need; that takes time, so it is done elsewhere.
    ///
    /// # Errors
    /// No more files can be opened.
    pub fn take_unsynced(&mut self) -> io::Result<Option<Box<dyn AppendFile>>> {
        if !self.unsynced {
            return Ok(None);
        }
        let log = self.log.duplicate()?;
        self.unsynced = false;
        Ok(Some(log))
    }
}

/// Whether a power cut came before the start of a new log was on the disk: of it a part is there, or zeros in its place. Nothing was
/// remembered in it by then.
fn is_torn_start(bytes: &[u8]) -> bool {
    let there = bytes.iter().zip(MAGIC).take_while(|(there, wanted)| there == wanted).count();
    let rest = bytes.get(there..).unwrap_or_default();
    there < MAGIC.len() && bytes.len() <= MAGIC.len() && rest.iter().all(|&byte| byte == 0)
}

/// Reads the log; cuts off an entry that was being written when a crash came. The marks, and the length of the log.
fn load(disk: &dyn Disk, log: &mut dyn AppendFile, path: &Path) -> anyhow::Result<(Vec<Mark>, u64)> {
    let name = path.display();
    let bytes = disk.read(path).with_context(|| format!("state_directory: cannot read \"{name}\""))?;
    if is_torn_start(&bytes) {
        log.truncate(0)?;
        log.write_all(MAGIC)?;
        log.synchronise()?;
        return Ok((Vec::new(), MAGIC.len() as u64));
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
        log.truncate(read.end as u64)?;
    }
    Ok((read.marks, read.end as u64))
}
