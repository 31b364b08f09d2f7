//! The file as it is written, and the step from there to a checked [`Config`].

mod attestation;
mod keys;
mod multicast;
mod objects;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use noreturn_link::ReceiverConfig;
use noreturn_wire::DiodeId;
use serde::Deserialize;
use toml::Spanned;

use super::{Config, DiodeConfig, JsonLinesConfig, Limits, MqttConfig, OnMismatch, secret};

/// What is wrong, at which byte of the text.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) at: Option<usize>,
    pub(super) what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    listen: Spanned<String>,
    multicast: Option<Spanned<Vec<Spanned<String>>>>,
    multicast_interface: Option<Spanned<String>>,
    state_directory: Option<Spanned<String>>,
    #[serde(default)]
    diode: Vec<DiodeTable>,
    json_lines: Option<JsonLinesTable>,
    mqtt: Option<MqttTable>,
    files: Option<objects::ObjectsTable>,
    streams: Option<objects::ObjectsTable>,
    #[serde(default)]
    limits: LimitsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DiodeTable {
    id: Spanned<u32>,
    name: Spanned<String>,
    key_file: Option<Spanned<String>>,
    #[serde(default)]
    key: Vec<keys::KeyTable>,
    expected_image_sha256: Option<Spanned<String>>,
    on_mismatch: Option<Spanned<OnMismatch>>,
    #[serde(default)]
    image_version_min: u32,
    silent_after_ms: Option<Spanned<u64>>,
    attestation: Option<attestation::AttestationTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLinesTable {
    path: Spanned<String>,
    #[serde(default)]
    beacons: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MqttTable {
    broker: Spanned<String>,
    topic_prefix: Option<Spanned<String>>,
    client_id: Option<Spanned<String>>,
    username: Option<Spanned<String>>,
    password_file: Option<Spanned<String>>,
    qos: Option<Spanned<u8>>,
    queue_max: Option<Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    hold_ms: Option<Spanned<u64>>,
    shard_bytes_max: Option<Spanned<u64>>,
    held_records_max: Option<Spanned<u64>>,
    sources_max: Option<Spanned<u64>>,
    boots_per_diode_max: Option<Spanned<u64>>,
    name_wait_ms: Option<Spanned<u64>>,
    waiting_records_max: Option<Spanned<u64>>,
    waiting_bytes_max: Option<Spanned<u64>>,
    object_queue_bytes_max: Option<Spanned<u64>>,
    receive_buffer_bytes: Option<Spanned<u64>>,
}

/// A complaint about a value.
fn wrong<T>(value: &Spanned<T>, what: impl Into<String>) -> Spot {
    Spot { at: Some(value.span().start), what: what.into() }
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, Spot> {
        toml::from_str(text).map_err(|error| Spot {
            at: error.span().map(|span| span.start),
            what: error.message().replace('\n', ", "),
        })
    }

    pub(super) fn check(self, folder: &Path) -> Result<Config, Spot> {
        let mut warnings = Vec::new();
        let listen: SocketAddr = self.listen.get_ref().parse().map_err(|_| {
            let found = self.listen.get_ref();
            wrong(
                &self.listen,
                format!("listen: \"{found}\" is not an address and port such as \"0.0.0.0:4100\""),
            )
        })?;
        let multicast = multicast::check((&self.listen, listen), self.multicast, self.multicast_interface)?;
        let diodes = check_diodes(self.diode, folder, &mut warnings)?;
        let json_lines = self.json_lines.map(|table| table.check(folder)).transpose()?;
        let mqtt = self.mqtt.map(|table| table.check(folder, &mut warnings)).transpose()?;
        let (files, streams) = objects::check(self.files, self.streams, folder)?;
        let state_directory = self.state_directory.map(|directory| folder.join(directory.into_inner()));
        if state_directory.is_none() {
            warnings.push(
                "no state_directory: after a restart, frames that were received before could be replayed, and records \
                 that the boxes send again are delivered again"
                    .to_owned(),
            );
        }
        if json_lines.is_none() && mqtt.is_none() {
            warnings
                .push("neither [json_lines] nor [mqtt] is configured: records are only counted".to_owned());
        }
        Ok(Config {
            listen,
            multicast,
            state_directory,
            diodes,
            json_lines,
            mqtt,
            files,
            streams,
            limits: self.limits.check()?,
            warnings,
        })
    }
}

fn check_diodes(
    tables: Vec<DiodeTable>,
    folder: &Path,
    warnings: &mut Vec<String>,
) -> Result<Vec<DiodeConfig>, Spot> {
    if tables.is_empty() {
        return Err(Spot { at: None, what: "no diode: expected at least one [[diode]] table".to_owned() });
    }
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut diodes = Vec::new();
    for table in tables {
        if !ids.insert(*table.id.get_ref()) {
            return Err(wrong(&table.id, format!("diode.id: {} is used twice", table.id.get_ref())));
        }
        if !names.insert(table.name.get_ref().clone()) {
            return Err(wrong(
                &table.name,
                format!("diode.name: \"{}\" is used twice", table.name.get_ref()),
            ));
        }
        diodes.push(table.check(folder, warnings)?);
    }
    Ok(diodes)
}

impl DiodeTable {
    fn check(self, folder: &Path, warnings: &mut Vec<String>) -> Result<DiodeConfig, Spot> {
        let name = self.name.get_ref();
        if !is_topic_level(name) || name.starts_with('$') {
            return Err(wrong(
                &self.name,
                format!(
                    "diode.name: \"{}\" is not 1 to 64 bytes without \"/\", \"+\", \"#\", leading \"$\" and control characters",
                    name.escape_debug()
                ),
            ));
        }
        let keys = keys::check(&self.name, self.key_file.as_ref(), &self.key, folder, warnings)?;
        Ok(DiodeConfig {
            id: DiodeId(*self.id.get_ref()),
            name: name.as_str().into(),
            keys,
            expected_image: self.expected_image()?,
            image_version_min: self.image_version_min,
            attestation: self.attestation.as_ref().map(attestation::AttestationTable::check).transpose()?,
            on_mismatch: self.on_mismatch.map_or(OnMismatch::Alarm, Spanned::into_inner),
            silent_after_us: 1000
                * bounded(
                    "diode.silent_after_ms",
                    self.silent_after_ms.as_ref(),
                    10_000,
                    1_000..=604_800_000,
                )?,
        })
    }

    fn expected_image(&self) -> Result<Option<[u8; 32]>, Spot> {
        match (&self.expected_image_sha256, &self.on_mismatch) {
            (None, Some(on_mismatch)) if *on_mismatch.get_ref() == OnMismatch::Refuse => Err(wrong(
                on_mismatch,
                "diode.on_mismatch: \"refuse\" needs expected_image_sha256, or there is nothing to compare with",
            )),
            (None, _) => Ok(None),
            (Some(digits), _) => match secret::parse_hex(digits.get_ref()) {
                Some(digest) => Ok(Some(digest)),
                None => Err(wrong(
                    digits,
                    "diode.expected_image_sha256: expected exactly 64 hexadecimal digits, as `scripts/build` prints them",
                )),
            },
        }
    }
}

impl JsonLinesTable {
    fn check(self, folder: &Path) -> Result<JsonLinesConfig, Spot> {
        let path = match self.path.get_ref().as_str() {
            "" => {
                return Err(wrong(
                    &self.path,
                    "json_lines.path: expected a file, or \"-\" for standard output",
                ));
            }
            "-" => None,
            path => Some(folder.join(path)),
        };
        Ok(JsonLinesConfig { path, beacons: self.beacons })
    }
}

impl MqttTable {
    fn check(self, folder: &Path, warnings: &mut Vec<String>) -> Result<MqttConfig, Spot> {
        let (host, port) = self.broker()?;
        let topic_prefix = self.topic_prefix()?;
        let password_path = self.password_file.as_ref().map(|file| folder.join(file.get_ref()));
        let credentials = self.credentials(password_path.as_ref())?;
        warnings.extend(password_path.iter().filter_map(|path| secret::exposure(path)));
        let acknowledged = match self.qos.as_ref().map(Spanned::get_ref) {
            None | Some(1) => true,
            Some(0) => false,
            Some(other) => {
                return Err(optional_wrong(&self.qos, format!("mqtt.qos: found {other}, expected 0 or 1")));
            }
        };
        let client_id = self.client_id.map_or_else(default_client_id, Spanned::into_inner);
        let queue_max = bounded("mqtt.queue_max", self.queue_max.as_ref(), 100_000, 1..=10_000_000)?;
        let queue_max = to_usize(queue_max);
        Ok(MqttConfig { host, port, topic_prefix, client_id, credentials, acknowledged, queue_max })
    }

    fn broker(&self) -> Result<(String, u16), Spot> {
        let broker = self.broker.get_ref();
        let parts = broker.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() && port != 0 => {
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                Ok((host.to_owned(), port))
            }
            _ => Err(wrong(
                &self.broker,
                format!("mqtt.broker: \"{broker}\" is not a host and port such as \"127.0.0.1:1883\""),
            )),
        }
    }

    fn topic_prefix(&self) -> Result<String, Spot> {
        let Some(prefix) = &self.topic_prefix else { return Ok("noreturn".to_owned()) };
        let levels = prefix.get_ref();
        if levels.len() <= 256 && levels.split('/').all(is_topic_level) && !levels.starts_with('$') {
            return Ok(levels.clone());
        }
        Err(wrong(
            prefix,
            "mqtt.topic_prefix: expected at most 256 bytes in levels separated by \"/\", none of them empty, without \"+\", \"#\", leading \"$\" and control characters",
        ))
    }

    fn credentials(&self, password_path: Option<&PathBuf>) -> Result<Option<(String, String)>, Spot> {
        match (&self.username, &self.password_file, password_path) {
            (None, Some(file), _) => Err(wrong(file, "mqtt.password_file: needs mqtt.username beside it")),
            (Some(username), Some(file), Some(path)) => {
                let password = secret::read_password(path)
                    .map_err(|what| wrong(file, format!("mqtt.password_file: {what}")))?;
                Ok(Some((username.get_ref().clone(), password)))
            }
            (Some(username), ..) => Ok(Some((username.get_ref().clone(), String::new()))),
            (None, None, _) => Ok(None),
        }
    }
}

impl LimitsTable {
    fn check(self) -> Result<Limits, Spot> {
        let link = ReceiverConfig::default();
        let size = |name, value: Option<Spanned<u64>>, default: usize, max| {
            bounded(name, value.as_ref(), default as u64, 1..=max).map(to_usize)
        };
        let wait = |name, value: Option<Spanned<u64>>, default| {
            bounded(name, value.as_ref(), default, 1..=3_600_000).map(|wait_ms| wait_ms * 1000)
        };
        Ok(Limits {
            link: ReceiverConfig {
                hold_us: wait("limits.hold_ms", self.hold_ms, link.hold_us / 1000)?,
                shard_bytes_max: size(
                    "limits.shard_bytes_max",
                    self.shard_bytes_max,
                    link.shard_bytes_max,
                    1 << 32,
                )?,
                held_records_max: size(
                    "limits.held_records_max",
                    self.held_records_max,
                    link.held_records_max,
                    1 << 24,
                )?,
                sources_max: size("limits.sources_max", self.sources_max, link.sources_max, 1 << 20)?,
                sessions_per_diode_max: size(
                    "limits.boots_per_diode_max",
                    self.boots_per_diode_max,
                    link.sessions_per_diode_max,
                    64,
                )?,
                ..link
            },
            name_wait_us: wait("limits.name_wait_ms", self.name_wait_ms, 30_000)?,
            waiting_records_max: size(
                "limits.waiting_records_max",
                self.waiting_records_max,
                65_536,
                1 << 24,
            )?,
            waiting_bytes_max: size("limits.waiting_bytes_max", self.waiting_bytes_max, 16 << 20, 1 << 32)?,
            object_queue_bytes_max: size(
                "limits.object_queue_bytes_max",
                self.object_queue_bytes_max,
                64 << 20,
                1 << 36,
            )?,
            receive_buffer_bytes: size(
                "limits.receive_buffer_bytes",
                self.receive_buffer_bytes,
                16 << 20,
                1 << 30,
            )?,
        })
    }
}

fn bounded(
    name: &str,
    value: Option<&Spanned<u64>>,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64, Spot> {
    match value {
        None => Ok(default),
        Some(value) if range.contains(value.get_ref()) => Ok(*value.get_ref()),
        Some(value) => Err(wrong(
            value,
            format!("{name}: found {}, expected {} to {}", value.get_ref(), range.start(), range.end()),
        )),
    }
}

fn optional_wrong<T>(value: &Option<Spanned<T>>, what: String) -> Spot {
    Spot { at: value.as_ref().map(|value| value.span().start), what }
}

/// Every bound here fits; on a machine where it did not, the most that there is.
fn to_usize(bound: u64) -> usize {
    usize::try_from(bound).unwrap_or(usize::MAX)
}

/// Unique enough beside other receivers of one broker, and readable in its log.
fn default_client_id() -> String {
    format!("noreturn-receiver-{}", std::process::id())
}

fn is_topic_level(level: &str) -> bool {
    (1..=64).contains(&level.len())
        && level.chars().all(|c| !matches!(c, '/' | '+' | '#') && noreturn_site::is_plain(c))
}
