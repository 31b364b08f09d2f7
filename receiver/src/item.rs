//! What leaves the engine for the sinks.

use std::sync::Arc;

use noreturn_link::Arrival;
use noreturn_wire::{Beacon, BootId, Record, Release};

use crate::attestation::Finding;
use crate::objects::{FileReport, StreamReport};

/// One boot of one diode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Configured name of the diode.
    pub diode: Arc<str>,
    /// The boot.
    pub boot: BootId,
    /// The boot as text, since every record carries it.
    pub boot_text: String,
}

impl Origin {
    /// `boot` of the diode called `diode`.
    #[must_use]
    pub fn new(diode: Arc<str>, boot: BootId) -> Self {
        Self { diode, boot, boot_text: boot.to_string() }
    }
}

/// What a record is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Number of the source within its site.
    pub number: u32,
    /// Name that the box announced, or `source/<number>` if none came in time.
    pub tag: String,
    /// Engineering unit, or nothing.
    pub unit: String,
}

/// How the image that a boot runs compares with the one that was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImageCheck {
    /// No beacon has come yet.
    Unknown,
    /// The configuration expects nothing.
    Unchecked,
    /// As expected.
    Match,
    /// Another image.
    Mismatch,
}

impl ImageCheck {
    /// The word used in every output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Unchecked => "unchecked",
            Self::Match => "match",
            Self::Mismatch => "mismatch",
        }
    }
}

/// The outcome of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What came out.
    pub check: ImageCheck,
    /// SHA-256 of the image that the box says it runs.
    pub image_sha256: [u8; 32],
    /// SHA-256 of the image that was expected.
    pub expected: Option<[u8; 32]>,
    /// Whether records of this boot are withheld because of it.
    pub refused: bool,
}

/// Which version of its image a boot runs, and which it should at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// What the box says.
    pub release: Release,
    /// The highest version that was heard of this diode, or that the configuration asks for.
    pub at_least: u32,
}

impl Version {
    /// Whether the image is older than it should be.
    #[must_use]
    pub const fn is_downgrade(&self) -> bool {
        self.release.version < self.at_least
    }
}

/// A diode that has been silent for too long, or is heard again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Silence {
    /// Configured name of the diode.
    pub diode: Arc<str>,
    /// The boot that was heard last, if any was.
    pub boot: Option<BootId>,
    /// Whether it is silent now.
    pub is_silent: bool,
    /// For how long it has been, or had been when it was heard again.
    pub silent_us: u64,
    /// When it was heard last before that, in microseconds since 1970.
    pub heard_unix_us: Option<u64>,
}

/// One thing that a sink writes down, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// The first authentic frame of a boot.
    Boot(Arc<Origin>),
    /// The image of a boot was compared; sent when the outcome is new.
    ImageCheck(Arc<Origin>, Verdict),
    /// Something that a person must look at.
    Alarm(Arc<Origin>, Verdict),
    /// The version of a boot's image; sent when it is new within the boot.
    Version(Arc<Origin>, Version),
    /// An older image than before, which a person must look at.
    VersionAlarm(Arc<Origin>, Version),
    /// The attestation of a boot was compared; sent when the outcome is new.
    Attestation(Arc<Origin>, Finding),
    /// A mismatch of the attestation, which a person must look at.
    AttestationAlarm(Arc<Origin>, Finding),
    /// A diode has been silent for too long, or is heard again.
    Silence(Arc<Silence>),
    /// A silence that a person must look at.
    SilenceAlarm(Arc<Silence>),
    /// State of the box, and the image check as of now.
    Beacon(Arc<Origin>, ImageCheck, Arc<Beacon>),
    /// A record, in order within its source unless it was delayed.
    Record {
        /// Boot that it belongs to.
        origin: Arc<Origin>,
        /// What it is called.
        source: Arc<Source>,
        /// The record.
        record: Record,
        /// How it came.
        arrival: Arrival,
    },
    /// Records that did not come in time; each may still come, delayed.
    Gap {
        /// Boot that they belong to.
        origin: Arc<Origin>,
        /// What they are called.
        source: Arc<Source>,
        /// First missing sequence number.
        first: u64,
        /// Last missing sequence number.
        last: u64,
    },
    /// What became of a file.
    File(Arc<FileReport>),
    /// What happened to a stream.
    Stream(Arc<StreamReport>),
}
