//! Sources of time for the box: a time server and a satellite receiver, each with a time of its own.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use crate::process::{Process, wait_for};
use crate::repository;

/// Microseconds since 1970 by this machine's clock.
#[must_use]
pub fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// A time server on the loopback interface, in Python.
#[derive(Debug)]
pub struct TimeServer {
    _process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl TimeServer {
    /// Starts a server on `port` that is `offset_s` ahead of this machine.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(port: u16, offset_s: i64) -> Result<Self> {
        let mut command = Command::new("python3");
        command.arg(repository::root().join("tests/peers/ntp_server.py")).arg(port.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start("the time server", &mut command)?;
        let input = process.child().stdin.take().context("no standard input")?;
        let output = process.child().stdout.take().context("no standard output")?;
        let mut server = Self { _process: process, input, output: BufReader::new(output) };
        server.expect("ready")?;
        server.set_offset(offset_s)?;
        Ok(server)
    }

    /// Sets how far it is ahead of this machine, in seconds.
    ///
    /// # Errors
    /// If it does not confirm it.
    pub fn set_offset(&mut self, offset_s: i64) -> Result<()> {
        writeln!(self.input, "offset {offset_s}")?;
        self.expect("done")
    }

    /// Makes it answer nothing more.
    ///
    /// # Errors
    /// If it does not confirm it.
    pub fn fall_silent(&mut self) -> Result<()> {
        writeln!(self.input, "quiet")?;
        self.expect("done")
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line.trim() == word, "the time server said {line:?}, not {word:?}");
        Ok(())
    }
}

/// What QEMU is told for a second serial port, whose other end is a socket at `path`.
#[must_use]
pub fn second_serial_port(path: &Path) -> [String; 2] {
    ["-serial".to_owned(), format!("unix:{},server=on,wait=off", path.display())]
}

/// A satellite receiver at the other end of a serial port; it says the time five times a second.
#[derive(Debug)]
pub struct Satellites {
    speaks: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
    line: UnixStream,
}

impl Satellites {
    /// Starts to speak, `offset_s` ahead of this machine.
    ///
    /// # Errors
    /// If the serial port does not open.
    pub fn start(path: &Path, offset_s: i64) -> Result<Self> {
        let line = wait_for("the second serial port", || Ok(UnixStream::connect(path).ok()))?;
        let speaks = Arc::new(AtomicBool::new(true));
        let (mut speaker, still) = (line.try_clone()?, Arc::clone(&speaks));
        let thread = std::thread::spawn(move || {
            while still.load(Ordering::Relaxed) {
                speaker
                    .write_all(sentence(now_us().saturating_add_signed(offset_s * 1_000_000)).as_bytes())?;
                sleep(Duration::from_millis(200));
            }
            Ok(())
        });
        Ok(Self { speaks, thread: Some(thread), line })
    }

    /// Says nothing more. What the box has sent to it in all that time.
    ///
    /// # Errors
    /// If the line broke.
    pub fn fall_silent(&mut self) -> Result<Vec<u8>> {
        self.speaks.store(false, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow::anyhow!("the satellite receiver panicked"))??;
        }
        self.line.set_nonblocking(true)?;
        let mut heard = Vec::new();
        match self.line.read_to_end(&mut heard) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
            _ => Ok(heard),
        }
    }
}

impl Drop for Satellites {
    fn drop(&mut self) {
        self.speaks.store(false, Ordering::Relaxed);
    }
}

/// An RMC sentence that says this time, as a receiver with a fix sends it.
fn sentence(utc_us: u64) -> String {
    let (days, second) = (utc_us / 86_400_000_000, utc_us / 1_000_000 % 86_400);
    let (year, month, day) = date(days);
    let body = format!(
        "GNRMC,{:02}{:02}{:02}.{:06},A,4717.11437,N,00833.91522,E,0.004,77.52,{day:02}{month:02}{:02},,,A",
        second / 3600,
        second / 60 % 60,
        second % 60,
        utc_us % 1_000_000,
        year % 100
    );
    let checksum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{checksum:02X}\r\n")
}

/// Year, month and day of a day since 1970, by going through the years.
fn date(mut days: u64) -> (u64, usize, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month + 1, days + 1)
}
