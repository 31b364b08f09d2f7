//! Authentic frames that no sender makes.

use noreturn_link::DiodeKey;
use noreturn_simulator::seal::Seal;
use noreturn_wire::frame::{FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX};
use noreturn_wire::{
    Body, Bytes, Class, Code, FileId, FileStep, Header, Heads, Message, SourceId, StreamId, StreamStep,
};

use super::super::script::Script;
use super::said::{CONTENTS, FILE_NAME, STREAM_NAME, beacon, encoded, file_message, record, stream_message};
use super::{BOOTS, Origin};

/// Codes that contradict each other and those of honest senders.
const CODES: [(u8, u8); 8] = [(1, 0), (1, 1), (2, 2), (3, 0), (4, 2), (10, 4), (5, 6), (20, 12)];

/// An authentic frame of the boot at `place`.
pub(super) fn frame(place: usize, script: &mut Script<'_>) -> Vec<u8> {
    let Origin { diode, boot, suite, key, .. } = BOOTS[place];
    let header = Header { suite, diode, boot, frame: script.number(), body: body(script) };
    let mut payload = payload(script);
    payload.resize(payload.len().clamp(1, PAYLOAD_BYTES_MAX), 0);
    let frame = Seal::of(&DiodeKey(key), &header).seal(&header, &payload);
    assert!(frame.len() <= FRAME_BYTES_MAX);
    frame
}

fn body(script: &mut Script<'_>) -> Body {
    let class =
        script.choose(&[Class::Telemetry, Class::Telemetry, Class::Alarm, Class::Bulk, Class::History]);
    let (data, parity) = script.choose(&CODES);
    let code = Code::new(data, parity).expect("the table holds codes");
    let kind = script.byte();
    match kind % 8 {
        0 => Body::Beacon,
        1..5 if parity > 0 => Body::Parity {
            class,
            block: script.number(),
            index: script.byte() % parity,
            data_sent: 1 + script.byte() % data,
            code,
        },
        _ => Body::Data { class, block: script.number(), index: script.byte() % data, code },
    }
}

fn payload(script: &mut Script<'_>) -> Vec<u8> {
    match script.below(10) {
        0..2 => {
            let length = script.number() as usize % PAYLOAD_BYTES_MAX;
            script.take(length).to_vec()
        }
        2 => script.byte().to_be_bytes().repeat(1 + script.number() as usize % PAYLOAD_BYTES_MAX),
        3 => {
            let mut buffer = [0; PAYLOAD_BYTES_MAX];
            beacon(script.number()).encode(&mut buffer).map(<[u8]>::to_vec).unwrap_or_default()
        }
        4 => {
            let (first, count) = (SourceId(script.number() as u32), script.below(8));
            let next = (0..count).map(|_| script.number()).collect();
            encoded(&Message::Heads(Heads { first, next }))
        }
        8 => (0..1 + script.below(8)).flat_map(|_| stream_step(script)).collect(),
        9 => (0..1 + script.below(8)).flat_map(|_| file_step(script)).collect(),
        _ => {
            let (source, first, count) =
                (SourceId(script.byte().into()), script.number(), 1 + script.below(16));
            let step = script.number();
            let sequences = (0..count as u64).map(|n| first.wrapping_add(n.wrapping_mul(step)));
            sequences.flat_map(|sequence| encoded(&Message::Record(record(source, sequence)))).collect()
        }
    }
}

/// A step of a stream that may exist.
fn stream_step(script: &mut Script<'_>) -> Vec<u8> {
    let (stream, sequence) = (StreamId(script.below(5) as u32), script.number());
    let step = match script.below(8) {
        0 => StreamStep::Open(STREAM_NAME),
        1 => StreamStep::Close(script.number() >> 1),
        2 => StreamStep::Abort(script.number() >> 1),
        3 => StreamStep::Head,
        _ => StreamStep::Data {
            offset: script.number() >> 2,
            bytes: Bytes(&CONTENTS[..1 + script.below(200)]),
        },
    };
    encoded(&stream_message(stream, sequence, step))
}

/// A piece of a file that may exist; bytes are what their place says, so that any other is known at once.
fn file_step(script: &mut Script<'_>) -> Vec<u8> {
    let file = FileId(script.below(5) as u32);
    let step = match script.below(8) {
        0 => FileStep::About { name: FILE_NAME, length: script.number() >> 2, sha256: [script.byte(); 32] },
        1 => FileStep::About { name: FILE_NAME, length: 20, sha256: [0; 32] },
        2 => FileStep::Abort,
        3 => FileStep::Data { offset: script.number() >> 2, bytes: Bytes(&[0; 9]) },
        _ => {
            let offset = script.below(20);
            FileStep::Data {
                offset: offset as u64,
                bytes: Bytes(&CONTENTS[offset..][..1 + script.below(10)]),
            }
        }
    };
    encoded(&file_message(file, step))
}
