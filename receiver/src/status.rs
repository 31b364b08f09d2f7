//! The status: what the daemon says of itself, once a second and at its end.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use noreturn_link::receiver::ReceiverCounters;
use serde::Serialize;

use crate::attestation::Fault;
use crate::counters::SharedCounters;
use crate::disk::regular::{self, Links};
use crate::engine::{DiodeState, Engine};
use crate::json;
use crate::rfc3339;

/// Everything in one object; `docs/receiver.md` lists the fields.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Status {
    /// Address and port that frames are read from.
    pub listen: String,
    /// When the daemon started.
    pub started_unix_us: u64,
    /// Records passed on.
    pub records: u64,
    /// Gaps passed on.
    pub gaps: u64,
    /// Records that these gaps speak for.
    pub records_missing: u64,
    /// Records that parity brought back, of those passed on.
    pub recovered: u64,
    /// Records that came late, of those passed on; each fills a place that a gap had spoken for, or came from history.
    pub delayed: u64,
    /// Frames accepted.
    pub frames: u64,
    /// Frames of the boots heard that never came.
    pub frames_missing: u64,
    /// Datagrams refused.
    pub refused: u64,
    /// When the first record was passed on.
    pub first_record_unix_us: Option<u64>,
    /// The diodes in the order of their numbers.
    pub diodes: Vec<DiodeStatus>,
    /// Every counter of the daemon.
    pub counters: BTreeMap<&'static str, u64>,
}

/// One diode.
#[derive(Clone, Debug, Serialize)]
pub struct DiodeStatus {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The boot that started last.
    pub boot: Option<String>,
    /// When it was heard last: a frame that was accepted, of that boot.
    pub last_heard: Option<String>,
    /// The same in microseconds since 1970.
    pub last_heard_us: Option<u64>,
    /// The same in seconds before this status.
    pub last_heard_s_ago: Option<u64>,
    /// Whether that is too long ago, or it has not been heard for too long since the start.
    pub silent: bool,
    /// `match`, `mismatch`, `unchecked` or `unknown`.
    pub image_check: &'static str,
    /// Whether its records are withheld.
    pub image_refused: bool,
    /// `match`, `mismatch`, `unchecked` or `unknown`: what its TPM attests.
    pub attestation_check: &'static str,
    /// Why it is a mismatch, if it is: `missing`, `failed`, `late`, `key`, `forged`, `other-boot`, `old` or `registers`.
    pub attestation_fault: Option<&'static str>,
    /// SHA-256 of the public area of the key that signs its quotes.
    pub attestation_key_sha256: Option<String>,
    /// SHA-256 of the image that it runs, by its latest beacon.
    pub image_sha256: Option<String>,
    /// Version of the image that it runs.
    pub image_version: Option<u32>,
    /// Whether that is below what was heard of it before, or below `image_version_min`.
    pub image_downgrade: bool,
    /// Whether the machine itself keeps older images from being started: `none`, `kept` or `failed`.
    pub floor_memory: Option<&'static str>,
    /// SHA-256 of its configuration, by its latest beacon.
    pub config_sha256: Option<String>,
    /// How often its TPM was reset, by its latest beacon; nothing also if it has none.
    pub reset_count: Option<u32>,
    /// How long it has been up, by its latest beacon.
    pub uptime_us: Option<u64>,
    /// Where it has its time from, by its latest beacon.
    pub time_source: Option<&'static str>,
    /// How far off its clock may be, by its latest beacon; nothing also if the box does not know.
    pub time_uncertainty_us: Option<u64>,
    /// How the boot before that one ended, by its latest beacon.
    pub last_stop: Option<String>,
    /// What resets it if it stalls, by its latest beacon.
    pub watchdog: Option<&'static str>,
    /// What keeps its cards from memory that is not theirs, by its latest beacon.
    pub dma_fence: Option<&'static str>,
}

impl DiodeStatus {
    /// A diode's state, `now_us` after the daemon started.
    fn new(state: &DiodeState, now_us: u64) -> Self {
        let heard_us = state.heard.map(|heard| heard.unix_us);
        let beacon = state.beacon.as_deref();
        Self {
            id: state.id.0,
            name: state.name.to_string(),
            boot: state.boot.map(|boot| boot.to_string()),
            last_heard: heard_us.and_then(rfc3339::format),
            last_heard_us: heard_us,
            last_heard_s_ago: state.heard.map(|heard| now_us.saturating_sub(heard.us) / 1_000_000),
            silent: state.silent,
            image_check: state.check.word(),
            image_refused: state.refused,
            attestation_check: state.attestation.check.word(),
            attestation_fault: state.attestation.check.fault().map(Fault::word),
            attestation_key_sha256: state.attestation.key.as_ref().map(json::hex),
            image_sha256: beacon.map(|beacon| json::hex(&beacon.image_sha256)),
            image_version: state.version.map(|version| version.release.version),
            image_downgrade: state.version.is_some_and(|version| version.is_downgrade()),
            floor_memory: state.version.map(|version| version.release.memory.name()),
            config_sha256: beacon.map(|beacon| json::hex(&beacon.config_sha256)),
            reset_count: beacon.and_then(|beacon| beacon.reset_count),
            uptime_us: beacon.map(|beacon| beacon.uptime_us),
            time_source: beacon.map(|beacon| beacon.clock.source.name()),
            time_uncertainty_us: beacon.and_then(|beacon| beacon.clock.uncertainty_us),
            last_stop: beacon.map(|beacon| beacon.last_stop.to_string()),
            watchdog: beacon.map(|beacon| beacon.watchdog.name()),
            dma_fence: beacon.map(|beacon| beacon.dma_fence.name()),
        }
    }
}

impl Status {
    /// Fills in what protocol, engine and sinks have counted, `now_us` after the daemon started.
    #[must_use]
    pub fn with_counters(
        &self,
        link: &ReceiverCounters,
        engine: &Engine,
        shared: &SharedCounters,
        now_us: u64,
    ) -> Self {
        let passed = engine.counters();
        let refused = link.named().filter(|(name, _)| name.starts_with("refused_"));
        Self {
            listen: self.listen.clone(),
            started_unix_us: self.started_unix_us,
            records: passed.records_passed,
            gaps: passed.gaps_passed,
            records_missing: passed.records_missing_passed,
            recovered: passed.records_passed_recovered,
            delayed: passed.records_passed_delayed,
            frames: link.data_frames + link.parity_frames + link.beacon_frames,
            frames_missing: link.frames_missing,
            refused: refused.map(|(_, count)| count).sum(),
            first_record_unix_us: self.first_record_unix_us,
            diodes: engine.diodes().iter().map(|state| DiodeStatus::new(state, now_us)).collect(),
            counters: link.named().chain(passed.named()).chain(shared.named()).collect(),
        }
    }

    /// The status as one line of JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        String::from_utf8_lossy(&json::to_vec(self)).into_owned()
    }

    /// Replaces the file at `path`, so that a reader sees the old status or the new one. No link is followed, and nothing is replaced
    /// but a regular file.
    ///
    /// # Errors
    /// The folder is missing, full, or not writable, or something else than a regular file lies there.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        regular::check(path, Links::Refused)?;
        let mut file = regular::create(&beside)?;
        file.write_all((self.to_line() + "\n").as_bytes())?;
        std::fs::rename(&beside, path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn the_summary_follows_no_link_and_replaces_nothing_but_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let [victim, summary, beside] =
            ["victim", "summary.json", "summary.json.new"].map(|name| folder.path().join(name));
        fs::write(&victim, "precious").unwrap();
        for planted in [&beside, &summary] {
            symlink(&victim, planted).unwrap();
            let error = Status::default().write_to(&summary).unwrap_err().to_string();
            assert!(error.contains("a symbolic link, which is not followed here"), "{error}");
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "through {}", planted.display());
            assert!(fs::symlink_metadata(planted).unwrap().is_symlink());
            fs::remove_file(planted).unwrap();
        }
        fs::write(&beside, "left by a crash").unwrap();
        Status::default().write_to(&summary).unwrap();
        assert!(fs::read_to_string(&summary).unwrap().starts_with("{\"listen\":"));
        assert!(!beside.exists());
        for planted in [&beside, &summary] {
            let _ = fs::remove_file(planted);
            mknodat(CWD, planted, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            let error = Status::default().write_to(&summary).unwrap_err().to_string();
            assert!(error.contains("a named pipe"), "{error}");
            fs::remove_file(planted).unwrap();
        }
    }
}
