//! Messages, beacons and entries of the ring: what is understood can be said again, and means the same.

use noreturn_wire::crossing::{CROSSING_BYTES_MAX, encode_clock, encode_counters};
use noreturn_wire::frame::SHARD_BYTES_MAX;
use noreturn_wire::{Beacon, Crossing, Message, MessageError};

/// Runs the input as a shard of messages, as a beacon, and as an entry of the ring.
pub(super) fn message(data: &[u8]) {
    let mut messages = Message::decode_all(data).peekable();
    while let Some(message) = messages.next() {
        match message {
            Ok(message) => check_message(&message),
            Err(MessageError::Length) => assert!(messages.peek().is_none(), "there is nothing behind it"),
            Err(_) => {}
        }
    }
    if let Ok(message) = Message::decode(data) {
        check_message(&message);
    }
    check_beacon(data);
    check_crossing(data);
}

fn check_message(message: &Message<'_>) {
    let mut buffer = [0; SHARD_BYTES_MAX];
    let encoded = message.encode(&mut buffer).expect("every message fits in a shard");
    let again: Vec<_> = Message::decode_all(encoded).collect();
    // Debug tells all: unlike equality, it takes a NaN for itself.
    assert_eq!(format!("{again:?}"), format!("[Ok({message:?})]"), "written as something else");
}

fn check_beacon(data: &[u8]) {
    if let Ok(beacon) = Beacon::decode(data) {
        let mut buffer = [0; SHARD_BYTES_MAX];
        let encoded = beacon.encode(&mut buffer).expect("every beacon fits in a frame");
        assert_eq!(Beacon::decode(encoded), Ok(beacon));
    }
}

fn check_crossing(data: &[u8]) {
    match Crossing::decode(data) {
        Ok(Crossing::Message(_, message)) => assert_eq!(message, &data[1..]),
        Ok(Crossing::Counters(counters)) => {
            let mut buffer = [0; CROSSING_BYTES_MAX];
            let encoded = encode_counters(&counters, &mut buffer).expect("all counters fit");
            assert_eq!(Crossing::decode(encoded), Ok(Crossing::Counters(counters)));
        }
        Ok(Crossing::Clock(clock)) => {
            let mut buffer = [0; CROSSING_BYTES_MAX];
            let encoded = encode_clock(&clock, &mut buffer).expect("a clock fits");
            assert_eq!(Crossing::decode(encoded), Ok(Crossing::Clock(clock)));
        }
        Err(_) => {}
    }
}
