//! Frames that a `filter-dump` of QEMU's writes, each with the guest's time: out of a file, or out of a pipe while QEMU runs.
//!
//! QEMU stamps a frame with its virtual clock. A pipe loses nothing: if nobody reads, QEMU stands still, and the guest's time with it.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A frame, and the guest's time in microseconds.
pub type Stamped = (u64, Vec<u8>);

/// Bytes of the file's header and of the header of each frame (libpcap's format, in this machine's byte order).
const FILE_HEADER_BYTES: usize = 24;
const FRAME_HEADER_BYTES: usize = 16;

/// What QEMU is told to capture frames of the wire `netdev` in the file `path`. `queue` is `rx` for what the card sends, `tx` for what is
/// offered to it, or `all`.
#[must_use]
pub fn dump(netdev: &str, queue: &str, path: &Path) -> [String; 2] {
    let dump =
        format!("filter-dump,id={netdev}-{queue},netdev={netdev},queue={queue},file={}", path.display());
    ["-object".to_owned(), dump]
}

/// A capture that comes in pieces.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    begun: bool,
}

impl Frames {
    /// More bytes of the capture.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }
}

/// The frames that are complete.
impl Iterator for Frames {
    type Item = Stamped;

    fn next(&mut self) -> Option<Stamped> {
        let start = if self.begun { 0 } else { FILE_HEADER_BYTES };
        let word = |at: usize| Some(u32::from_ne_bytes(self.bytes.get(at..at + 4)?.try_into().ok()?));
        let (seconds, micros, length) = (word(start)?, word(start + 4)?, word(start + 8)?);
        let place = start + FRAME_HEADER_BYTES;
        let end = place + length as usize;
        let frame = self.bytes.get(place..end)?.to_vec();
        self.bytes.drain(..end);
        self.begun = true;
        Some((u64::from(seconds) * 1_000_000 + u64::from(micros), frame))
    }
}

/// Every frame in a capture file.
///
/// # Errors
/// If it cannot be read, or ends within a frame.
pub fn read_file(path: &Path) -> Result<Vec<Stamped>> {
    let mut frames = Frames::default();
    frames.push(&std::fs::read(path)?);
    let all = frames.by_ref().collect();
    ensure!(!frames.begun || frames.bytes.is_empty(), "the capture is cut off");
    Ok(all)
}

/// A pipe into which QEMU writes a capture.
#[derive(Debug)]
pub struct Pipe {
    path: PathBuf,
    file: File,
    frames: Frames,
}

impl Pipe {
    /// Makes a named pipe at `path`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make(path: PathBuf) -> Result<Self> {
        let made = Command::new("mkfifo").arg(&path).status().context("mkfifo")?;
        ensure!(made.success(), "mkfifo {}: {made}", path.display());
        // Open for writing too: so it can be opened before QEMU does, and never ends.
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(Self { path, file, frames: Frames::default() })
    }

    /// What QEMU is told: `netdev` is the wire, and only what its card sends is captured.
    #[must_use]
    pub fn arguments(&self, netdev: &str) -> [String; 2] {
        dump(netdev, "rx", &self.path)
    }

    /// The next frame; nothing if none comes within `patience` of this machine's time.
    ///
    /// # Errors
    /// If the pipe cannot be read.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Stamped>> {
        loop {
            if let Some(frame) = self.frames.next() {
                return Ok(Some(frame));
            }
            let limit = Timespec::try_from(patience)?;
            if poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&limit))? == 0 {
                return Ok(None);
            }
            let mut bytes = [0; 1 << 16];
            let length = self.file.read(&mut bytes)?;
            self.frames.push(&bytes[..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; FILE_HEADER_BYTES];
        for (seconds, micros, frame) in frames {
            let length = frame.len() as u32;
            bytes.extend([*seconds, *micros, length, length].map(u32::to_ne_bytes).concat());
            bytes.extend(*frame);
        }
        bytes
    }

    #[test]
    fn frames_come_out_however_the_capture_is_cut() {
        let bytes = capture(&[(1, 2, b"one"), (3, 4, b"")]);
        for size in 1..bytes.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(size) {
                frames.push(piece);
                found.extend(frames.by_ref());
            }
            assert_eq!(found, [(1_000_002, b"one".to_vec()), (3_000_004, Vec::new())], "pieces of {size}");
        }
    }

    #[test]
    fn a_pipe_gives_what_is_written_and_waits_for_more() -> Result<()> {
        let folder = tempfile::TempDir::new()?;
        let path = folder.path().join("pipe");
        let mut pipe = Pipe::make(path.clone())?;
        assert_eq!(pipe.next(Duration::from_millis(1))?, None);
        std::fs::write(&path, capture(&[(0, 7, b"frame")]))?;
        assert_eq!(pipe.next(Duration::from_secs(10))?, Some((7, b"frame".to_vec())));
        assert_eq!(pipe.next(Duration::from_millis(1))?, None);
        Ok(())
    }
}
