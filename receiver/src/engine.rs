//! From the protocol's events to what sinks write: image check, then names. No socket, no clock.
//!
//! ```text
//! Event ─▶ gate (refuse: records wait for the image check) ─▶ naming (records wait for a name) ─▶ Item
//!       └▶ gate (parts of streams and files wait in the same way) ─▶ Object
//! ```

mod counters;
mod gate;
mod naming;
mod objects;
mod silence;
#[cfg(test)]
pub mod tests;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use noreturn_link::Event;
use noreturn_link::receiver::{Arrival, EventKind};
use noreturn_wire::{Beacon, BootId, DiodeId, Record, SourceId};

use crate::attestation::{Check, Checker, Expected, Finding, Memory};
use crate::config::{DiodeConfig, Limits, OnMismatch};
use crate::item::{ImageCheck, Item, Origin, Verdict, Version};
use crate::objects::{Failure, Object, Part};
pub use counters::EngineCounters;
use gate::Gate;
use naming::Naming;
use objects::WaitingObjects;
pub use silence::Moment;
use version::Newest;

/// What is known of one source, before it has a name.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Entry {
    Record { record: Record, arrival: Arrival },
    Gap { source: SourceId, first: u64, last: u64 },
}

impl Entry {
    const fn source(&self) -> SourceId {
        match self {
            Self::Record { record, .. } => record.source,
            Self::Gap { source, .. } => *source,
        }
    }

    /// Sequence numbers that it speaks for, first and last.
    const fn range(&self) -> (u64, u64) {
        match self {
            Self::Record { record, .. } => (record.sequence, record.sequence),
            Self::Gap { first, last, .. } => (*first, *last),
        }
    }
}

/// What is known of a diode as of now.
#[derive(Clone, Debug)]
pub struct DiodeState {
    /// Number of the diode.
    pub id: DiodeId,
    /// Its name.
    pub name: Arc<str>,
    /// The boot that started last, if any was heard.
    pub boot: Option<BootId>,
    /// How its image compares.
    pub check: ImageCheck,
    /// Whether its records are withheld.
    pub refused: bool,
    /// How the version of its image compares, once a beacon has told it.
    pub version: Option<Version>,
    /// How its attestation compares.
    pub attestation: Finding,
    /// Its latest beacon.
    pub beacon: Option<Arc<Beacon>>,
    /// When it was heard last.
    pub heard: Option<Moment>,
    /// Whether that is too long ago.
    pub silent: bool,
}

/// The step from events to items, for all diodes.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    diodes: BTreeMap<DiodeId, Diode>,
    sessions: BTreeMap<(DiodeId, BootId), Session>,
    /// What is passed on of streams and files, until it is taken.
    objects: Vec<Object>,
    counters: EngineCounters,
}

#[derive(Debug)]
struct Diode {
    name: Arc<str>,
    expected: Option<[u8; 32]>,
    on_mismatch: OnMismatch,
    attestation: Option<Expected>,
    tpm: Memory,
    newest_version: Newest,
    newest: Option<BootId>,
    beacon: Option<Arc<Beacon>>,
    watch: silence::Watch,
}

/// One boot.
#[derive(Debug)]
struct Session {
    origin: Arc<Origin>,
    check: ImageCheck,
    version: Option<Version>,
    attested: Checker,
    gate: Gate,
    waiting_objects: WaitingObjects,
    naming: Naming,
}

impl Engine {
    /// An engine for the diodes of a configuration.
    #[must_use]
    pub fn new(diodes: &[DiodeConfig], limits: Limits) -> Self {
        let diodes = diodes.iter().map(|diode| (diode.id, Diode::new(diode))).collect();
        let counters = EngineCounters::default();
        Self { limits, diodes, sessions: BTreeMap::new(), objects: Vec::new(), counters }
    }

    /// Takes one event and appends what it leads to.
    pub fn handle_event(&mut self, event: Event, now_us: u64, out: &mut Vec<Item>) {
        let id = (event.diode, event.boot);
        let Some(diode) = self.diodes.get_mut(&event.diode) else { return };
        let limits = self.limits;
        let session = self.sessions.entry(id).or_insert_with(|| Session::new(diode, event.boot, &limits));
        let (counters, objects) = (&mut self.counters, &mut self.objects);
        match event.kind {
            EventKind::Started => {
                counters.boots += 1;
                (diode.newest, diode.beacon) = (Some(event.boot), None);
                out.push(Item::Boot(session.origin.clone()));
            }
            EventKind::Ended => {
                session.end(counters, out);
                session.waiting_objects.close(&session.origin, Failure::BootEnded, objects);
                self.sessions.remove(&id);
            }
            EventKind::Beacon(beacon) => {
                let beacon: Arc<Beacon> = beacon.into();
                session.handle_beacon(diode, &beacon, now_us, counters, out);
                session.handle_version(diode, &beacon, counters, out);
                session.handle_attestation(diode, &beacon, now_us, counters, out);
                session.waiting_objects.settle(&session.origin, &session.gate, counters, objects);
                if diode.newest == Some(event.boot) {
                    diode.beacon = Some(beacon);
                }
            }
            EventKind::Announced { source, name, unit } => {
                session.naming.announce(&session.origin, source, name, unit, counters, out);
            }
            EventKind::Record { record, arrival } => {
                session.handle_entry(Entry::Record { record, arrival }, now_us, counters, out);
            }
            EventKind::Gap { source, first, last } => {
                session.handle_entry(Entry::Gap { source, first, last }, now_us, counters, out);
            }
            EventKind::Stream { stream, sequence, step, .. } => {
                session.handle_part(Part::Stream { stream, sequence, step }, counters, objects);
            }
            EventKind::StreamGap { stream, first, last } => {
                session.handle_part(Part::StreamGap { stream, first, last }, counters, objects);
            }
            EventKind::StreamEvicted { stream } => {
                session.handle_part(Part::StreamEvicted { stream }, counters, objects);
            }
            EventKind::File { file, step } => {
                session.handle_part(Part::File { file, step }, counters, objects);
            }
        }
    }

    /// Lets time pass: what has waited too long for a name goes out without one, and who is silent for too long is told.
    pub fn handle_timeout(&mut self, now_us: u64, out: &mut Vec<Item>) {
        self.watch(now_us, out);
        for ((diode, boot), session) in &mut self.sessions {
            session.naming.handle_timeout(&session.origin, now_us, &mut self.counters, out);
            // Of a boot before that one no quote is due: the box makes none any more.
            let Some(diode) = self.diodes.get(diode).filter(|diode| diode.newest == Some(*boot)) else {
                continue;
            };
            let expected = diode.attestation.as_ref();
            let finding = session.attested.handle_timeout(expected, now_us);
            session.tell_attestation(finding, &mut self.counters, out);
        }
    }

    /// Ends every session, at the end of the daemon: nothing stays unaccounted for.
    pub fn close(&mut self, out: &mut Vec<Item>) {
        for session in self.sessions.values_mut() {
            session.end(&mut self.counters, out);
        }
    }

    /// What is to be written of streams and files since the last call.
    pub fn take_objects(&mut self) -> Vec<Object> {
        std::mem::take(&mut self.objects)
    }

    /// Whether nothing waits here: all that came has gone to the sinks.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.gates_are_empty() && self.sessions.values().all(|session| session.naming.is_empty())
    }

    /// Whether nothing waits for an image check.
    #[must_use]
    pub fn gates_are_empty(&self) -> bool {
        self.sessions.values().all(|session| session.gate.is_empty() && session.waiting_objects.is_empty())
    }

    /// Counters as of now.
    #[must_use]
    pub const fn counters(&self) -> EngineCounters {
        self.counters
    }

    /// The state of every diode, in the order of their numbers.
    #[must_use]
    pub fn diodes(&self) -> Vec<DiodeState> {
        self.diodes.iter().map(|(&id, diode)| self.state(id, diode)).collect()
    }

    fn state(&self, id: DiodeId, diode: &Diode) -> DiodeState {
        let session = diode.newest.and_then(|boot| self.sessions.get(&(id, boot)));
        DiodeState {
            id,
            name: diode.name.clone(),
            boot: diode.newest,
            check: session.map_or(ImageCheck::Unknown, |session| session.check),
            refused: session.is_some_and(|session| session.gate.is_refused()),
            version: session.and_then(|session| session.version),
            attestation: session.map(|session| session.attested.finding().clone()).unwrap_or_default(),
            beacon: diode.beacon.clone(),
            heard: diode.watch.heard(),
            silent: diode.watch.is_silent(),
        }
    }
}

impl Diode {
    fn new(config: &DiodeConfig) -> Self {
        Self {
            name: config.name.clone(),
            expected: config.expected_image,
            on_mismatch: config.on_mismatch,
            attestation: config.attestation.clone(),
            tpm: Memory::default(),
            newest_version: Newest::new(config.image_version_min),
            newest: None,
            beacon: None,
            watch: silence::Watch::new(config.silent_after_us),
        }
    }

    fn judge(&self, beacon: &Beacon) -> Verdict {
        let check = match self.expected {
            None => ImageCheck::Unchecked,
            Some(expected) if expected == beacon.image_sha256 => ImageCheck::Match,
            Some(_) => ImageCheck::Mismatch,
        };
        let refused = check == ImageCheck::Mismatch && self.on_mismatch == OnMismatch::Refuse;
        Verdict { check, image_sha256: beacon.image_sha256, expected: self.expected, refused }
    }
}

impl Session {
    fn new(diode: &Diode, boot: BootId, limits: &Limits) -> Self {
        Self {
            origin: Arc::new(Origin::new(diode.name.clone(), boot)),
            check: ImageCheck::Unknown,
            version: None,
            attested: Checker::new(boot),
            gate: match diode.on_mismatch {
                OnMismatch::Alarm => Gate::open(),
                OnMismatch::Refuse => Gate::waiting(limits.waiting_records_max),
            },
            waiting_objects: WaitingObjects::new(limits.waiting_bytes_max),
            naming: Naming::new(limits),
        }
    }

    /// Compares every beacon, not only the first: a box that changes its mind within a boot lies.
    fn handle_beacon(
        &mut self,
        diode: &Diode,
        beacon: &Arc<Beacon>,
        now_us: u64,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        let verdict = diode.judge(beacon);
        // A mismatch sticks: what was refused once is not trusted again within the same boot.
        if verdict.check != self.check && self.check != ImageCheck::Mismatch {
            self.check = verdict.check;
            out.push(Item::ImageCheck(self.origin.clone(), verdict.clone()));
            if verdict.check == ImageCheck::Mismatch {
                counters.alarms += 1;
                out.push(Item::Alarm(self.origin.clone(), verdict.clone()));
            }
            if verdict.refused {
                self.gate.refuse(counters);
                self.naming.refuse(counters);
            } else {
                for entry in self.gate.pass() {
                    self.naming.handle_entry(&self.origin, entry, now_us, counters, out);
                }
            }
        }
        out.push(Item::Beacon(self.origin.clone(), self.check, beacon.clone()));
    }

    /// Compares the version of every beacon, as the digest. It raises alarms and withholds nothing: an owner may go back.
    fn handle_version(
        &mut self,
        diode: &mut Diode,
        beacon: &Beacon,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        if self.version.is_some_and(|version| version.release == beacon.release) {
            return;
        }
        let version = diode.newest_version.judge(beacon.release);
        self.version = Some(version);
        out.push(Item::Version(self.origin.clone(), version));
        if version.is_downgrade() {
            counters.alarms += 1;
            out.push(Item::VersionAlarm(self.origin.clone(), version));
        }
    }

    /// Compares every beacon's attestation. It raises alarms and withholds nothing: the first quote takes its time.
    fn handle_attestation(
        &mut self,
        diode: &mut Diode,
        beacon: &Beacon,
        now_us: u64,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        let expected = diode.attestation.as_ref();
        let finding = self.attested.take(expected, beacon, now_us, &mut diode.tpm);
        self.tell_attestation(finding, counters, out);
    }

    fn tell_attestation(&self, finding: Option<Finding>, counters: &mut EngineCounters, out: &mut Vec<Item>) {
        let Some(finding) = finding else { return };
        out.push(Item::Attestation(self.origin.clone(), finding.clone()));
        if matches!(finding.check, Check::Mismatch(_)) {
            counters.alarms += 1;
            out.push(Item::AttestationAlarm(self.origin.clone(), finding));
        }
    }

    fn handle_entry(
        &mut self,
        entry: Entry,
        now_us: u64,
        counters: &mut EngineCounters,
        out: &mut Vec<Item>,
    ) {
        if let Some(entry) = self.gate.admit(entry, counters) {
            self.naming.handle_entry(&self.origin, entry, now_us, counters, out);
        }
    }

    fn handle_part(&mut self, part: Part, counters: &mut EngineCounters, out: &mut Vec<Object>) {
        let object = Object { origin: self.origin.clone(), part };
        self.waiting_objects.admit(object, &self.gate, counters, out);
    }

    fn end(&mut self, counters: &mut EngineCounters, out: &mut Vec<Item>) {
        self.gate.end(counters);
        self.waiting_objects.give_up(counters);
        self.naming.end(&self.origin, counters, out);
    }
}
