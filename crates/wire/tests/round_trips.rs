//! What is written is read back; what no one writes is refused; nothing panics.
#![allow(clippy::unwrap_used)]

use noreturn_wire::attestation::{Point, QUOTED_PCRS, STATEMENT_BYTES_MAX};
use noreturn_wire::crossing::{
    CROSSING_BYTES_MAX, ClockReading, Sending, encode_clock, encode_counters, encode_message,
};
use noreturn_wire::frame::{FRAME_BYTES_MAX, FRAME_BYTES_MIN, HEADER_BYTES, SHARD_BYTES_MAX};
use noreturn_wire::message::{HEADS_MAX, NAME_BYTES_MAX, UNIT_BYTES_MAX};
use noreturn_wire::object::{OBJECT_BYTES_MAX, OBJECT_NAME_BYTES_MAX, PART_BYTES_MAX};
use noreturn_wire::{
    Announce, Attestation, Beacon, Body, BootId, Bytes, CardModel, Class, ClockState, Code, Counter,
    Counters, Crossing, DiodeId, DmaFence, Fault, FileId, FilePart, FileStep, FloorMemory, Header,
    HeaderError, HeaderKey, Heads, LastStop, Message, MessageError, OutsideCard, Quality, Quote, Record,
    Release, SourceId, StreamId, StreamPart, StreamStep, Suite, TimeQuality, TimeSource, Value, Watchdog,
};
use proptest::prelude::*;

const KEY: HeaderKey = HeaderKey([7; 16]);

/// The only message of a shard.
fn decode(shard: &[u8]) -> Result<Message<'_>, MessageError> {
    let mut messages = Message::decode_all(shard);
    let message = messages.next().unwrap();
    assert!(messages.next().is_none(), "one message only");
    message
}

fn classes() -> impl Strategy<Value = Class> {
    prop::sample::select(&Class::ALL[..])
}

fn bodies() -> impl Strategy<Value = Body> {
    let shard = (classes(), any::<u64>(), 1_u8..=255, any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>());
    let shards =
        shard.prop_filter_map("no such code", |(class, block, data, parity, index, sent, is_data)| {
            let code = Code::new(data, parity)?;
            let data_body = Body::Data { class, block, index: index % data, code };
            let parity_body = || Body::Parity {
                class,
                block,
                index: index % parity.max(1),
                data_sent: 1 + sent % data,
                code,
            };
            (is_data || parity > 0).then(|| if is_data { data_body } else { parity_body() })
        });
    prop_oneof![4 => shards, 1 => Just(Body::Beacon)]
}

fn headers() -> impl Strategy<Value = Header> {
    let suites = prop::sample::select(&Suite::ALL[..]);
    (suites, any::<u32>(), any::<[u8; 16]>(), any::<u64>(), bodies()).prop_map(
        |(suite, diode, boot, frame, body)| Header {
            suite,
            diode: DiodeId(diode),
            boot: BootId(boot),
            frame,
            body,
        },
    )
}

fn records() -> impl Strategy<Value = Record> {
    let values = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        prop::num::f64::NORMAL.prop_map(Value::F64),
    ];
    let qualities = prop_oneof![
        Just(Quality::Good),
        any::<u8>().prop_map(|code| Quality::Bad(Fault::Exception(code))),
        Just(Quality::Bad(Fault::ReplyTimeout)),
    ];
    (any::<u32>(), any::<u64>(), any::<u64>(), any::<u8>(), qualities, values).prop_map(
        |(source, sequence, acquired_us, time, quality, value)| Record {
            source: SourceId(source),
            sequence,
            acquired_us,
            time_quality: TimeQuality::from_byte(time),
            quality,
            value,
        },
    )
}

fn counters(seed: u64) -> Counters {
    let mut counters = Counters::default();
    for (place, &counter) in Counter::ALL.iter().enumerate() {
        counters.add(counter, seed.wrapping_mul(place as u64 + 1));
    }
    counters
}

proptest! {
    #[test]
    fn headers_round_trip(header in headers(), payload in prop::collection::vec(any::<u8>(), 17..1416)) {
        let mut datagram = header.emit(&KEY).to_vec();
        datagram.extend(&payload);
        let (parsed, associated, sealed) = Header::parse(&datagram).unwrap();
        prop_assert_eq!(parsed, header);
        prop_assert_eq!(&associated[..], &datagram[..HEADER_BYTES]);
        prop_assert_eq!(sealed, &payload[..]);
        prop_assert!(KEY.verifies(associated));
        prop_assert!(!HeaderKey([8; 16]).verifies(associated));
    }

    #[test]
    fn a_flipped_bit_of_a_header_is_noticed(header in headers(), bit in 0..HEADER_BYTES * 8) {
        let mut datagram = header.emit(&KEY).to_vec();
        datagram.extend([0; 17]);
        datagram[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!Header::parse(&datagram).is_ok_and(|(_, bytes, _)| KEY.verifies(bytes)));
    }

    #[test]
    fn messages_round_trip_one_after_another(records in prop::collection::vec(records(), 0..20)) {
        let mut shard = Vec::new();
        for record in &records {
            shard.extend_from_slice(Message::Record(*record).encode(&mut [0; 128]).unwrap());
        }
        let decoded: Result<Vec<_>, _> = Message::decode_all(&shard).collect();
        prop_assert_eq!(decoded, Ok(records.into_iter().map(Message::Record).collect()));
    }

    #[test]
    fn what_is_not_known_costs_no_other_message(
        records in prop::collection::vec(records(), 1..20),
        place: prop::sample::Index,
        kind in 5..=u32::MAX,
        contents in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut kind = postcard::to_slice(&kind, &mut [0; 5]).unwrap().to_vec();
        kind.extend(contents);
        let unknown = [postcard::to_slice(&(kind.len() as u16), &mut [0; 2]).unwrap(), &kind[..]].concat();
        let mut expected: Vec<_> = records.iter().map(|record| Ok(Message::Record(*record))).collect();
        expected.insert(place.index(expected.len() + 1), Err(MessageError::Unknown));
        let mut shard = Vec::new();
        for message in &expected {
            match message {
                Ok(message) => shard.extend_from_slice(message.encode(&mut [0; 128]).unwrap()),
                Err(_) => shard.extend_from_slice(&unknown),
            }
        }
        prop_assert_eq!(Message::decode_all(&shard).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_later_versions_add_to_a_message_is_skipped(
        record in records(),
        added in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let message = Message::Record(record);
        let mut shard = message.encode(&mut [0; 128]).unwrap().to_vec();
        // A record is shorter than 128 bytes, so its length is one.
        let mut longer = shard.split_off(1);
        longer.extend(added);
        let mut length = [0; 2];
        let shard = [postcard::to_slice(&(longer.len() as u16), &mut length).unwrap() as &[u8], &longer].concat();
        prop_assert_eq!(decode(&shard), Ok(message));
    }

    #[test]
    fn arbitrary_bytes_are_messages_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Header::parse(&bytes);
        let _ = Beacon::decode(&bytes);
        let _ = Crossing::decode(&bytes);
        let _ = Message::decode(&bytes);
        let messages: Vec<_> = Message::decode_all(&bytes).collect();
        let lost = messages.iter().rev().skip(1).find(|message| **message == Err(MessageError::Length));
        prop_assert_eq!(lost, None, "something follows a length that leads nowhere");
    }

    #[test]
    fn crossings_round_trip(record in records(), class in classes(), seed in any::<u64>()) {
        let message = Message::Record(record);
        let mut buffer = [0; CROSSING_BYTES_MAX];
        let entry = encode_message(class, &message, &mut buffer).unwrap();
        let sending = match class {
            Class::History => Sending { class: Class::Telemetry, kept: false },
            _ => Sending { class, kept: true },
        };
        prop_assert_eq!(Crossing::decode(entry), Ok(Crossing::Message(sending, &entry[1..])));
        prop_assert_eq!(decode(&entry[1..]), Ok(message));
        let entry = encode_counters(&counters(seed), &mut buffer).unwrap();
        prop_assert_eq!(Crossing::decode(entry), Ok(Crossing::Counters(counters(seed))));
        let state = ClockState { source: TimeSource::Rtc, uncertainty_us: Some(seed), steps: seed };
        let clock = ClockReading { uptime_us: seed, clock_us: seed, state };
        let entry = encode_clock(&clock, &mut buffer).unwrap();
        prop_assert_eq!(Crossing::decode(entry), Ok(Crossing::Clock(clock)));
    }
}

#[test]
fn a_beacon_with_every_counter_at_its_largest_and_the_longest_quote_fits_a_frame() {
    let outside = OutsideCard {
        model: CardModel::IntelE1000e,
        link_up: true,
        firmware_left_receiver_on: true,
        firmware_frames_received: Some(u32::MAX),
    };
    let mut beacon = Beacon {
        image_sha256: [0xff; 32],
        config_sha256: [0xff; 32],
        site_sha256: [0x33; 32],
        cards_pinned: true,
        reset_count: Some(300),
        release: Release { version: u32::MAX, floor: u32::MAX, memory: FloorMemory::Failed(u32::MAX) },
        uptime_us: u64::MAX,
        clock_us: u64::MAX,
        outside,
        last_stop: LastStop::Exception { vector: 31 },
        watchdog: Watchdog::Tco,
        dma_fence: DmaFence::Active,
        clock: ClockState { source: TimeSource::Gps, uncertainty_us: Some(u64::MAX), steps: u64::MAX },
        counters: counters(0),
        attestation: Attestation::Quoted(Quote {
            key: Point([0xff; 32], [0xff; 32]),
            pcrs: [[0xff; 32]; QUOTED_PCRS.len()],
            statement: [0xff; STATEMENT_BYTES_MAX].into_iter().collect(),
            signature: Point([0xff; 32], [0xff; 32]),
        }),
    };
    Counter::ALL.iter().for_each(|&counter| beacon.counters.set(counter, u64::MAX));
    let mut buffer = [0; SHARD_BYTES_MAX];
    let length = beacon.encode(&mut buffer).unwrap().len();
    assert_eq!(Beacon::decode(&buffer[..length]), Ok(beacon));
}

#[test]
fn the_longest_name_and_heads_fit_a_shard_and_longer_names_are_refused() {
    let (name, unit) = ("n".repeat(NAME_BYTES_MAX), "u".repeat(UNIT_BYTES_MAX));
    let announce = Announce { source: SourceId(u32::MAX), name: &name, unit: &unit };
    let heads = Heads { first: SourceId(u32::MAX), next: std::iter::repeat_n(u64::MAX, HEADS_MAX).collect() };
    let mut buffer = [0; SHARD_BYTES_MAX];
    for message in [Message::Announce(announce), Message::Heads(heads)] {
        let bytes = message.encode(&mut buffer).unwrap().to_vec();
        assert_eq!(decode(&bytes), Ok(message));
    }
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    let too_long = Message::Announce(Announce { source: SourceId(0), name: &long, unit: "" });
    assert_eq!(too_long.encode(&mut buffer), Err(MessageError::TooLong));
}

#[test]
fn the_longest_parts_fit_a_shard_and_longer_ones_are_refused() {
    let (name, bytes) = ("n".repeat(OBJECT_NAME_BYTES_MAX), [7; PART_BYTES_MAX]);
    let last = OBJECT_BYTES_MAX - PART_BYTES_MAX as u64;
    let stream = |step| Message::Stream(StreamPart { stream: StreamId(u32::MAX), sequence: u64::MAX, step });
    let file = |step| Message::File(FilePart { file: FileId(u32::MAX), step });
    let mut buffer = [0; SHARD_BYTES_MAX];
    for message in [
        stream(StreamStep::Open(&name)),
        stream(StreamStep::Data { offset: last, bytes: Bytes(&bytes) }),
        stream(StreamStep::Close(OBJECT_BYTES_MAX)),
        stream(StreamStep::Abort(OBJECT_BYTES_MAX)),
        stream(StreamStep::Head),
        file(FileStep::About { name: &name, length: OBJECT_BYTES_MAX, sha256: [0xff; 32] }),
        file(FileStep::Data { offset: last, bytes: Bytes(&bytes) }),
        file(FileStep::Abort),
    ] {
        let encoded = message.encode(&mut buffer).unwrap().to_vec();
        assert_eq!(decode(&encoded), Ok(message));
    }
    let (long, more) = ("n".repeat(OBJECT_NAME_BYTES_MAX + 1), [7; PART_BYTES_MAX + 1]);
    for message in [
        stream(StreamStep::Open(&long)),
        stream(StreamStep::Data { offset: 0, bytes: Bytes(&more) }),
        stream(StreamStep::Data { offset: 0, bytes: Bytes(&[]) }),
        stream(StreamStep::Close(OBJECT_BYTES_MAX + 1)),
        file(FileStep::About { name: &long, length: 0, sha256: [0; 32] }),
        file(FileStep::About { name: "", length: OBJECT_BYTES_MAX + 1, sha256: [0; 32] }),
        file(FileStep::Data { offset: last + 1, bytes: Bytes(&bytes) }),
        file(FileStep::Data { offset: u64::MAX, bytes: Bytes(&bytes) }),
    ] {
        assert_eq!(message.encode(&mut buffer), Err(MessageError::TooLong));
    }
}

#[test]
fn a_length_that_leads_nowhere_ends_the_shard() {
    let known = Message::Heads(Heads { first: SourceId(1), next: heapless::Vec::new() });
    let mut buffer = [0; 16];
    let known_bytes = known.encode(&mut buffer).unwrap();
    for wrong in [&[5, 0, 0, 0, 0][..], &[0xff], &[0xff, 0xff, 0xff, 0xff], &[0x80, 0x80, 0x04, 0]] {
        let shard = [known_bytes, wrong].concat();
        let expected = [Ok(known.clone()), Err(MessageError::Length)];
        assert_eq!(Message::decode_all(&shard).collect::<Vec<_>>(), expected, "{wrong:02x?}");
    }
    // One of no bytes is malformed, and costs no other.
    let shard = [&[0], known_bytes].concat();
    let expected = [Err(MessageError::Malformed), Ok(known)];
    assert_eq!(Message::decode_all(&shard).collect::<Vec<_>>(), expected);
}

#[test]
fn datagrams_of_impossible_size_or_version_are_named() {
    let (suite, boot) = (Suite::default(), BootId([2; 16]));
    let header = Header { suite, diode: DiodeId(1), boot, frame: 3, body: Body::Beacon };
    let mut datagram = header.emit(&KEY).to_vec();
    datagram.resize(FRAME_BYTES_MIN - 1, 0);
    assert_eq!(Header::parse(&datagram), Err(HeaderError::Short));
    datagram.resize(FRAME_BYTES_MAX + 1, 0);
    assert_eq!(Header::parse(&datagram), Err(HeaderError::Long));
    datagram.truncate(FRAME_BYTES_MIN);
    assert!(Header::parse(&datagram).is_ok());
    for suite in [0, 3, 255] {
        datagram[3] = suite;
        assert_eq!(Header::parse(&datagram), Err(HeaderError::Suite(suite)));
    }
    // The version before this one is told by its name.
    datagram[2] = 1;
    let error = Header::parse(&datagram).unwrap_err();
    assert_eq!((error, error.to_string()), (HeaderError::Version(1), "version 1, expected 2".to_owned()));
    datagram[0] = b'X';
    assert_eq!(Header::parse(&datagram), Err(HeaderError::Magic));
}

#[test]
fn counter_names_are_unique_and_snake_case() {
    let names: std::collections::BTreeSet<_> = Counter::ALL.iter().map(|counter| counter.name()).collect();
    assert_eq!(names.len(), Counter::ALL.len());
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
}

/// The byte that `docs/protocol.md` describes, at every edge of it.
#[test]
fn a_time_quality_rounds_up_to_a_power_of_two_and_never_down() {
    for (uncertainty_us, exponent) in [
        (Some(0), 0),
        (Some(1), 0),
        (Some(2), 1),
        (Some(3), 2),
        (Some(4), 2),
        (Some(5), 3),
        (Some(1_000_000), 20),
        (Some(1 << 62), 62),
        (Some((1 << 62) + 1), 63),
        (Some(u64::MAX), 63),
        (None, 63),
    ] {
        for (number, source) in TimeSource::ALL.into_iter().enumerate() {
            let quality = TimeQuality::new(source, uncertainty_us);
            assert_eq!(quality.to_byte(), (number as u8) << 6 | exponent, "{uncertainty_us:?}");
            assert_eq!(quality.source(), source);
        }
    }
    for byte in 0..=255 {
        let quality = TimeQuality::from_byte(byte);
        assert_eq!(TimeQuality::new(quality.source(), quality.uncertainty_us()), quality);
    }
}
