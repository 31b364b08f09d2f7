//! The receiving end: datagrams to records, streams and files, and to gaps where something is missing.
//!
//! A datagram is an allegation until its tag is verified. Who has no key of the diode's is refused by the header's tag, which costs
//! one short hash for each key; what passes that costs one key derivation at most, and no memory before its own tag verifies. Data shards give up their messages at once; parity is used when something is missing. What did
//! not come in time is reported, and delivered all the same if it comes later. What must survive a restart
//! leaves as [`Mark`]s. All memory is bounded by [`ReceiverConfig`].

mod blocks;
mod boots;
mod config;
mod counters;
mod decoders;
mod event;
mod files;
mod keys;
mod mark;
mod memory;
mod over;
mod progress;
mod ranges;
mod replay;
mod sequence;
mod session;
mod sources;
mod streams;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{Beacon, Body, BootId, DiodeId, Header, HeaderError};

pub use config::ReceiverConfig;
pub use counters::ReceiverCounters;
pub use event::{Arrival, Event, EventKind, FileAbout, FileEvent, Refusal, StreamEvent};
pub use keys::KEYS_PER_DIODE_MAX;
pub use mark::{Lane, Mark, MarkError, Objects};

use crate::key::DiodeKey;
use blocks::Place;
use boots::EndedBoots;
use decoders::Decoders;
use keys::{Keys, SessionKey};
use session::Session;

/// Events that there stays room for when all have been taken.
const EVENTS_KEPT: usize = 1024;

/// A boot of a diode.
type SessionId = (DiodeId, BootId);

/// The receiving end, for any number of diodes.
#[derive(Debug)]
pub struct Receiver {
    config: ReceiverConfig,
    keys: BTreeMap<DiodeId, Keys>,
    sessions: BTreeMap<SessionId, Box<Session>>,
    ended: EndedBoots,
    /// Sessions, and boots that have ended, with marks that nobody has asked for yet.
    changed: BTreeSet<SessionId>,
    /// Authentic frames so far, and sessions restored: the order in which sessions were heard.
    heard: u64,
    decoders: Decoders,
    events: VecDeque<Event>,
    counters: ReceiverCounters,
}

impl Receiver {
    /// A receiver for the diodes whose keys it is given. A diode may be given several keys, one after the other; those
    /// after the first [`KEYS_PER_DIODE_MAX`] are left out. A boot's first frame is tried with each of them, and the boot
    /// stays with the one that has sealed it.
    #[must_use]
    pub fn new(config: ReceiverConfig, keys: impl IntoIterator<Item = (DiodeId, DiodeKey)>) -> Self {
        let mut by_diode: BTreeMap<DiodeId, Keys> = BTreeMap::new();
        for (diode, key) in keys {
            by_diode.entry(diode).or_default().add(diode, &key);
        }
        Self {
            config,
            keys: by_diode,
            sessions: BTreeMap::new(),
            ended: EndedBoots::new(),
            changed: BTreeSet::new(),
            heard: 0,
            decoders: Decoders::new(),
            events: VecDeque::new(),
            counters: ReceiverCounters::default(),
        }
    }

    /// Replaces the keys of a diode, of which the first [`KEYS_PER_DIODE_MAX`] count. Boots that have been heard stay with
    /// theirs, unless there are none: then nothing of the diode is accepted any more.
    pub fn set_keys(&mut self, diode: DiodeId, keys: &[DiodeKey]) {
        let keys = Keys::of(diode, keys);
        if keys.is_empty() {
            self.keys.remove(&diode);
        } else {
            self.keys.insert(diode, keys);
        }
    }

    /// Takes one datagram of any content and size. Drain [`Receiver::poll_event`] afterwards.
    ///
    /// # Errors
    /// Why it was refused; counted here already.
    pub fn handle_datagram(&mut self, datagram: &[u8], now_us: u64) -> Result<(), Refusal> {
        self.counters.datagrams += 1;
        let result = self.accept(datagram, now_us);
        if let Err(refusal) = result {
            self.counters.count(refusal);
        }
        result
    }

    /// Lets time pass: reports what has been missing for too long, and gives up what will not be completed.
    pub fn handle_timeout(&mut self, now_us: u64) {
        let Self { config, sessions, changed, decoders, events, counters, .. } = self;
        for (&id, session) in sessions {
            if session.poll_at().is_some_and(|due_us| due_us <= now_us) {
                changed.insert(id);
            }
            session.handle_timeout(&mut Output { id, now_us, config, decoders, events, counters });
        }
    }

    /// When [`Receiver::handle_timeout`] should be called next, if no datagram comes before. Call it once a minute in any
    /// case, so that idle sessions give back their memory.
    #[must_use]
    pub fn poll_at(&self) -> Option<u64> {
        self.sessions.values().filter_map(|session| session.poll_at()).min()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() {
            self.events.shrink_to(EVENTS_KEPT);
        }
        event
    }

    /// Counters; `frames_missing` is as of now.
    #[must_use]
    pub fn counters(&self) -> ReceiverCounters {
        let missing = self.sessions.values().map(|session| session.frames_missing());
        let frames_missing = missing.fold(self.counters.frames_missing, u64::saturating_add);
        ReceiverCounters { frames_missing, ..self.counters }
    }

    /// What has changed since the last call and must survive a restart: at most one mark of each kind of each lane.
    /// They belong to the events that [`Receiver::poll_event`] has told so far, all of them: write both down together.
    pub fn drain_marks(&mut self) -> impl Iterator<Item = Mark> + use<> {
        let changed = core::mem::take(&mut self.changed);
        // Boots that have ended first, so that whoever takes the marks up has room for the others and ends none of them.
        let ended = self.ended.iter().filter(|id| changed.contains(id));
        let mut marks: Vec<Mark> = ended.map(|(diode, boot)| Mark::Ended { diode, boot }).collect();
        let mut sessions: Vec<_> = self.sessions.iter_mut().filter(|(id, _)| changed.contains(id)).collect();
        sessions.sort_by_key(|(_, session)| session.heard());
        for (&id, session) in sessions {
            session.drain_marks(id, &mut marks);
        }
        marks.into_iter()
    }

    /// All that must survive a restart.
    pub fn all_marks(&self) -> impl Iterator<Item = Mark> + use<> {
        let mut marks: Vec<Mark> =
            self.ended.iter().map(|(diode, boot)| Mark::Ended { diode, boot }).collect();
        let mut sessions: Vec<_> = self.sessions.iter().collect();
        sessions.sort_by_key(|(_, session)| session.heard());
        for (&id, session) in sessions {
            session.all_marks(id, &mut marks);
        }
        marks.into_iter()
    }

    /// Takes up what a mark of an earlier receiver says; give the marks back in the order in which they came. What an
    /// earlier receiver has delivered is not delivered again, and no frame that it may have accepted is accepted. Pieces of
    /// files are not remembered: a file that was not complete starts again.
    pub fn restore(&mut self, mark: &Mark, now_us: u64) {
        let id = mark.session();
        if self.ended.contains(id.0, id.1) {
            return;
        }
        if let Mark::Ended { .. } = mark {
            self.sessions.remove(&id);
            self.remember_ended(id);
            return;
        }
        if !self.sessions.contains_key(&id) {
            self.insert(id, None, now_us);
        }
        self.heard += 1;
        let Self { config, sessions, decoders, events, counters, heard, .. } = self;
        if let Some(session) = sessions.get_mut(&id) {
            session.restore(mark, *heard, &mut Output { id, now_us, config, decoders, events, counters });
        }
    }

    fn accept(&mut self, datagram: &[u8], now_us: u64) -> Result<(), Refusal> {
        let (header, bytes, sealed) = Header::parse(datagram).map_err(Refusal::Header)?;
        let keys = self.keys.get(&header.diode).ok_or(Refusal::UnknownDiode)?;
        let id = (header.diode, header.boot);
        let session = self.sessions.get(&id);
        let known = session.and_then(|session| session.key());
        // A boot that has been heard stays with its key, whatever keys the diode has now.
        let new = match known {
            Some(key) if key.verifies(&header, bytes) => None,
            Some(_) => return Err(Refusal::ForgedHeader),
            None => Some(keys.of_header(bytes).ok_or(Refusal::ForgedHeader)?),
        };
        match session {
            Some(session) => session.check_fresh(header.frame)?,
            None if self.ended.contains(id.0, id.1) => return Err(Refusal::EndedBoot),
            None => replay::check_number(header.frame)?,
        }
        let new = new.map(|key| key.session_key(&header));
        let key = new.as_ref().or(known).ok_or(Refusal::ForgedHeader)?;
        let mut buffer = [0; FRAME_BYTES_MAX];
        let plain = buffer.get_mut(..sealed.len()).ok_or(Refusal::Header(HeaderError::Long))?;
        let payload = key.open(&header, bytes, (sealed, plain)).ok_or(Refusal::Forged)?;
        if let Some(key) = new {
            self.start(id, key, now_us);
        }
        self.deliver(&header, payload, now_us)
    }

    /// Starts a session, or goes on with one that was restored.
    fn start(&mut self, id: SessionId, key: SessionKey, now_us: u64) {
        match self.sessions.get_mut(&id) {
            Some(session) => session.set_key(key),
            None => self.insert(id, Some(key), now_us),
        }
        self.events.push_back(Event { diode: id.0, boot: id.1, kind: EventKind::Started });
    }

    /// Makes room for a session.
    fn insert(&mut self, id: SessionId, key: Option<SessionKey>, now_us: u64) {
        let boots = (id.0, BootId([0; 16]))..=(id.0, BootId([0xff; 16]));
        while self.sessions.range(boots.clone()).count() >= self.config.sessions_per_diode_max.max(1) {
            let oldest = self.sessions.range(boots.clone()).min_by_key(|(_, session)| session.heard());
            let Some((&oldest, _)) = oldest else { break };
            self.end(oldest, now_us);
        }
        self.sessions.insert(id, Box::new(Session::new(key)));
    }

    fn end(&mut self, id: SessionId, now_us: u64) {
        let Some(mut session) = self.sessions.remove(&id) else { return };
        let Self { config, decoders, events, counters, .. } = self;
        let mut out = Output { id, now_us, config, decoders, events, counters };
        session.end(&mut out);
        if session.key().is_some() {
            out.emit(EventKind::Ended);
        }
        // Numbers are what frames say of themselves: an absurd one must not bring the daemon down.
        self.counters.frames_missing = self.counters.frames_missing.saturating_add(session.frames_missing());
        self.remember_ended(id);
        self.changed.insert(id);
    }

    fn remember_ended(&mut self, (diode, boot): SessionId) {
        if let Some(forgotten) = self.ended.insert(diode, boot, self.config.boots_max) {
            self.counters.boots_forgotten += 1;
            self.changed.remove(&(diode, forgotten));
        }
    }

    /// Hands an authentic payload to its session.
    fn deliver(&mut self, header: &Header, payload: &[u8], now_us: u64) -> Result<(), Refusal> {
        let id = (header.diode, header.boot);
        let Self { config, sessions, changed, decoders, events, counters, heard, .. } = self;
        let Some(session) = sessions.get_mut(&id) else { return Ok(()) };
        let mut out = Output { id, now_us, config, decoders, events, counters };
        *heard += 1;
        session.mark_frame(header.frame, *heard);
        changed.insert(id);
        match header.body {
            Body::Beacon => {
                let beacon = Beacon::decode(payload).map_err(|_| Refusal::Malformed)?;
                out.counters.beacon_frames += 1;
                out.emit(EventKind::Beacon(Box::new(beacon)));
                Ok(())
            }
            Body::Data { class, block, index, code } => {
                session.handle_data(class, Place { block, code, index }, payload, &mut out)
            }
            Body::Parity { class, block, index, data_sent, code } => {
                session.handle_parity(class, (Place { block, code, index }, data_sent), payload, &mut out)
            }
        }
    }
}

/// What a session works with, and where it puts what it finds.
pub(crate) struct Output<'a> {
    id: SessionId,
    now_us: u64,
    config: &'a ReceiverConfig,
    decoders: &'a mut Decoders,
    events: &'a mut VecDeque<Event>,
    counters: &'a mut ReceiverCounters,
}

impl Output<'_> {
    fn emit(&mut self, kind: EventKind) {
        self.events.push_back(Event { diode: self.id.0, boot: self.id.1, kind });
    }
}
