//! Sender and receiver against each other, frame by frame. Bad networks are simulated in `tests/simulator`.
mod common;

use common::{DIODE, KEY, config, encoded, push, receiver, record, sender};
use noreturn_fec::Geometry;
use noreturn_link::receiver::EventKind;
use noreturn_link::{DiodeKey, Receiver, ReceiverConfig, Refusal, Sender, SenderConfig};
use noreturn_wire::frame::{FRAME_BYTES_MAX, HEADER_BYTES, SHARD_BYTES_MAX};
use noreturn_wire::{BootId, Code, Header, HeaderError, Message, Suite};

const BOOT: BootId = BootId([9; 16]);

fn frames(sender: &mut noreturn_link::Sender, now_us: u64) -> Vec<Vec<u8>> {
    let mut buffer = [0; FRAME_BYTES_MAX];
    std::iter::from_fn(|| sender.poll_transmit(now_us, &mut buffer).map(|length| buffer[..length].to_vec()))
        .collect()
}

#[test]
fn a_block_that_lost_no_more_than_its_parity_loses_nothing() {
    let mut sender = sender((10, 4), BOOT);
    let mut sent = Vec::new();
    for sequence in 0..10 {
        push(&mut sender, &encoded(&Message::Record(record(1, sequence)))).unwrap();
        sent.extend(frames(&mut sender, sequence));
    }
    assert_eq!(sent.len(), 14);
    for lost in [[0, 1, 2, 3], [6, 7, 8, 9], [0, 5, 9, 13], [10, 11, 12, 13]] {
        let mut receiver = receiver();
        for (index, frame) in sent.iter().enumerate().filter(|(index, _)| !lost.contains(index)) {
            assert_eq!(receiver.handle_datagram(frame, index as u64), Ok(()));
        }
        let records = std::iter::from_fn(|| receiver.poll_event())
            .filter_map(|event| match event.kind {
                EventKind::Record { record, .. } => Some(record.sequence),
                _ => None,
            })
            .collect::<Vec<_>>();
        assert_eq!(records, (0..10).collect::<Vec<_>>(), "lost {lost:?}");
    }
}

#[test]
fn data_leaves_at_once_and_parity_at_the_deadline() {
    let mut sender = sender((10, 4), BOOT);
    push(&mut sender, &encoded(&Message::Record(record(1, 0)))).unwrap();
    assert_eq!(sender.poll_at(), Some(0));
    assert_eq!(frames(&mut sender, 100).len(), 1);
    assert_eq!(sender.poll_at(), Some(20_100));
    assert_eq!(frames(&mut sender, 20_099).len(), 0);
    assert_eq!(
        frames(&mut sender, 20_100).len(),
        1,
        "one data shard of ten is protected by one parity shard"
    );
    assert_eq!(sender.poll_at(), None);
}

#[test]
fn the_pace_is_kept() {
    let mut config = SenderConfig { rate_bytes_per_s: 100_000, burst_bytes: 3_000, ..config((10, 4)) };
    for copies in [1, 2] {
        config.copies = copies;
        let mut sender = Sender::new(&config, BOOT, &KEY);
        for _ in 0..400 {
            push(&mut sender, &[0; 1000]).unwrap();
        }
        let mut bytes = 0;
        for now in (0..2_000_000).step_by(100) {
            bytes +=
                frames(&mut sender, now).iter().map(|frame| frame.len() as u64 + 42).sum::<u64>() * copies;
        }
        assert!((198_000..=200_000 + 3_000 + 1514 * copies).contains(&bytes), "{bytes} bytes in two seconds");
    }
}

#[test]
fn a_full_queue_refuses_and_counts() {
    let mut sender = sender((10, 4), BOOT);
    let taken = (0..2000).filter(|_| push(&mut sender, &[0; 1000]).is_ok()).count();
    assert_eq!(taken, (1 << 20) / 1002);
    assert_eq!(sender.counters().get(noreturn_wire::Counter::LinkQueueFull), 2000 - taken as u64);
    assert!(push(&mut sender, &[]).is_err());
    assert!(push(&mut sender, &[0; SHARD_BYTES_MAX + 1]).is_err());
}

#[test]
fn every_altered_bit_and_every_truncation_is_refused() {
    for suite in Suite::ALL {
        let mut sender = Sender::new(&SenderConfig { suite, ..config((10, 4)) }, BOOT, &KEY);
        push(&mut sender, &encoded(&Message::Record(record(1, 0)))).unwrap();
        let frame = frames(&mut sender, 0).remove(0);
        let mut receiver = receiver();
        for bit in 0..frame.len() * 8 {
            let mut altered = frame.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.handle_datagram(&altered, 0).is_err(), "bit {bit}");
        }
        for length in 0..frame.len() {
            assert!(receiver.handle_datagram(&frame[..length], 0).is_err(), "length {length}");
        }
        assert_eq!(receiver.poll_event(), None, "nothing forged starts a session");
        assert_eq!(receiver.handle_datagram(&frame, 0), Ok(()));
        assert_eq!(receiver.handle_datagram(&frame, 0), Err(Refusal::Replayed));
    }
}

#[test]
fn tiny_and_huge_datagrams_are_refused() {
    let mut receiver = receiver();
    for length in [0, 1, 3, HEADER_BYTES, FRAME_BYTES_MAX + 1, 9000, 65_507] {
        let refused = receiver.handle_datagram(&vec![0x4e; length], 0);
        assert!(matches!(refused, Err(Refusal::Header(_))), "{length}: {refused:?}");
    }
    assert_eq!(receiver.handle_datagram(&[0; 1], 0), Err(Refusal::Header(HeaderError::Short)));
}

#[test]
fn another_key_and_another_diode_are_refused() {
    let mut sender = sender((10, 4), BOOT);
    push(&mut sender, &encoded(&Message::Record(record(1, 0)))).unwrap();
    let frame = frames(&mut sender, 0).remove(0);
    let mut wrong_key = Receiver::new(ReceiverConfig::default(), [(DIODE, DiodeKey([1; 32]))]);
    assert_eq!(wrong_key.handle_datagram(&frame, 0), Err(Refusal::ForgedHeader));
    let mut no_key = Receiver::new(ReceiverConfig::default(), []);
    assert_eq!(no_key.handle_datagram(&frame, 0), Err(Refusal::UnknownDiode));
}

#[test]
fn every_geometry_of_the_code_has_a_place_on_the_wire() {
    for data in 0..=255 {
        for parity in 0..=255 {
            assert_eq!(Geometry::new(data, parity).is_ok(), Code::new(data, parity).is_some());
        }
    }
}

#[test]
fn no_frame_number_is_used_twice_and_payloads_are_hidden() {
    let mut sender = sender((3, 2), BOOT);
    for sequence in 0..50 {
        push(&mut sender, &encoded(&Message::Record(record(1, sequence)))).unwrap();
    }
    let secret = encoded(&Message::Announce(noreturn_wire::Announce {
        source: noreturn_wire::SourceId(1),
        name: "plc-1/chlorine",
        unit: "mg/l",
    }));
    push(&mut sender, &secret).unwrap();
    let frames: Vec<_> = (0..100).flat_map(|step| frames(&mut sender, step * 1000)).collect();
    let numbers: Vec<u64> = frames.iter().map(|frame| Header::parse(frame).unwrap().0.frame).collect();
    assert_eq!(numbers, (0..frames.len() as u64).collect::<Vec<_>>());
    assert!(!frames.iter().any(|frame| frame.windows(8).any(|window| window == b"chlorine")));
}

#[test]
fn old_boots_make_room_for_new_ones_and_leave_no_record_unaccounted() {
    let mut receiver = receiver();
    for boot in 0..6_u8 {
        let mut sender = sender((10, 4), BootId([boot; 16]));
        for sequence in 0..3 {
            push(&mut sender, &encoded(&Message::Record(record(1, sequence)))).unwrap();
            for frame in frames(&mut sender, 0).iter().filter(|_| sequence != 1) {
                receiver.handle_datagram(frame, u64::from(boot)).unwrap();
            }
        }
    }
    let kinds: Vec<_> = std::iter::from_fn(|| receiver.poll_event()).map(|event| event.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::Ended).count(), 2);
    assert_eq!(
        kinds.iter().filter(|kind| matches!(kind, EventKind::Gap { first: 1, last: 1, .. })).count(),
        2
    );
}
