//! One configured neighbour: whether its Ethernet address is known, and when it is asked for.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::answers::Answers;
use super::packet::{Purpose, purpose};
use super::queue::Queue;
use crate::ethernet::{BROADCAST, MacAddress};

/// Pause after a request, and twice that from the second on if everybody is asked (RFC 1122, section 2.3.2.1: at most one
/// a second).
pub(super) const ASK_US: u64 = 1_000_000;
/// A reply is believed for so long after the latest request.
pub(super) const REPLY_US: u64 = 2_000_000;
/// An address that was confirmed longer ago is asked for again when it is used.
pub(super) const REFRESH_US: u64 = 30_000_000;
/// So many requests to the address that was known stay unanswered before everybody is asked (RFC 1122, section 2.3.2.1).
pub(super) const PROBES: u8 = 2;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    /// Not known; asked for while packets wait.
    Unknown,
    /// Known since then.
    Known { mac: MacAddress, confirmed_us: u64 },
    /// Known and used, but in doubt: it is asked whether it is still there.
    Doubted { mac: MacAddress },
    /// Said by the configuration: never asked for, never changed.
    Pinned { mac: MacAddress },
}

/// What a neighbour's reply changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The address is known, or still right.
    Believed,
    /// It is known, and was another before.
    Changed,
    /// It was not asked for.
    Unsolicited,
    /// Another has answered already, or has the address by configuration.
    Conflict,
}

/// What is to be sent for a neighbour.
#[derive(Debug)]
pub(super) enum Action {
    /// A request for its address, to everybody or to where it was.
    Ask(MacAddress),
    /// A packet that has waited for the address.
    Packet(MacAddress, Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: Ipv4Addr,
    answers: Answers,
    entry: Entry,
    /// The Ethernet address that was believed last, and the one that was told last.
    last: Option<MacAddress>,
    told: Option<MacAddress>,
    queue: Queue,
    asked_us: Option<u64>,
    ask_at_us: u64,
    /// Requests since the entry changed.
    unanswered: u8,
}

impl Peer {
    /// A neighbour for which `packets_max` packets may wait.
    pub(super) fn new(address: Ipv4Addr, pin: Option<MacAddress>, packets_max: usize) -> Self {
        Self {
            address,
            answers: Answers::default(),
            last: None,
            told: None,
            entry: pin.map_or(Entry::Unknown, |mac| Entry::Pinned { mac }),
            queue: Queue::new(packets_max),
            asked_us: None,
            ask_at_us: 0,
            unanswered: 0,
        }
    }

    /// One more user of the neighbour, whose packet may wait, too; it may know the address.
    pub(super) fn add_user(&mut self, pin: Option<MacAddress>) {
        *self.queue.packets_max_mut() += 1;
        self.entry = pin.map_or(self.entry, |mac| Entry::Pinned { mac });
    }

    /// The Ethernet address, if it is known.
    pub(super) const fn mac(&self) -> Option<MacAddress> {
        match self.entry {
            Entry::Unknown => None,
            Entry::Known { mac, .. } | Entry::Doubted { mac } | Entry::Pinned { mac } => Some(mac),
        }
    }

    /// Where to send a packet now. Without an answer it waits, or is dropped; the number says how many were.
    pub(super) fn send(&mut self, packet: &[u8], now_us: u64) -> Result<MacAddress, u64> {
        if let Entry::Known { mac, confirmed_us } = self.entry {
            let is_old = now_us.saturating_sub(confirmed_us) >= REFRESH_US;
            // A new connection may be due to the old one having led nowhere.
            let is_in_doubt = purpose(packet) == Purpose::Open && now_us >= self.ask_at_us;
            if is_old || is_in_doubt {
                (self.entry, self.unanswered) = (Entry::Doubted { mac }, 0);
            }
        }
        self.mac().ok_or_else(|| self.queue.push(packet, now_us))
    }

    /// Takes a reply that says that the neighbour has `mac`.
    pub(super) fn handle_reply(&mut self, mac: MacAddress, now_us: u64) -> Verdict {
        let was_asked = self.asked_us.is_some_and(|asked_us| now_us.saturating_sub(asked_us) < REPLY_US);
        match self.mac() {
            Some(known) if known != mac && (was_asked || self.is_pinned()) => Verdict::Conflict,
            _ if !was_asked || self.is_pinned() => Verdict::Unsolicited,
            _ => self.know(mac, now_us),
        }
    }

    /// Takes an address for right.
    fn know(&mut self, mac: MacAddress, now_us: u64) -> Verdict {
        (self.entry, self.unanswered) = (Entry::Known { mac, confirmed_us: now_us }, 0);
        self.told.get_or_insert(mac);
        match self.last.replace(mac) {
            Some(last) if last != mac => Verdict::Changed,
            _ => Verdict::Believed,
        }
    }

    /// The transport has seen that what is sent to `mac` arrives: a reply to a request could tell no more.
    pub(super) fn confirm(&mut self, mac: MacAddress, now_us: u64) {
        if self.mac() == Some(mac) && !self.is_pinned() {
            self.know(mac, now_us);
        }
    }

    /// The address before and the one now, if that is another than was told last; it counts as told.
    pub(super) fn take_change(&mut self) -> Option<(MacAddress, MacAddress)> {
        let to = self.last?;
        let from = self.told.replace(to)?;
        (from != to).then_some((from, to))
    }

    const fn is_pinned(&self) -> bool {
        matches!(self.entry, Entry::Pinned { .. })
    }

    /// For its requests for our address; nothing if `mac` is not where it is.
    pub(super) fn answers_for(&mut self, mac: MacAddress) -> Option<&mut Answers> {
        self.mac().is_none_or(|known| known == mac).then_some(&mut self.answers)
    }

    /// Drops what has waited too long; returns how many.
    pub(super) fn expire(&mut self, now_us: u64) -> u64 {
        self.queue.expire(now_us)
    }

    /// What is to be sent now, if anything.
    pub(super) fn poll(&mut self, now_us: u64) -> Option<Action> {
        if let Some(mac) = self.mac()
            && let Some(packet) = self.queue.pop()
        {
            return Some(Action::Packet(mac, packet));
        }
        if now_us < self.ask_at_us {
            return None;
        }
        if matches!(self.entry, Entry::Doubted { .. }) && self.unanswered >= PROBES {
            (self.entry, self.unanswered, self.asked_us) = (Entry::Unknown, 0, None);
        }
        let (to, pause_us) = match self.entry {
            Entry::Unknown if !self.queue.is_empty() && self.unanswered == 0 => (BROADCAST, ASK_US),
            Entry::Unknown if !self.queue.is_empty() => (BROADCAST, 2 * ASK_US),
            Entry::Doubted { mac } => (mac, ASK_US),
            _ => return None,
        };
        self.unanswered = self.unanswered.saturating_add(1);
        self.asked_us = Some(now_us);
        self.ask_at_us = now_us.saturating_add(pause_us);
        Some(Action::Ask(to))
    }

    /// When there is something to do at the latest; 0 is at once.
    pub(super) fn poll_at(&self) -> u64 {
        match self.entry {
            Entry::Unknown if self.queue.is_empty() => u64::MAX,
            Entry::Unknown => self.ask_at_us.min(self.queue.expires_at()),
            _ if !self.queue.is_empty() => 0,
            Entry::Doubted { .. } => self.ask_at_us,
            Entry::Known { .. } | Entry::Pinned { .. } => u64::MAX,
        }
    }
}
