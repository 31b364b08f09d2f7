//! The real receiver, as an operator would run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Process, wait_for};
use crate::repository;
use crate::site::{DIODE_ID, DIODE_NAME, Image};

/// How a receiver is set up.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverSettings<'a> {
    /// UDP port to listen on.
    pub port: u16,
    /// Port of an MQTT broker.
    pub broker: Option<u16>,
    /// The image that is expected.
    pub image: &'a Image,
    /// Lines of `[diode.attestation]`, if the box's TPM is enrolled.
    pub attestation: Option<&'a str>,
    /// Show the live view on the terminal.
    pub live: bool,
}

/// A receiver that runs.
#[derive(Debug)]
pub struct RunningReceiver {
    process: Process,
    records: PathBuf,
    summary: PathBuf,
}

impl RunningReceiver {
    /// Starts a receiver; `folder` takes its files.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(folder: &Path, settings: &ReceiverSettings<'_>) -> Result<Self> {
        let (records, summary) = (folder.join("records.jsonl"), folder.join("summary.json"));
        let config = folder.join("receiver.toml");
        fs::write(&config, text(settings, &records))?;
        let mut command = Command::new(repository::built("dist/diode-receiver")?);
        command.arg("--config").arg(&config).arg("--summary").arg(&summary);
        if settings.live {
            command.arg("--live");
        } else {
            command.stderr(fs::File::create(folder.join("receiver.log"))?);
        }
        command.stdin(Stdio::null());
        let process = Process::start("diode-receiver", &mut command)?;
        let mut receiver = Self { process, records, summary };
        wait_for("the receiver's first summary", || {
            receiver.check_running()?;
            Ok(receiver.summary().ok())
        })?;
        Ok(receiver)
    }

    /// Fails if the receiver has ended.
    ///
    /// # Errors
    /// With the exit status.
    pub fn check_running(&mut self) -> Result<()> {
        self.process.check_running()
    }

    /// Memory that it has in use now, in KiB.
    ///
    /// # Errors
    /// If it has ended.
    pub fn memory_kib(&self) -> Result<u64> {
        self.process.memory_kib()
    }

    /// The summary that it rewrites every second.
    ///
    /// # Errors
    /// If there is none, or it is no JSON.
    pub fn summary(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(&self.summary)?)?)
    }

    /// Every complete line that it has written to its JSON Lines file.
    ///
    /// # Errors
    /// If a line is no JSON.
    pub fn lines(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.records).unwrap_or_default();
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        complete
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line:?}")))
            .collect()
    }

    /// Ends it as an operator would, and returns its last summary.
    ///
    /// # Errors
    /// If it does not end well.
    pub fn stop(mut self) -> Result<Value> {
        let status = self.process.terminate()?;
        anyhow::ensure!(status.success(), "diode-receiver ended with {status}");
        self.summary()
    }
}

fn text(settings: &ReceiverSettings<'_>, records: &Path) -> String {
    let ReceiverSettings { port, broker, image, attestation, .. } = settings;
    let attestation = attestation.map_or(String::new(), |lines| format!("[diode.attestation]\n{lines}\n"));
    let mqtt = broker.map_or(String::new(), |broker| format!("\n[mqtt]\nbroker = \"127.0.0.1:{broker}\"\n"));
    format!(
        "listen = \"127.0.0.1:{port}\"\nstate_directory = \"state\"\n\n[[diode]]\nid = {DIODE_ID}\nname = \"{DIODE_NAME}\"\n\
         key_file = \"{}\"\nexpected_image_sha256 = \"{}\"\non_mismatch = \"alarm\"\n\
         silent_after_ms = 3600000\n\n{attestation}\
         [json_lines]\npath = \"{}\"\n{mqtt}",
        image.key.display(),
        image.sha256,
        records.display(),
    )
}
