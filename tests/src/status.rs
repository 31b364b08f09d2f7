//! An independent reader of the box's state: pymodbus and Python's HTTP client, through a door into the inside network.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::machine::Running;
use crate::network::INSIDE_ADDRESS;
use crate::ports::free_tcp;
use crate::process::{Process, wait_for};
use crate::repository;

/// Port of the registers in every site that serves them.
pub const MODBUS_PORT: u16 = 502;
/// Port of the page in every site that serves it.
pub const HTTP_PORT: u16 = 80;

/// The table of a site file that serves both.
#[must_use]
pub fn table() -> String {
    format!("\n[status]\nmodbus_port = {MODBUS_PORT}\nhttp_port = {HTTP_PORT}\n")
}

/// Somebody on the inside network who reads.
#[derive(Debug)]
pub struct StatusClient {
    _process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The host's port that leads to the registers.
    pub modbus_port: u16,
    /// The host's port that leads to the page.
    pub http_port: u16,
}

impl StatusClient {
    /// Opens a way from the host to the box's inside address, and starts the client.
    ///
    /// # Errors
    /// If either fails.
    pub fn start(machine: &Running) -> Result<Self> {
        let (modbus_port, http_port) = (forward(machine, MODBUS_PORT)?, forward(machine, HTTP_PORT)?);
        let python = repository::root().join(".tools/python/bin/python");
        ensure!(python.exists(), "{} does not exist; run ./scripts/test", python.display());
        let mut command = Command::new(python);
        command.arg(repository::root().join("tests/peers/status_client.py"));
        command.arg(modbus_port.to_string()).arg(http_port.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start("the status client", &mut command)?;
        let input = process.child().stdin.take().context("no standard input")?;
        let output = process.child().stdout.take().context("no standard output")?;
        Ok(Self { _process: process, input, output: BufReader::new(output), modbus_port, http_port })
    }

    /// Sends a command, see `tests/peers/status_client.py`.
    ///
    /// # Errors
    /// If the client has ended.
    pub fn ask(&mut self, command: &str) -> Result<Value> {
        writeln!(self.input, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("{command}: {line:?}"))
    }

    /// Reads `count` registers by function 3.
    ///
    /// # Errors
    /// If there is anything but so many registers.
    pub fn registers(&mut self, address: u16, count: u16) -> Result<Vec<u16>> {
        let answer = self.ask(&format!("read 3 {address} {count}"))?;
        let registers: Vec<u16> = serde_json::from_value(answer["registers"].clone())
            .with_context(|| format!("{count} registers from {address}: {answer}"))?;
        ensure!(registers.len() == usize::from(count), "{registers:?} are not {count}");
        Ok(registers)
    }

    /// `/status.json`.
    ///
    /// # Errors
    /// If it is not served.
    pub fn status(&mut self) -> Result<Value> {
        let answer = self.ask("http GET /status.json")?;
        ensure!(answer["status"] == 200, "{answer}");
        Ok(serde_json::from_str(answer["body"].as_str().unwrap_or_default())?)
    }

    /// Waits until registers and page agree that an alarm is active, or is not; registers have it at `bit`.
    ///
    /// # Errors
    /// If it does not come to that.
    pub fn wait_for_alarm(&mut self, bit: u32, name: &str, active: bool) -> Result<()> {
        wait_for(&format!("{name} to be {active}"), || {
            let [high, low] = self.registers(2, 2)?[..] else { return Ok(None) };
            let bits = u32::from(high) << 16 | u32::from(low);
            let status = self.status()?;
            let alarm =
                status["alarms"].as_array().and_then(|all| all.iter().find(|alarm| alarm["name"] == name));
            let shown = alarm.with_context(|| format!("no alarm {name}: {status}"))?["active"] == active;
            Ok((shown && (bits >> bit & 1 == 1) == active).then_some(()))
        })
    }
}

/// A port of the host's that leads to `port` of the box's inside address.
fn forward(machine: &Running, port: u16) -> Result<u16> {
    let host_port = free_tcp()?;
    let address = INSIDE_ADDRESS.split('/').next().unwrap_or_default();
    let command = format!("hostfwd_add inside tcp:127.0.0.1:{host_port}-{address}:{port}");
    let answer = machine.monitor_command(&command)?;
    ensure!(answer.is_empty(), "{command}: {answer}");
    Ok(host_port)
}
