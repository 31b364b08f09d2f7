//! What the broker has not taken yet: bounded, in order, and ours until it is acknowledged.

use std::collections::{BTreeMap, VecDeque};

/// A message that is published once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// A message to be handed to the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
}

#[derive(Debug)]
pub(super) struct Outbox {
    messages_max: usize,
    acknowledged: bool,
    waiting: VecDeque<Message>,
    /// In the order in which they were handed to the connection.
    flying: VecDeque<Flight>,
    /// How many of these are not retained.
    flying_messages: usize,
    /// Latest payload per topic; only it is wanted, so it needs no queue.
    retained: BTreeMap<String, Retained>,
}

#[derive(Debug)]
struct Flight {
    cargo: Cargo,
    /// Packet identifier, once the connection has sent it.
    packet: Option<u16>,
}

#[derive(Debug)]
enum Cargo {
    Message(Message),
    Retained { topic: String },
}

#[derive(Debug)]
struct Retained {
    payload: Vec<u8>,
    state: RetainedState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RetainedState {
    Waiting,
    Flying,
    Taken,
}

impl Outbox {
    pub(super) const fn new(messages_max: usize, acknowledged: bool) -> Self {
        Self {
            messages_max,
            acknowledged,
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
            flying_messages: 0,
            retained: BTreeMap::new(),
        }
    }

    /// Takes a message. If there is no room the oldest that waits is dropped, which returns `false`.
    pub(super) fn push(&mut self, message: Message) -> bool {
        let has_room = self.messages() < self.messages_max;
        if !has_room && self.waiting.pop_front().is_none() {
            // Everything is under way already; then it is the new one that goes.
            return false;
        }
        self.waiting.push_back(message);
        has_room
    }

    /// Sets what a retained topic holds.
    pub(super) fn set_retained(&mut self, topic: String, payload: Vec<u8>) {
        self.retained.insert(topic, Retained { payload, state: RetainedState::Waiting });
    }

    /// The next message, if fewer than `window` are under way; retained ones first.
    pub(super) fn next(&mut self, window: usize) -> Option<Outgoing<'_>> {
        if self.flying.len() >= window {
            return None;
        }
        let retained =
            self.retained.iter_mut().find(|(_, retained)| retained.state == RetainedState::Waiting);
        if let Some((topic, retained)) = retained {
            retained.state = RetainedState::Flying;
            self.flying.push_back(Flight { cargo: Cargo::Retained { topic: topic.clone() }, packet: None });
            return Some(Outgoing { topic, payload: retained.payload.clone(), retain: true });
        }
        let message = self.waiting.pop_front()?;
        let payload = message.payload.clone();
        self.flying.push_back(Flight { cargo: Cargo::Message(message), packet: None });
        self.flying_messages += 1;
        match self.flying.back().map(|flight| &flight.cargo) {
            Some(Cargo::Message(message)) => Some(Outgoing { topic: &message.topic, payload, retain: false }),
            _ => None,
        }
    }

    /// The connection has sent the next message, as `packet`; how many are delivered by that.
    pub(super) fn handle_sent(&mut self, packet: u16) -> u64 {
        let next = self.flying.iter().position(|flight| flight.packet.is_none());
        match next {
            Some(index) if self.acknowledged => {
                self.flying[index].packet = Some(packet);
                0
            }
            Some(index) => self.land(index),
            None => 0,
        }
    }

    /// The broker has taken `packet`; how many are delivered by that.
    pub(super) fn handle_acknowledged(&mut self, packet: u16) -> u64 {
        match self.flying.iter().position(|flight| flight.packet == Some(packet)) {
            Some(index) => self.land(index),
            None => 0,
        }
    }

    /// The connection is gone: everything that was under way waits again, in order.
    pub(super) fn handle_disconnected(&mut self) {
        while let Some(flight) = self.flying.pop_back() {
            if let Cargo::Message(message) = flight.cargo {
                self.waiting.push_front(message);
            }
        }
        self.flying_messages = 0;
        // The broker may have forgotten everything.
        self.retained.values_mut().for_each(|retained| retained.state = RetainedState::Waiting);
    }

    /// Messages that wait or are under way, retained ones aside.
    pub(super) fn messages(&self) -> usize {
        self.waiting.len() + self.flying_messages
    }

    /// Whether the broker has taken everything.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
            && self.flying.is_empty()
            && self.retained.values().all(|retained| retained.state == RetainedState::Taken)
    }

    fn land(&mut self, index: usize) -> u64 {
        match self.flying.remove(index).map(|flight| flight.cargo) {
            Some(Cargo::Retained { topic }) => {
                let retained = self.retained.get_mut(&topic);
                // A newer payload that was set meanwhile is still waiting.
                if let Some(retained) = retained.filter(|retained| retained.state == RetainedState::Flying) {
                    retained.state = RetainedState::Taken;
                }
                1
            }
            Some(Cargo::Message(_)) => {
                self.flying_messages -= 1;
                1
            }
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64) -> Message {
        Message { topic: format!("t/{number}"), payload: number.to_string().into_bytes() }
    }

    fn drain(outbox: &mut Outbox, window: usize) -> Vec<String> {
        let mut topics = Vec::new();
        while let Some(outgoing) = outbox.next(window) {
            topics.push(outgoing.topic.to_owned());
        }
        topics
    }

    #[test]
    fn what_is_not_acknowledged_goes_out_again_in_order() {
        let mut outbox = Outbox::new(10, true);
        (0..4).for_each(|number| assert!(outbox.push(message(number))));
        assert_eq!(drain(&mut outbox, 3), ["t/0", "t/1", "t/2"]);
        (1..=3).for_each(|packet| assert_eq!(outbox.handle_sent(packet), 0));
        assert_eq!(outbox.handle_acknowledged(2), 1, "out of order is fine");
        assert_eq!(outbox.handle_acknowledged(2), 0);
        outbox.handle_disconnected();
        assert_eq!(outbox.messages(), 3);
        assert_eq!(drain(&mut outbox, 3), ["t/0", "t/2", "t/3"]);
        (1..=3).for_each(|packet| assert_eq!(outbox.handle_sent(packet), 0));
        (1..=3).for_each(|packet| assert_eq!(outbox.handle_acknowledged(packet), 1));
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_full_outbox_drops_the_oldest_that_waits() {
        let mut outbox = Outbox::new(3, true);
        (0..2).for_each(|number| assert!(outbox.push(message(number))));
        assert_eq!(drain(&mut outbox, 2), ["t/0", "t/1"]);
        assert!(outbox.push(message(2)));
        assert!(!outbox.push(message(3)));
        outbox.handle_disconnected();
        assert_eq!(outbox.messages(), 3);
        assert_eq!(drain(&mut outbox, 3), ["t/0", "t/1", "t/3"]);
        assert!(!outbox.push(message(4)), "everything is under way");
        assert_eq!(outbox.messages(), 3);
    }

    #[test]
    fn of_a_retained_topic_only_the_latest_is_kept_and_a_new_connection_gets_it() {
        let mut outbox = Outbox::new(3, true);
        outbox.set_retained("s".to_owned(), b"1".to_vec());
        outbox.set_retained("s".to_owned(), b"2".to_vec());
        let outgoing = outbox.next(5);
        assert_eq!(outgoing, Some(Outgoing { topic: "s", payload: b"2".to_vec(), retain: true }));
        outbox.set_retained("s".to_owned(), b"3".to_vec());
        outbox.handle_sent(1);
        assert_eq!(outbox.handle_acknowledged(1), 1);
        assert!(!outbox.is_empty(), "3 waits");
        assert_eq!(drain(&mut outbox, 5), ["s"]);
        outbox.handle_sent(2);
        outbox.handle_acknowledged(2);
        assert!(outbox.is_empty());
        outbox.handle_disconnected();
        assert_eq!(drain(&mut outbox, 5), ["s"]);
    }

    #[test]
    fn without_acknowledgements_sent_is_delivered() {
        let mut outbox = Outbox::new(3, false);
        assert!(outbox.push(message(0)));
        assert_eq!(drain(&mut outbox, 5), ["t/0"]);
        assert_eq!(outbox.handle_sent(0), 1);
        assert!(outbox.is_empty());
    }
}
