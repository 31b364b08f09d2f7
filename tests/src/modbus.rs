//! An independent Modbus TCP server: pymodbus, in the Python environment of `./scripts/test`.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use crate::repository;

/// A pymodbus server on the loopback interface.
#[derive(Debug)]
pub struct ModbusServer {
    _process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl ModbusServer {
    /// Starts a server on `port`; all its values are 0.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(port: u16) -> Result<Self> {
        Self::run(&mut Command::new(python()?), Ipv4Addr::LOCALHOST, port)
    }

    /// Starts a server at this address and port of a network namespace.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_in(namespace: &str, address: Ipv4Addr, port: u16) -> Result<Self> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(python()?);
        Self::run(&mut command, address, port)
    }

    fn run(command: &mut Command, address: Ipv4Addr, port: u16) -> Result<Self> {
        command.arg(repository::root().join("tests/peers/modbus_server.py"));
        command.arg(address.to_string()).arg(port.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start("pymodbus", command)?;
        let input = process.child().stdin.take().context("no standard input")?;
        let output = process.child().stdout.take().context("no standard output")?;
        let mut server = Self { _process: process, input, output: BufReader::new(output) };
        server.expect("ready")?;
        Ok(server)
    }

    /// Sets values from `address` on; `table` is coils, discrete, holding or input.
    ///
    /// # Errors
    /// If the server does not confirm it.
    pub fn set(&mut self, table: &str, address: u16, values: &[u16]) -> Result<()> {
        let values: Vec<String> = values.iter().map(u16::to_string).collect();
        writeln!(self.input, "{table} {address} {}", values.join(" "))?;
        self.expect("set")
    }

    /// Requests that it has answered.
    ///
    /// # Errors
    /// If the server does not tell.
    pub fn requests(&mut self) -> Result<u64> {
        writeln!(self.input, "requests")?;
        let line = self.line()?;
        line.trim().parse().with_context(|| format!("pymodbus said {line:?}, not a number"))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let line = self.line()?;
        ensure!(line.trim() == word, "pymodbus said {line:?}, not {word:?}");
        Ok(())
    }
}

fn python() -> Result<PathBuf> {
    let python = repository::root().join(".tools/python/bin/python");
    ensure!(python.exists(), "{} does not exist; run ./scripts/test", python.display());
    Ok(python)
}
