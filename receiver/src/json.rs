//! JSON of items: lines for files, payloads for MQTT.

mod attestation;
mod beacon;
mod objects;
mod silence;
#[cfg(test)]
mod tests;
mod version;

use std::borrow::Cow;

use noreturn_link::Arrival;
use noreturn_wire::{Quality, Record, Value};
use serde::{Serialize, Serializer};

use crate::item::{ImageCheck, Item, Origin, Source, Verdict};
use crate::rfc3339;
use attestation::FindingJson;
pub use attestation::attestation_payload;
pub use beacon::BeaconJson;
use objects::{FileJson, StreamJson};
use silence::SilenceJson;
pub use silence::silence_payload;
use version::VersionJson;
pub use version::version_payload;

/// One line of a JSON Lines file.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Record {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        tag: &'a str,
        source: u32,
        sequence: u64,
        #[serde(flatten)]
        measured: Measured,
        unit: &'a str,
        recovered: bool,
        delayed: bool,
    },
    Gap {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        tag: &'a str,
        source: u32,
        first: u64,
        last: u64,
    },
    Boot {
        #[serde(flatten)]
        origin: OriginJson<'a>,
    },
    ImageCheck {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        #[serde(flatten)]
        verdict: VerdictJson,
    },
    Alarm {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        alarm: &'static str,
        #[serde(flatten)]
        verdict: VerdictJson,
    },
    ImageVersion {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        #[serde(flatten)]
        version: VersionJson,
    },
    #[serde(rename = "alarm")]
    VersionAlarm {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        alarm: &'static str,
        #[serde(flatten)]
        version: VersionJson,
    },
    Attestation {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        #[serde(flatten)]
        finding: FindingJson,
    },
    #[serde(rename = "alarm")]
    AttestationAlarm {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        alarm: &'static str,
        #[serde(flatten)]
        finding: FindingJson,
    },
    Silence {
        #[serde(flatten)]
        silence: SilenceJson<'a>,
    },
    #[serde(rename = "alarm")]
    SilenceAlarm {
        alarm: &'static str,
        #[serde(flatten)]
        silence: SilenceJson<'a>,
    },
    Beacon {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        #[serde(flatten)]
        state: BeaconJson,
    },
    File {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        #[serde(flatten)]
        file: FileJson<'a>,
    },
    Stream {
        #[serde(flatten)]
        origin: OriginJson<'a>,
        #[serde(flatten)]
        stream: StreamJson<'a>,
    },
    Dropped {
        records: u64,
        gaps: u64,
        others: u64,
        #[serde(rename = "where")]
        place: &'a str,
    },
}

#[derive(Serialize)]
struct OriginJson<'a> {
    diode: &'a str,
    boot: &'a str,
}

impl<'a> From<&'a Origin> for OriginJson<'a> {
    fn from(origin: &'a Origin) -> Self {
        Self { diode: &origin.diode, boot: &origin.boot_text }
    }
}

/// Time, quality and value of a record.
#[derive(Serialize)]
struct Measured {
    acquired: Option<String>,
    acquired_us: u64,
    time_source: &'static str,
    time_uncertainty_us: Option<u64>,
    quality: Cow<'static, str>,
    #[serde(serialize_with = "value")]
    value: Value,
}

impl From<&Record> for Measured {
    fn from(record: &Record) -> Self {
        Self {
            acquired: rfc3339::format(record.acquired_us),
            acquired_us: record.acquired_us,
            time_source: record.time_quality.source().name(),
            time_uncertainty_us: record.time_quality.uncertainty_us(),
            quality: quality(record),
            value: record.value,
        }
    }
}

#[derive(Serialize)]
struct VerdictJson {
    image_check: &'static str,
    image_sha256: String,
    expected_image_sha256: Option<String>,
    refused: bool,
}

impl From<&Verdict> for VerdictJson {
    fn from(verdict: &Verdict) -> Self {
        Self {
            image_check: verdict.check.word(),
            image_sha256: hex(&verdict.image_sha256),
            expected_image_sha256: verdict.expected.as_ref().map(hex),
            refused: verdict.refused,
        }
    }
}

/// What was lost on the way to a sink.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Lost {
    /// Records.
    pub records: u64,
    /// Gaps.
    pub gaps: u64,
    /// Everything else.
    pub others: u64,
}

impl Lost {
    /// Counts one item.
    pub fn count(&mut self, item: &Item) {
        match item {
            Item::Record { .. } => self.records += 1,
            Item::Gap { .. } => self.gaps += 1,
            _ => self.others += 1,
        }
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Appends the line of an item, newline included.
pub fn append_line(item: &Item, lines: &mut Vec<u8>) {
    let line = match item {
        Item::Boot(origin) => Line::Boot { origin: (&**origin).into() },
        Item::ImageCheck(origin, verdict) => {
            Line::ImageCheck { origin: (&**origin).into(), verdict: verdict.into() }
        }
        Item::Alarm(origin, verdict) => {
            Line::Alarm { origin: (&**origin).into(), alarm: "image-mismatch", verdict: verdict.into() }
        }
        Item::Version(origin, version) => {
            Line::ImageVersion { origin: (&**origin).into(), version: version.into() }
        }
        Item::VersionAlarm(origin, version) => {
            Line::VersionAlarm { origin: (&**origin).into(), alarm: version::ALARM, version: version.into() }
        }
        Item::Attestation(origin, finding) => {
            Line::Attestation { origin: (&**origin).into(), finding: finding.into() }
        }
        Item::AttestationAlarm(origin, finding) => Line::AttestationAlarm {
            origin: (&**origin).into(),
            alarm: attestation::ALARM,
            finding: finding.into(),
        },
        Item::Silence(silence) => Line::Silence { silence: (&**silence).into() },
        Item::SilenceAlarm(silence) => {
            Line::SilenceAlarm { alarm: silence::ALARM, silence: (&**silence).into() }
        }
        Item::Beacon(origin, check, beacon) => {
            Line::Beacon { origin: (&**origin).into(), state: BeaconJson::new(*check, beacon) }
        }
        Item::Record { origin, source, record, arrival } => Line::Record {
            origin: (&**origin).into(),
            tag: &source.tag,
            source: source.number,
            sequence: record.sequence,
            measured: record.into(),
            unit: &source.unit,
            recovered: *arrival == Arrival::Parity,
            delayed: *arrival == Arrival::Delayed,
        },
        Item::Gap { origin, source, first, last } => Line::Gap {
            origin: (&**origin).into(),
            tag: &source.tag,
            source: source.number,
            first: *first,
            last: *last,
        },
        Item::File(report) => Line::File { origin: (&*report.origin).into(), file: (&**report).into() },
        Item::Stream(report) => Line::Stream { origin: (&*report.origin).into(), stream: (&**report).into() },
    };
    append(&line, lines);
}

/// Appends the line that tells of a loss on the way to this sink.
pub fn append_lost(lost: Lost, place: &str, lines: &mut Vec<u8>) {
    append(&Line::Dropped { records: lost.records, gaps: lost.gaps, others: lost.others, place }, lines);
}

/// The MQTT payload of a record.
#[must_use]
pub fn record_payload(origin: &Origin, source: &Source, record: &Record, arrival: Arrival) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'a> {
        #[serde(flatten)]
        measured: Measured,
        sequence: u64,
        unit: &'a str,
        boot: &'a str,
        delayed: bool,
    }
    to_vec(&Payload {
        delayed: arrival == Arrival::Delayed,
        measured: record.into(),
        sequence: record.sequence,
        unit: &source.unit,
        boot: &origin.boot_text,
    })
}

/// The MQTT payload of a gap.
#[must_use]
pub fn gap_payload(origin: &Origin, source: &Source, first: u64, last: u64) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'a> {
        tag: &'a str,
        source: u32,
        first: u64,
        last: u64,
        boot: &'a str,
    }
    to_vec(&Payload { tag: &source.tag, source: source.number, first, last, boot: &origin.boot_text })
}

/// The MQTT payload of an image check: an alarm, or its end.
#[must_use]
pub fn alarm_payload(origin: &Origin, verdict: &Verdict) -> Vec<u8> {
    let alarm = (verdict.check == ImageCheck::Mismatch).then_some("image-mismatch");
    finding_payload(origin, alarm, &VerdictJson::from(verdict))
}

/// The MQTT payload of something that may be an alarm.
fn finding_payload(origin: &Origin, alarm: Option<&'static str>, finding: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'a, F> {
        active: bool,
        alarm: Option<&'static str>,
        boot: &'a str,
        #[serde(flatten)]
        finding: &'a F,
    }
    to_vec(&Payload { active: alarm.is_some(), alarm, boot: &origin.boot_text, finding })
}

/// Any value as JSON text.
#[must_use]
pub fn to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(value, &mut bytes);
    bytes.truncate(bytes.len().saturating_sub(1));
    bytes
}

/// 64 lower-case hexadecimal digits.
#[must_use]
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn append(value: &impl Serialize, bytes: &mut Vec<u8>) {
    // Only maps with keys that are no strings and failing writers make this fail; here are neither.
    let written = serde_json::to_writer(&mut *bytes, value);
    debug_assert!(written.is_ok());
    bytes.push(b'\n');
}

fn quality(record: &Record) -> Cow<'static, str> {
    match record.quality {
        // JSON has no notation for it, and null alone would look like a value that was not acquired.
        Quality::Good if matches!(record.value, Value::F64(number) if !number.is_finite()) => {
            "not-finite".into()
        }
        Quality::Good => "good".into(),
        Quality::Bad(fault) => fault.to_string().into(),
    }
}

fn value<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::F64(number) if number.is_finite() => serializer.serialize_f64(*number),
        Value::None | Value::F64(_) => serializer.serialize_unit(),
        Value::Bool(bool) => serializer.serialize_bool(*bool),
        Value::I64(number) => serializer.serialize_i64(*number),
        Value::U64(number) => serializer.serialize_u64(*number),
    }
}
