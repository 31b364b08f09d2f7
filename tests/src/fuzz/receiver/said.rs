//! What honest senders say: everything follows from its number, so that anything else is known at once.

use noreturn_wire::frame::SHARD_BYTES_MAX;
use noreturn_wire::{
    Beacon, Bytes, CardModel, FileId, FilePart, FileStep, Message, OutsideCard, Quality, Record, SourceId,
    StreamId, StreamPart, StreamStep, TimeQuality, Value,
};

/// Bytes of one part of a stream or a file.
const PART_BYTES: usize = 30;
/// Parts of a stream, and of a file.
const PARTS: u64 = 4;
/// Steps of a stream, from its opening to its end.
pub(super) const STREAM_STEPS: u64 = PARTS + 2;
/// Length of a file.
pub(super) const FILE_BYTES: u64 = PARTS * PART_BYTES as u64;

/// Names of all that has one.
pub(super) const SOURCE_NAME: &str = "tank/level";
pub(super) const STREAM_NAME: &str = "plc:502";
pub(super) const FILE_NAME: &str = "log";

/// The bytes of every stream and file.
pub(super) const CONTENTS: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = at as u8;
        at += 1;
    }
    bytes
};

/// The record that a source's `sequence` always is.
pub(in super::super) fn record(source: SourceId, sequence: u64) -> Record {
    let value = Value::U64(sequence.wrapping_mul(0x9e37_79b9) ^ u64::from(source.0));
    Record {
        source,
        sequence,
        acquired_us: sequence.wrapping_mul(1000),
        time_quality: TimeQuality::from_byte(sequence as u8),
        quality: Quality::Good,
        value,
    }
}

/// A step of any honest stream; after the last there are only heads.
pub(super) fn step(sequence: u64) -> StreamStep<'static> {
    match sequence {
        0 => StreamStep::Open(STREAM_NAME),
        1..=PARTS => part(sequence - 1, |offset, bytes| StreamStep::Data { offset, bytes }),
        STREAM_STEPS.. => StreamStep::Head,
        _ => StreamStep::Close(FILE_BYTES),
    }
}

/// A piece of any honest file; they go round and round.
pub(super) fn piece(number: u64) -> FileStep<'static> {
    match number % (PARTS + 1) {
        0 => FileStep::About { name: FILE_NAME, length: FILE_BYTES, sha256: [7; 32] },
        number => part(number - 1, |offset, bytes| FileStep::Data { offset, bytes }),
    }
}

fn part<T>(number: u64, make: impl FnOnce(u64, Bytes<'static>) -> T) -> T {
    let offset = number as usize * PART_BYTES;
    make(offset as u64, Bytes(&CONTENTS[offset..offset + PART_BYTES]))
}

pub(super) const fn stream_message(stream: StreamId, sequence: u64, step: StreamStep<'_>) -> Message<'_> {
    Message::Stream(StreamPart { stream, sequence, step })
}

pub(super) const fn file_message(file: FileId, step: FileStep<'_>) -> Message<'_> {
    Message::File(FilePart { file, step })
}

pub(in super::super) fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = [0; SHARD_BYTES_MAX];
    message.encode(&mut buffer).expect("it fits").to_vec()
}

pub(in super::super) fn beacon(uptime_us: u64) -> Beacon {
    let outside = OutsideCard {
        model: CardModel::IntelE1000e,
        link_up: true,
        firmware_left_receiver_on: false,
        firmware_frames_received: Some(3),
    };
    Beacon {
        image_sha256: [1; 32],
        config_sha256: [2; 32],
        site_sha256: [0x33; 32],
        cards_pinned: true,
        reset_count: Some(300),
        uptime_us,
        clock_us: uptime_us,
        outside,
        ..Beacon::default()
    }
}
