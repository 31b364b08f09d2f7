//! A box that runs: what it says, and what QEMU's monitor knows of it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::process::{Process, wait_for, wait_for_text};

/// A box that runs.
#[derive(Debug)]
pub struct Running {
    pub(super) process: Process,
    /// What it says on its serial port.
    pub serial: PathBuf,
    pub(super) monitor: PathBuf,
}

/// A test that fails shows what its boxes have said.
#[expect(clippy::print_stdout, reason = "the test harness shows it only if the test fails")]
impl Drop for Running {
    fn drop(&mut self) {
        println!("{} holds:\n{}", self.serial.display(), self.said());
    }
}

impl Running {
    /// Waits until the box has said `text` on its serial port; all that it has said.
    ///
    /// # Errors
    /// If it does not.
    pub fn wait_for_serial(&mut self, text: &str) -> Result<String> {
        self.process.check_running()?;
        wait_for_text(&self.serial, text)
    }

    /// All that the box has said on its serial port.
    #[must_use]
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.serial).unwrap_or_default()).into_owned()
    }

    /// Fails if QEMU has ended.
    ///
    /// # Errors
    /// With the exit status.
    pub fn check_running(&mut self) -> Result<()> {
        self.process.check_running()
    }

    /// Reads the 32-bit register at `offset` of a PCI function's first memory window, from outside the machine.
    ///
    /// # Errors
    /// If the monitor does not answer as expected.
    pub fn read_register(&self, pci_slot: u32, offset: u64) -> Result<u32> {
        let devices = self.monitor_command("info pci")?;
        let base = memory_window(&devices, pci_slot).context("no memory window in `info pci`")?;
        let answer = self.monitor_command(&format!("xp /1wx {:#x}", base + offset))?;
        let word = answer.trim().rsplit(' ').next().and_then(|word| word.strip_prefix("0x"));
        let word = word.with_context(|| format!("unexpected answer of xp: {answer:?}"))?;
        Ok(u32::from_str_radix(word, 16)?)
    }

    /// Reads 32 bits of the configuration space of `function` of the device in `slot` on `bus`, from outside the machine.
    ///
    /// # Errors
    /// If the monitor does not answer as expected.
    pub fn read_config(&self, (bus, slot, function): (u32, u32, u32), offset: u32) -> Result<u32> {
        let place = 1 << 31 | bus << 16 | slot << 11 | function << 8 | offset;
        self.monitor_command(&format!("o /w 0xcf8 {place:#x}"))?;
        let answer = self.monitor_command("i /w 0xcfc")?;
        let word = answer.trim().rsplit(' ').next().and_then(|word| word.strip_prefix("0x"));
        let word = word.with_context(|| format!("unexpected answer of i: {answer:?}"))?;
        Ok(u32::from_str_radix(word, 16)?)
    }

    /// Plugs the outside cable in, or pulls it out.
    ///
    /// # Errors
    /// If the monitor does not do it.
    pub fn set_outside_link(&self, up: bool) -> Result<()> {
        let answer = self.monitor_command(&format!("set_link outside {}", if up { "on" } else { "off" }))?;
        ensure!(answer.is_empty(), "unexpected answer of set_link: {answer:?}");
        Ok(())
    }

    /// A command of QEMU's monitor for people, and its answer.
    ///
    /// # Errors
    /// If the monitor cannot be reached or refuses.
    pub fn monitor_command(&self, line: &str) -> Result<String> {
        let stream = wait_for("QEMU's monitor", || Ok(UnixStream::connect(&self.monitor).ok()))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        next_answer(&mut reader)?;
        ask(&mut writer, &mut reader, &json!({"execute": "qmp_capabilities"}))?;
        let command = json!({"execute": "human-monitor-command", "arguments": {"command-line": line}});
        let answer = ask(&mut writer, &mut reader, &command)?;
        answer.as_str().map(str::to_owned).context("the monitor's answer is no text")
    }
}

fn ask(writer: &mut impl Write, reader: &mut impl BufRead, command: &Value) -> Result<Value> {
    writeln!(writer, "{command}")?;
    loop {
        let answer = next_answer(reader)?;
        if let Some(value) = answer.get("return") {
            return Ok(value.clone());
        }
        if answer.get("error").is_some() {
            bail!("QEMU refuses {command}: {answer}");
        }
    }
}

fn next_answer(reader: &mut impl BufRead) -> Result<Value> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    serde_json::from_str(&line).with_context(|| format!("no JSON from QEMU: {line:?}"))
}

/// The first memory base address register of the function in `slot` of bus 0.
fn memory_window(info_pci: &str, slot: u32) -> Option<u64> {
    let start = info_pci.find(&format!("Bus  0, device   {slot}, function 0"))?;
    let function = &info_pci[start..];
    let window = function.split("BAR0:").nth(1)?.split(" at 0x").nth(1)?;
    let digits: String = window.chars().take_while(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(&digits, 16).ok()
}
