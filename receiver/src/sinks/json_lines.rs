//! The JSON Lines sink: one object a line, appended to a file or to standard output.
//!
//! Once a second it is asked to synchronise. Only what is on the disk then counts as written for those who remember what
//! was delivered. It follows a file that is rotated: when asked to, and when another lies at its path.

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use anyhow::Context;
use tokio::sync::mpsc;

use super::Input;
use crate::complaint::Complaint;
use crate::config::JsonLinesConfig;
use crate::counters::{SharedCounters, add};
use crate::disk::regular::{Links, Opening};
use crate::disk::{AppendFile, Disk, RealDisk};
use crate::item::Item;
use crate::json::{append_line, append_lost};

/// Bytes after which lines are written although more are waiting.
const BUFFER_BYTES: usize = 256 << 10;
/// A link is followed, as the configuration names the path.
const OPENING: Opening = Opening { mode: 0o666, links: Links::Followed };

/// Opens the file and starts the thread that writes it; the thread ends with its queue. `synchronised` counts the inputs
/// that a power cut cannot undo.
///
/// # Errors
/// The file cannot be opened for appending.
pub fn start(
    config: &JsonLinesConfig,
    receiver: mpsc::Receiver<Input>,
    synchronised: Arc<AtomicU64>,
    shared: Arc<SharedCounters>,
) -> anyhow::Result<JoinHandle<()>> {
    let mut lines = Lines::open(Arc::new(RealDisk), config, synchronised, shared)?;
    let thread = std::thread::Builder::new().name("json-lines".to_owned());
    Ok(thread.spawn(move || run(&mut lines, receiver))?)
}

/// Writes until the queue is closed; flushes whenever nothing more is waiting.
fn run(lines: &mut Lines, mut receiver: mpsc::Receiver<Input>) {
    while let Some(input) = receiver.blocking_recv() {
        lines.take(&input);
        while let Ok(input) = receiver.try_recv() {
            lines.take(&input);
        }
        lines.flush();
    }
    lines.synchronise();
}

/// Lines on their way out.
#[derive(Debug)]
pub struct Lines {
    disk: Arc<dyn Disk>,
    /// Nothing for standard output.
    path: Option<PathBuf>,
    output: Box<dyn AppendFile>,
    name: String,
    beacons: bool,
    shared: Arc<SharedCounters>,
    buffer: Vec<u8>,
    /// The file ends inside a line.
    torn: bool,
    /// Nothing was there when the path was looked at last.
    missing: bool,
    /// Inputs taken; and how many of them are on the disk.
    taken: u64,
    synchronised: Arc<AtomicU64>,
    /// Something was written since the last time that it was synchronised.
    unsynchronised: bool,
    /// Some of what was written may never get to the disk, so that nothing after it may count as delivered.
    failed: bool,
    complaint: Complaint,
}

impl Lines {
    /// Opens the file.
    ///
    /// # Errors
    /// It cannot be opened for appending.
    pub fn open(
        disk: Arc<dyn Disk>,
        config: &JsonLinesConfig,
        synchronised: Arc<AtomicU64>,
        shared: Arc<SharedCounters>,
    ) -> anyhow::Result<Self> {
        let (output, name, torn): (Box<dyn AppendFile>, _, _) = match &config.path {
            None => (Box::new(io::stdout()), "standard output".to_owned(), false),
            Some(path) => {
                let name = path.display().to_string();
                let file = disk.append_to(path, OPENING);
                let file = file.with_context(|| format!("json_lines.path: cannot append to \"{name}\""))?;
                (file, name, is_torn(&*disk, path))
            }
        };
        Ok(Self {
            disk,
            path: config.path.clone(),
            output,
            name,
            beacons: config.beacons,
            shared,
            buffer: Vec::new(),
            torn,
            missing: false,
            taken: 0,
            synchronised,
            unsynchronised: false,
            failed: false,
            complaint: Complaint::default(),
        })
    }

    /// Takes one input.
    pub fn take(&mut self, input: &Input) {
        self.taken += 1;
        match input {
            Input::Items(items) => {
                let beacons = self.beacons;
                for item in items.iter().filter(|item| beacons || !matches!(item, Item::Beacon(..))) {
                    append_line(item, &mut self.buffer);
                    if self.buffer.len() >= BUFFER_BYTES {
                        self.flush();
                    }
                }
            }
            Input::Lost(lost) => append_lost(*lost, "queue of the json_lines sink", &mut self.buffer),
            Input::Synchronise => {
                self.synchronise();
                self.follow();
            }
            Input::Reopen => self.reopen(),
        }
    }

    /// Writes everything out. What cannot be written is lost, counted, and said.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if self.torn {
            // Ends the line that an earlier error cut off, so that it spoils no other.
            self.buffer.insert(0, b'\n');
        }
        let (written, result) = write_all_counted(&mut self.output, &self.buffer);
        let (out, lost) = self.buffer.split_at(written);
        if !out.is_empty() {
            let mends = usize::from(self.torn);
            self.torn = out.last() != Some(&b'\n');
            self.unsynchronised = true;
            add(&self.shared.json_lines_written, (newlines(out) - mends) as u64);
        }
        if let Err(error) = result {
            let lost = newlines(lost) as u64;
            add(&self.shared.json_lines_dropped_write, lost);
            let name = &self.name;
            self.complaint.say(|| {
                format!(
                    "cannot write to {name}: {error}: {lost} lines lost just now; counted as json_lines_dropped_write"
                )
            });
        }
        self.buffer.clear();
    }

    /// Brings everything to the disk, and says so to who remembers what was delivered.
    fn synchronise(&mut self) {
        self.flush();
        if std::mem::take(&mut self.unsynchronised)
            && let Err(error) = self.output.synchronise()
        {
            self.failed = true;
            add(&self.shared.json_lines_sync_errors, 1);
            let name = &self.name;
            self.complaint.say(|| {
                format!(
                    "{name} does not get to the disk: {error}. From here on nothing is remembered as delivered: once \
                     the disk is well, restart the receiver, and what the boxes still hold comes again"
                )
            });
        }
        if !self.failed {
            self.synchronised.store(self.taken, Ordering::Release);
        }
    }

    /// Goes on in the file that lies at the path now; nothing that was taken before goes there.
    fn reopen(&mut self) {
        self.synchronise();
        let Some(path) = &self.path else { return };
        match self.disk.append_to(path, OPENING) {
            Ok(file) => {
                self.torn = is_torn(&*self.disk, path);
                (self.output, self.missing) = (file, false);
                tracing::info!("{}: opened again", self.name);
            }
            Err(error) => {
                let name = &self.name;
                self.complaint.say(|| {
                    format!("{name} cannot be opened again: {error}; going on in the file that was there")
                });
            }
        }
    }

    /// Opens the file again if another one lies at its path, or none any more. None at one look may be one that is just
    /// being rotated.
    fn follow(&mut self) {
        let (Some(path), Some(own)) = (&self.path, self.output.id()) else { return };
        let has_moved = match self.disk.id(path) {
            Ok(id) => {
                self.missing = false;
                id != own
            }
            Err(error) => {
                error.kind() == io::ErrorKind::NotFound && std::mem::replace(&mut self.missing, true)
            }
        };
        if has_moved {
            self.reopen();
        }
    }
}

/// Whether a file ends inside a line, as a full disk or a power cut leaves it. One that cannot be read does not.
fn is_torn(disk: &dyn Disk, path: &Path) -> bool {
    disk.last_byte(path).is_ok_and(|last| last.is_some_and(|byte| byte != b'\n'))
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// As [`Write::write_all`] and [`Write::flush`], but tells how many bytes went out before an error.
fn write_all_counted(output: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match output.write(rest) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, output.flush())
}
