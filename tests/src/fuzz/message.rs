//! Messages, beacons and entries of the ring: what is understood can be said again, and means the same.

use noreturn_wire::crossing::{CROSSING_BYTES_MAX, encode_clock, encode_counters};
use noreturn_wire::frame::SHARD_BYTES_MAX;
use noreturn_wire::{Beacon, Crossing, Message};

/// Runs the input as a shard of messages, as a beacon, and as an entry of the ring.
pub(super) fn message(data: &[u8]) {
    let mut rest = data;
    for message in Message::decode_all(data) {
        let Ok(message) = message else { break };
        rest = check_message(&message, rest);
    }
    check_beacon(data);
    check_crossing(data);
}

/// Checks the message that `bytes` start with; the bytes after it.
fn check_message<'a>(message: &Message<'_>, bytes: &'a [u8]) -> &'a [u8] {
    let (one, rest) = Message::decode(bytes).expect("decode_all has understood it");
    // Debug tells all: unlike equality, it takes a NaN for itself.
    assert_eq!(format!("{one:?}"), format!("{message:?}"), "decode and decode_all differ");
    assert!(rest.len() < bytes.len(), "a message of no bytes");
    let mut buffer = [0; SHARD_BYTES_MAX];
    let encoded = message.encode(&mut buffer).expect("every message fits in a shard");
    assert!(encoded.len() <= bytes.len() - rest.len(), "written longer than read");
    let (again, nothing) = Message::decode(encoded).expect("what is written can be read");
    assert!(nothing.is_empty(), "written more than is read");
    assert_eq!(format!("{again:?}"), format!("{message:?}"), "written as something else");
    rest
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
