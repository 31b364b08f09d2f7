//! Authentic shards of sizes that no sender makes.

use alloc::vec;

use noreturn_wire::frame::{FRAME_BYTES_MAX, HEADER_BYTES, PAYLOAD_BYTES_MAX, TAG_BYTES};

use super::*;

/// A block of two data shards and two of parity, of which one data shard comes, and then parity of these lengths;
/// what became of the parity, and how many shards it gave back.
fn mend(data_shard: &[u8], parity_lengths: &[usize]) -> (Vec<Result<(), Refusal>>, ReceiverCounters) {
    let mut receiver = receiver();
    let first = seal_raw(1, 0, data(0, 0), data_shard.to_vec());
    // Contents are not what is looked at here.
    let _ = receiver.handle_datagram(&first, 0);
    let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
    let results = (0..).zip(parity_lengths).map(|(index, &length)| {
        let body = Body::Parity { class: Class::Telemetry, block: 0, index, data_sent: 2, code };
        let frame = seal_raw(1, 1 + u64::from(index), body, vec![0xff; length]);
        receiver.handle_datagram(&frame, 0)
    });
    (results.collect(), receiver.counters())
}

/// Messages of a shard that is a little longer than so many bytes.
fn shard(bytes: usize) -> Vec<u8> {
    let encoded = record(0, 0).encode(&mut [0; 64]).expect("it fits").to_vec();
    encoded.repeat(bytes.div_ceil(encoded.len()))
}

#[test]
fn parity_shorter_than_the_data_gives_nothing_back() {
    for length in [1, 2, 3, 100] {
        let (results, counters) = mend(&shard(100), &[length]);
        assert_eq!((results, counters.parity_frames), (vec![Ok(())], 1));
        assert_eq!((counters.shards_recovered, counters.blocks_incomplete), (0, 1), "length {length}");
        assert!(counters.records > 0, "the data shard itself was delivered");
    }
}

#[test]
fn parity_of_two_lengths_is_refused() {
    for (one, other) in [(200, 199), (200, 201), (1, PAYLOAD_BYTES_MAX), (PAYLOAD_BYTES_MAX, 1)] {
        let mut receiver = receiver();
        let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
        let results = [(0, one), (1, other)].map(|(index, length)| {
            let body = Body::Parity { class: Class::Telemetry, block: 0, index, data_sent: 2, code };
            receiver.handle_datagram(&seal_raw(1, u64::from(index), body, vec![1; length]), 0)
        });
        assert_eq!(results, [Ok(()), Err(Refusal::Inconsistent)]);
        assert_eq!(receiver.counters().shards_recovered, 0);
    }
}

#[test]
fn a_length_behind_the_end_of_a_recovered_shard_gives_nothing_back() {
    // Without data, parity of noise gives noise, whose length is longer than itself.
    let (results, counters) = mend(&shard(1), &[600]);
    assert_eq!(results, [Ok(())]);
    assert_eq!((counters.shards_recovered, counters.blocks_incomplete), (0, 1));
}

#[test]
fn data_longer_than_any_parity_is_delivered_and_cannot_help() {
    let mut longest = shard(PAYLOAD_BYTES_MAX - 10);
    longest.resize(PAYLOAD_BYTES_MAX, 0);
    let (results, counters) = mend(&longest, &[PAYLOAD_BYTES_MAX]);
    assert_eq!(results, [Ok(())]);
    assert_eq!((counters.shards_recovered, counters.blocks_incomplete), (0, 1));
    assert!(counters.records > 0);
}

#[test]
fn parity_gives_nothing_back_when_longer_data_comes_after_it() {
    let code = Code::new(CODE.0, CODE.1).expect("there is such a code");
    let good = shard(1);
    for length in [1, 2, good.len() - 1] {
        let mut receiver = receiver();
        let parity = Body::Parity { class: Class::Telemetry, block: 0, index: 0, data_sent: 2, code };
        assert_eq!(receiver.handle_datagram(&seal_raw(1, 0, parity, vec![1; length]), 0), Ok(()));
        assert_eq!(receiver.handle_datagram(&seal_raw(1, 1, data(0, 0), good.clone()), 0), Ok(()));
        let counters = receiver.counters();
        assert_eq!((counters.records, counters.shards_recovered, counters.blocks_incomplete), (1, 0, 1));
    }
}

#[test]
fn shards_that_are_empty_or_longer_than_a_frame_holds_are_refused() {
    let mut receiver = receiver();
    let sizes = [(0, HEADER_BYTES + TAG_BYTES), (PAYLOAD_BYTES_MAX + 1, FRAME_BYTES_MAX + 1)];
    for (shard_bytes, frame_bytes) in sizes {
        let frame = seal_raw(1, 0, data(0, 0), vec![0; shard_bytes]);
        assert_eq!(frame.len(), frame_bytes);
        assert!(
            matches!(receiver.handle_datagram(&frame, 0), Err(Refusal::Header(_))),
            "{shard_bytes} bytes"
        );
    }
    assert_eq!(receiver.poll_event(), None, "nothing of it starts a session");
    let smallest = seal_raw(1, 0, data(0, 0), vec![0; 1]);
    assert!(
        !matches!(receiver.handle_datagram(&smallest, 0), Err(Refusal::Header(_))),
        "one byte is a shard"
    );
}

/// As a receiver without the newest kinds meets them, and one without the newest values.
#[test]
fn a_message_that_is_not_known_costs_nothing_but_itself() {
    let message = |source| record(source, 0).encode(&mut [0; 64]).expect("it fits").to_vec();
    // Of a kind that there is not; and a record whose value is of a kind that there is not.
    let unknown = [3, 99, 1, 2];
    let mut odd_value = message(1);
    let value = odd_value.len() - 2;
    odd_value[value] = 9;
    let shard = [&message(0), &unknown[..], &odd_value, &message(2), &unknown].concat();
    let mut receiver = receiver();
    let frame = seal_raw(1, 0, data(0, 0), shard);
    assert_eq!(receiver.handle_datagram(&frame, 0), Err(Refusal::Malformed));
    let sources: Vec<_> = events(&mut receiver)
        .into_iter()
        .map(|event| match event {
            EventKind::Record { record, .. } => record.source.0,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sources, [0, 2]);
    let counters = receiver.counters();
    assert_eq!((counters.messages_unknown, counters.refused_malformed, counters.data_frames), (2, 1, 1));
}
