//! Knows what was sent, and holds the receiver to what it promises about it.

use std::collections::BTreeMap;

use noreturn_link::receiver::EventKind;
use noreturn_link::{Event, Receiver, Refusal};
use noreturn_wire::{BootId, DiodeId, SourceId};

use super::{BOOTS, CONFIG, SOURCES, record};

#[derive(Default)]
pub(super) struct Judge {
    boots: [Boot; BOOTS.len()],
    /// Of every boot that the receiver follows: what must come next from each source. Beyond 64 bits: nothing.
    following: BTreeMap<(DiodeId, BootId), BTreeMap<SourceId, u128>>,
    datagrams: u64,
    refused: u64,
    records: u64,
    gaps: u64,
    missing: u128,
}

#[derive(Default)]
struct Boot {
    /// Records of each source so far.
    sent: [u64; SOURCES],
    /// Whether the liar has spoken for it: then values may be wrong, but the order may not.
    lied: bool,
}

impl Judge {
    /// How many records of a source were sent, which is also the number of the next.
    pub(super) const fn sent(&self, place: usize, source: usize) -> u64 {
        self.boots[place].sent[source]
    }

    pub(super) const fn has_sent(&mut self, place: usize, source: usize) {
        self.boots[place].sent[source] += 1;
    }

    pub(super) const fn has_lied(&mut self, place: usize) {
        self.boots[place].lied = true;
    }

    pub(super) fn datagram(&mut self, result: Result<(), Refusal>) {
        self.datagrams += 1;
        self.refused += u64::from(result.is_err());
    }

    /// Takes all events.
    pub(super) fn hear(&mut self, receiver: &mut Receiver) {
        while let Some(event) = receiver.poll_event() {
            self.event(event);
        }
        let followed = |diode| self.following.keys().filter(|(of, _)| *of == diode).count();
        assert!([1, 2].into_iter().all(|id| followed(DiodeId(id)) <= CONFIG.sessions_per_diode_max));
    }

    fn event(&mut self, Event { diode, boot, kind }: Event) {
        let place =
            BOOTS.iter().position(|&(of, is, _)| (of, is) == (diode, boot)).expect("a boot that never was");
        match kind {
            EventKind::Started => {
                assert!(self.following.insert((diode, boot), BTreeMap::new()).is_none(), "started twice");
            }
            EventKind::Ended => assert!(self.following.remove(&(diode, boot)).is_some(), "ended twice"),
            EventKind::Beacon(_) => assert!(self.following.contains_key(&(diode, boot)), "before it started"),
            EventKind::Announced { source, name, unit } => {
                let honest = name == "tank/level" && unit == "m";
                assert!(honest || self.boots[place].lied, "{source:?} was never called {name:?}");
                assert!((source.0 as usize) < CONFIG.sources_max, "{source:?} is over the limit");
            }
            EventKind::Record { record: found, .. } => {
                self.records += 1;
                self.advance((diode, boot), found.source, found.sequence, found.sequence);
                let expected = record(found.source, found.sequence);
                let boot = &self.boots[place];
                assert!(boot.lied || found == expected, "altered: {found:?}, sent was {expected:?}");
                assert!(boot.has_sent(found.source, found.sequence), "invented: {found:?}");
            }
            EventKind::Gap { source, first, last } => {
                self.gaps += 1;
                self.missing += u128::from(last - first) + 1;
                self.advance((diode, boot), source, first, last);
                assert!(
                    self.boots[place].has_sent(source, last),
                    "a gap where nothing was sent: {source:?} {last}"
                );
            }
        }
    }

    /// Every sequence number comes once, in order, as a record or in a gap.
    fn advance(&mut self, boot: (DiodeId, BootId), source: SourceId, first: u64, last: u64) {
        assert!((source.0 as usize) < CONFIG.sources_max, "{source:?} is over the limit");
        assert!(first <= last, "a gap that ends before it starts");
        let next =
            self.following.get_mut(&boot).expect("a boot that has not started").entry(source).or_default();
        assert_eq!(u128::from(first), *next, "{source:?}: not what comes next");
        *next = u128::from(last) + 1;
    }

    /// Holds the counters against what was seen.
    pub(super) fn conclude(&self, receiver: &Receiver) {
        let counters = receiver.counters();
        let refused: u64 =
            counters.named().filter(|(name, _)| name.starts_with("refused_")).map(|(_, count)| count).sum();
        assert_eq!((counters.datagrams, refused), (self.datagrams, self.refused));
        assert_eq!((counters.records, counters.gaps), (self.records, self.gaps));
        let missing = u64::try_from(self.missing).unwrap_or(u64::MAX);
        assert_eq!(counters.records_missing, missing);
        assert!(counters.records_recovered <= counters.records);
    }
}

impl Boot {
    fn has_sent(&self, source: SourceId, sequence: u64) -> bool {
        self.lied || self.sent.get(source.0 as usize).is_some_and(|&sent| sequence < sent)
    }
}
