//! QEMU's debugger port, as far as stopping the processor at an instruction takes (GDB manual, appendix E).

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

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

    /// Has the machine stop before each instruction at one of `addresses`.
    ///
    /// # Errors
    /// If the port refuses.
    pub fn stop_at(&mut self, addresses: impl IntoIterator<Item = u64>) -> Result<()> {
        addresses.into_iter().try_for_each(|address| self.expect(&format!("Z0,{address:x},1"), "OK"))
    }

    /// Lets the machine run until it stops.
    ///
    /// # Errors
    /// If it does not in time.
    pub fn run(&mut self) -> Result<()> {
        self.expect("c", "T05")
    }

    /// Executes the instruction before which the machine has stopped.
    ///
    /// # Errors
    /// If the port does not answer as expected.
    pub fn pass(&mut self) -> Result<()> {
        let address = self.instruction_pointer()?;
        self.expect(&format!("z0,{address:x},1"), "OK")?;
        self.expect("s", "T05")?;
        self.stop_at([address])
    }

    /// RIP, which follows 16 registers of 8 bytes (GDB's target description of x86-64).
    fn instruction_pointer(&mut self) -> Result<u64> {
        const PLACE: std::ops::Range<usize> = 16 * 16..17 * 16;
        let registers = self.registers()?;
        let digits = registers.get(PLACE).context("the port tells too few registers")?;
        Ok(u64::from_str_radix(digits, 16)?.swap_bytes())
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
