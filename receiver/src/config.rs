//! The configuration file: TOML in, a checked [`Config`] out, or errors with file, line and column.
//!
//! `docs/receiver.md` describes every key.

mod document;
mod secret;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noreturn_link::{DiodeKey, ReceiverConfig};
use noreturn_wire::DiodeId;

use crate::attestation::Expected;
use document::{Document, Spot};

/// Everything that the daemon is told.
#[derive(Debug)]
pub struct Config {
    /// Where frames arrive.
    pub listen: SocketAddr,
    /// Groups that are joined there.
    pub multicast: Multicast,
    /// Where it is remembered what was received; `None` forgets it at the end.
    pub state_directory: Option<PathBuf>,
    /// Diodes that are listened to; at least one.
    pub diodes: Vec<DiodeConfig>,
    /// The JSON Lines sink, if any.
    pub json_lines: Option<JsonLinesConfig>,
    /// The MQTT sink, if any.
    pub mqtt: Option<MqttConfig>,
    /// Where files are put, if anywhere.
    pub files: Option<ObjectsConfig>,
    /// Where the bytes of streams are put, if anywhere.
    pub streams: Option<ObjectsConfig>,
    /// Bounds on memory and waiting.
    pub limits: Limits,
    /// What is not wrong but should be known, such as key files that others can read.
    pub warnings: Vec<String>,
}

/// IPv4 groups to join.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Multicast {
    /// The groups; usually none.
    pub groups: Vec<Ipv4Addr>,
    /// Address of the interface that they are joined on; unspecified leaves the choice to the routing table.
    pub interface: Ipv4Addr,
}

impl Default for Multicast {
    fn default() -> Self {
        Self { groups: Vec::new(), interface: Ipv4Addr::UNSPECIFIED }
    }
}

/// One diode.
#[derive(Debug)]
pub struct DiodeConfig {
    /// Number of the diode, as in its site file.
    pub id: DiodeId,
    /// Name used in every output.
    pub name: Arc<str>,
    /// The secrets that it shares with this receiver, with the times at which they are good.
    pub keys: Vec<KeyConfig>,
    /// SHA-256 of the image that it should run; `None` leaves it unchecked.
    pub expected_image: Option<[u8; 32]>,
    /// The lowest version of an image that raises no alarm.
    pub image_version_min: u32,
    /// What to do about another image.
    pub on_mismatch: OnMismatch,
    /// After how long without a frame it counts as silent, which is an alarm.
    pub silent_after_us: u64,
    /// What its TPM should attest; `None` leaves it unchecked.
    pub attestation: Option<Expected>,
}

/// A key, and when boots may begin with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyConfig {
    /// The key.
    pub key: DiodeKey,
    /// From when on, in microseconds since 1970.
    pub from_us: u64,
    /// Until when.
    pub until_us: u64,
}

/// What to do about a boot that runs another image than expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMismatch {
    /// Raise an alarm and pass its records on.
    Alarm,
    /// Raise an alarm and pass nothing of that boot on.
    Refuse,
}

/// The JSON Lines sink.
#[derive(Debug)]
pub struct JsonLinesConfig {
    /// The file that lines are appended to; `None` is standard output.
    pub path: Option<PathBuf>,
    /// Whether each beacon is a line too.
    pub beacons: bool,
}

/// Where files, or the bytes of streams, are put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectsConfig {
    /// The directory; each diode has a folder in it.
    pub directory: PathBuf,
    /// Bytes of all files that a diode may be sending at once, or of one stream.
    pub bytes_max: u64,
}

/// The MQTT sink.
#[derive(Clone)]
pub struct MqttConfig {
    /// Host name or address of the broker.
    pub host: String,
    /// TCP port of the broker.
    pub port: u16,
    /// First levels of every topic.
    pub topic_prefix: String,
    /// Client identifier; unique per broker.
    pub client_id: String,
    /// User name and password, if the broker wants them.
    pub credentials: Option<(String, String)>,
    /// Whether records are sent with QoS 1; otherwise 0.
    pub acknowledged: bool,
    /// Messages that wait for the broker at most; the oldest unsent go first.
    pub queue_max: usize,
}

impl fmt::Debug for MqttConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MqttConfig({}:{}, {}, ..)", self.host, self.port, self.topic_prefix)
    }
}

/// Bounds on memory and waiting.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bounds of the protocol.
    pub link: ReceiverConfig,
    /// How long a record waits for the name of its source.
    pub name_wait_us: u64,
    /// Records per boot that wait for a name, and as many that wait for the image check.
    pub waiting_records_max: usize,
    /// Bytes of parts of streams and files that wait for the image check, per boot.
    pub waiting_bytes_max: usize,
    /// Bytes of parts of streams and files that wait for the disk.
    pub object_queue_bytes_max: usize,
    /// Bytes of UDP receive buffer that the kernel is asked for.
    pub receive_buffer_bytes: usize,
}

/// What is wrong with a configuration, and where.
#[derive(Debug)]
pub struct ConfigError {
    file: String,
    line_column: Option<(usize, usize)>,
    what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line_column {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the file and the secrets that it names, which are looked for relative to it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let error = |what| ConfigError { file: file.clone(), line_column: None, what };
        let bytes = std::fs::read(path).map_err(|why| error(format!("cannot be read: {why}")))?;
        let text =
            String::from_utf8(bytes).map_err(|_| error("is not UTF-8 text; save it as UTF-8".to_owned()))?;
        Self::parse(&text, &file, path.parent().unwrap_or(Path::new(".")))
    }

    /// Reads `text`; `file` serves error messages, `folder` is where relative paths start.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, ConfigError> {
        Document::parse(text).and_then(|document| document.check(folder)).map_err(|Spot { at, what }| {
            ConfigError { file: file.to_owned(), line_column: at.map(|at| position(text, at)), what }
        })
    }
}

/// Line and column, both from 1, of a byte offset.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
