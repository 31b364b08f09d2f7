//! QEMU's debugger port, as far as stopping the processor at an instruction takes (GDB manual, appendix E).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::process::{PATIENCE, wait_for};

/// A connection to the debugger port; the machine stands still from then on.
#[derive(Debug)]
pub struct Debugger {
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Debugger {
    /// Connects to the port behind `path`.
    ///
    /// # Errors
    /// If nothing answers there.
    pub fn connect(path: &Path) -> Result<Self> {
        let stream = wait_for("QEMU's debugger port", || Ok(UnixStream::connect(path).ok()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut debugger = Self { stream, unread: Vec::new() };
        debugger.expect("?", "T")?;
        Ok(debugger)
    }

    /// Lets the machine run until the processor is about to execute the instruction at `address`, and executes that one
    /// too, if `pass`.
    ///
    /// # Errors
    /// If it does not come there in time.
    pub fn run_to(&mut self, address: u64, pass: bool) -> Result<()> {
        self.expect(&format!("Z0,{address:x},1"), "OK")?;
        self.expect("c", "T05")?;
        self.expect(&format!("z0,{address:x},1"), "OK")?;
        if pass {
            self.expect("s", "T05")?;
        }
        Ok(())
    }

    /// All registers, as the port writes them.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn registers(&mut self) -> Result<String> {
        self.ask("g")
    }

    fn expect(&mut self, command: &str, beginning: &str) -> Result<()> {
        let answer = self.ask(command)?;
        ensure!(answer.starts_with(beginning), "QEMU's debugger port says {answer:?} to {command:?}");
        Ok(())
    }

    fn ask(&mut self, command: &str) -> Result<String> {
        let sum = command.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.stream, "${command}#{sum:02x}")?;
        loop {
            if let Some(answer) = self.take_packet() {
                self.stream.write_all(b"+")?;
                return Ok(answer);
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece)? {
                0 => bail!("QEMU has closed its debugger port"),
                length => self.unread.extend(&piece[..length]),
            }
        }
    }

    /// A packet is `$`, text, `#`, two digits; acknowledgements lie between.
    fn take_packet(&mut self) -> Option<String> {
        let start = self.unread.iter().position(|&byte| byte == b'$')?;
        let end = start + self.unread[start..].iter().position(|&byte| byte == b'#')?;
        if self.unread.len() < end + 3 {
            return None;
        }
        let answer = String::from_utf8_lossy(&self.unread[start + 1..end]).into_owned();
        self.unread.drain(..end + 3);
        Some(answer)
    }
}
