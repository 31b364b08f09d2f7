//! The receiving end: datagrams to records in order, and to gaps where records are missing.
//!
//! A datagram is an allegation until its tag is verified; before that it costs one key derivation at
//! most and no memory. Data shards give up their messages at once; parity is used when something is
//! missing. All memory is bounded by [`ReceiverConfig`].

mod blocks;
mod replay;
mod sequence;
mod session;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;

use noreturn_wire::frame::FRAME_BYTES_MAX;
use noreturn_wire::{Beacon, Body, BootId, DiodeId, Header, HeaderError, Record, SourceId};

use crate::key::{DiodeKey, FrameKey};
use session::Session;

/// Limits of a [`Receiver`].
#[derive(Clone, Copy, Debug)]
pub struct ReceiverConfig {
    /// How long a record waits for the ones before it; then they are a gap.
    pub hold_us: u64,
    /// Bytes of shards that a session keeps for recovery.
    pub shard_bytes_max: usize,
    /// Records that a session holds back while earlier ones are missing.
    pub held_records_max: usize,
    /// Sources that a session may have.
    pub sources_max: usize,
    /// Boots of one diode that are remembered at once; the one unheard for longest goes first.
    pub sessions_per_diode_max: usize,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            hold_us: 250_000,
            shard_bytes_max: 4 << 20,
            held_records_max: 65_536,
            sources_max: 4096,
            sessions_per_diode_max: 4,
        }
    }
}

/// Something that happened; everything but [`Receiver`]'s counters arrives this way.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Which diode.
    pub diode: DiodeId,
    /// Which boot of it.
    pub boot: BootId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum EventKind {
    /// The first authentic frame of a boot.
    Started,
    /// A boot was forgotten in favour of newer ones.
    Ended,
    /// State of the box.
    Beacon(Box<Beacon>),
    /// A source is called this.
    Announced {
        /// The source.
        source: SourceId,
        /// Its name.
        name: String,
        /// Its engineering unit.
        unit: String,
    },
    /// The next record of its source.
    Record {
        /// The record.
        record: Record,
        /// Whether its frame was lost and it came back through parity.
        recovered: bool,
    },
    /// Records of a source that did not arrive in time. They will not be delivered later.
    Gap {
        /// The source.
        source: SourceId,
        /// First missing sequence number.
        first: u64,
        /// Last missing sequence number.
        last: u64,
    },
}

/// Why a datagram was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Not a frame.
    Header(HeaderError),
    /// From a diode without a key here.
    UnknownDiode,
    /// Its tag does not verify: forged, altered, or another key.
    Forged,
    /// A frame number that was received before.
    Replayed,
    /// A frame number too old to tell whether it was received before.
    TooOld,
    /// Authentic, but it contradicts other frames of its block.
    Inconsistent,
    /// Authentic, but its contents are not understood.
    Malformed,
}

macro_rules! receiver_counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What a [`Receiver`] counts, over all diodes.
        #[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
        pub struct ReceiverCounters { $($(#[doc = $doc])+ pub $name: u64,)+ }

        impl ReceiverCounters {
            /// Names and values.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

receiver_counters! {
    /// Datagrams handled.
    datagrams,
    /// Refused: not a frame.
    refused_header,
    /// Refused: no key for its diode.
    refused_unknown_diode,
    /// Refused: the tag does not verify.
    refused_forged,
    /// Refused: received before.
    refused_replayed,
    /// Refused: too old to tell.
    refused_too_old,
    /// Refused: contradicts its block.
    refused_inconsistent,
    /// Refused: contents not understood.
    refused_malformed,
    /// Data frames accepted.
    data_frames,
    /// Parity frames accepted.
    parity_frames,
    /// Beacons accepted.
    beacon_frames,
    /// Frames of the known boots that never came, by their numbers.
    frames_missing,
    /// Data shards recovered through parity.
    shards_recovered,
    /// Blocks given up with data shards missing.
    blocks_incomplete,
    /// Records delivered.
    records,
    /// Of these, records recovered through parity.
    records_recovered,
    /// Records that came after they had been delivered or reported as missing, or with a number that no
    /// source reaches; dropped.
    records_old,
    /// Records or names of more sources than allowed; dropped.
    records_source_limit,
    /// Gaps reported.
    gaps,
    /// Records reported as missing.
    records_missing,
}

/// The receiving end, for any number of diodes.
#[derive(Debug)]
pub struct Receiver {
    config: ReceiverConfig,
    keys: BTreeMap<DiodeId, DiodeKey>,
    sessions: BTreeMap<(DiodeId, BootId), Session>,
    events: VecDeque<Event>,
    counters: ReceiverCounters,
}

impl Receiver {
    /// A receiver for the diodes whose keys it is given.
    #[must_use]
    pub fn new(config: ReceiverConfig, keys: impl IntoIterator<Item = (DiodeId, DiodeKey)>) -> Self {
        Self {
            config,
            keys: keys.into_iter().collect(),
            sessions: BTreeMap::new(),
            events: VecDeque::new(),
            counters: ReceiverCounters::default(),
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
            self.count(refusal);
        }
        result
    }

    /// Lets time pass: reports what has been missing for too long.
    pub fn handle_timeout(&mut self, now_us: u64) {
        for (&(diode, boot), session) in &mut self.sessions {
            let mut out = Output { diode, boot, events: &mut self.events, counters: &mut self.counters };
            session.handle_timeout(now_us, &mut out);
        }
    }

    /// When [`Receiver::handle_timeout`] should be called next, if no datagram comes before.
    #[must_use]
    pub fn poll_at(&self) -> Option<u64> {
        self.sessions.values().filter_map(|session| session.poll_at()).min()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Counters; `frames_missing` is as of now.
    #[must_use]
    pub fn counters(&self) -> ReceiverCounters {
        let missing = self.sessions.values().map(Session::frames_missing);
        let frames_missing = missing.fold(self.counters.frames_missing, u64::saturating_add);
        ReceiverCounters { frames_missing, ..self.counters }
    }

    fn accept(&mut self, datagram: &[u8], now_us: u64) -> Result<(), Refusal> {
        let (header, associated, sealed) = Header::parse(datagram).map_err(Refusal::Header)?;
        let key = self.keys.get(&header.diode).ok_or(Refusal::UnknownDiode)?;
        let id = (header.diode, header.boot);
        let mut plain = [0; FRAME_BYTES_MAX];
        let plain = plain.get_mut(..sealed.len()).ok_or(Refusal::Header(HeaderError::Long))?;
        plain.copy_from_slice(sealed);
        if !self.sessions.contains_key(&id) {
            let frame_key = FrameKey::derive(key, header.diode, header.boot);
            let payload = frame_key.open(header.frame, associated, plain).ok_or(Refusal::Forged)?;
            self.start(id, frame_key, now_us);
            return self.deliver(&header, payload, now_us);
        }
        let Some(session) = self.sessions.get(&id) else { return Err(Refusal::Forged) };
        session.check_fresh(header.frame)?;
        let payload = session.key().open(header.frame, associated, plain).ok_or(Refusal::Forged)?;
        self.deliver(&header, payload, now_us)
    }

    /// Makes room for a session and starts it.
    fn start(&mut self, id: (DiodeId, BootId), key: FrameKey, now_us: u64) {
        let boots = (id.0, BootId([0; 16]))..=(id.0, BootId([0xff; 16]));
        while self.sessions.range(boots.clone()).count() >= self.config.sessions_per_diode_max.max(1) {
            let oldest = self.sessions.range(boots.clone()).min_by_key(|(_, session)| session.heard_us());
            let Some((&oldest, _)) = oldest else { break };
            self.end(oldest);
        }
        self.sessions.insert(id, Session::new(key, self.config, now_us));
        self.events.push_back(Event { diode: id.0, boot: id.1, kind: EventKind::Started });
    }

    fn end(&mut self, (diode, boot): (DiodeId, BootId)) {
        if let Some(mut session) = self.sessions.remove(&(diode, boot)) {
            let mut out = Output { diode, boot, events: &mut self.events, counters: &mut self.counters };
            session.give_up(&mut out);
            // Numbers are what frames say of themselves: an absurd one must not bring the daemon down.
            self.counters.frames_missing =
                self.counters.frames_missing.saturating_add(session.frames_missing());
            self.events.push_back(Event { diode, boot, kind: EventKind::Ended });
        }
    }

    /// Hands an authentic payload to its session.
    fn deliver(&mut self, header: &Header, payload: &[u8], now_us: u64) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(&(header.diode, header.boot)) else { return Ok(()) };
        let (events, counters) = (&mut self.events, &mut self.counters);
        let mut out = Output { diode: header.diode, boot: header.boot, events, counters };
        session.heard(header.frame, now_us);
        match header.body {
            Body::Beacon => {
                let beacon = Beacon::decode(payload).map_err(|_| Refusal::Malformed)?;
                out.counters.beacon_frames += 1;
                out.emit(EventKind::Beacon(Box::new(beacon)));
                Ok(())
            }
            Body::Data { block, index, code, .. } => {
                session.handle_data(block, code, index, payload, now_us, &mut out)
            }
            Body::Parity { block, index, data_sent, code, .. } => {
                session.handle_parity(block, code, (index, data_sent), payload, now_us, &mut out)
            }
        }
    }

    fn count(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Header(_) => &mut self.counters.refused_header,
            Refusal::UnknownDiode => &mut self.counters.refused_unknown_diode,
            Refusal::Forged => &mut self.counters.refused_forged,
            Refusal::Replayed => &mut self.counters.refused_replayed,
            Refusal::TooOld => &mut self.counters.refused_too_old,
            Refusal::Inconsistent => &mut self.counters.refused_inconsistent,
            Refusal::Malformed => &mut self.counters.refused_malformed,
        };
        *counter += 1;
    }
}

/// Where a session puts what it finds.
pub(crate) struct Output<'a> {
    diode: DiodeId,
    boot: BootId,
    events: &'a mut VecDeque<Event>,
    counters: &'a mut ReceiverCounters,
}

impl Output<'_> {
    fn emit(&mut self, kind: EventKind) {
        self.events.push_back(Event { diode: self.diode, boot: self.boot, kind });
    }
}
