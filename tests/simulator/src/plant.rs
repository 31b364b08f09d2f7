//! The inside: says things whose contents follow from their numbers, so that the judge knows what is true.

use noreturn_link::Sender;
use noreturn_wire::crossing::Sending;
use noreturn_wire::message::HEADS_MAX;
use noreturn_wire::object::PART_BYTES_MAX;
use noreturn_wire::{
    BootId, Bytes, Class, FileId, FilePart, FileStep, Heads, Message, Quality, Record, SourceId, StreamId,
    StreamPart, StreamStep, TimeQuality, Value,
};
use sha2::{Digest, Sha256};

use crate::random::Random;
use crate::scenario::Load;

/// From one round of heads to the next.
const HEADS_US: u64 = 50_000;
/// Place of the heads among what is said.
const HEADS: usize = 4;
/// A file says what it is before every so many parts.
const PARTS_PER_ABOUT: u64 = 32;

/// A way to say one thing.
type Say = fn(&mut Plant, &mut Sender);

/// The plant during one boot.
#[derive(Debug)]
pub(crate) struct Plant {
    pub(crate) boot: BootId,
    load: Load,
    random: Random,
    /// Per source, when each of its records was said; alarm sources come first.
    pub(crate) records: Vec<Vec<u64>>,
    /// Steps said per stream; the last may be open.
    pub(crate) streams: Vec<u64>,
    /// Files said to the end.
    pub(crate) files: u32,
    part: u64,
    now_us: u64,
    next: [u64; 5],
}

impl Plant {
    pub(crate) fn new(boot: BootId, load: Load, seed: u64, now_us: u64) -> Self {
        let sources = (load.alarm_sources + load.telemetry_sources) as usize;
        Self {
            boot,
            load,
            random: Random(seed),
            records: vec![Vec::new(); sources],
            streams: Vec::new(),
            files: 0,
            part: 0,
            now_us,
            next: [now_us; 5],
        }
    }

    /// When it speaks next.
    pub(crate) fn next_us(&self) -> u64 {
        self.next.iter().copied().min().unwrap_or(u64::MAX)
    }

    /// Says what is due. After the end of the run, only heads.
    pub(crate) fn speak(&mut self, now_us: u64, is_over: bool, sender: &mut Sender) {
        let load = self.load;
        self.now_us = now_us;
        let kinds: [(u64, Say); 5] = [
            (load.alarm_interval_us * u64::from(load.alarm_sources.min(1)), Self::say_alarm),
            (load.telemetry_interval_us * u64::from(load.telemetry_sources.min(1)), Self::say_record),
            (load.stream_interval_us, Self::say_stream),
            (load.file_interval_us, Self::say_file),
            (HEADS_US, Self::say_heads),
        ];
        for (place, (interval, say)) in kinds.into_iter().enumerate() {
            if self.next[place] > now_us {
                continue;
            }
            let is_said = interval > 0 && (!is_over || place == HEADS);
            if is_said {
                say(self, sender);
            }
            self.next[place] = if is_said { now_us + interval } else { u64::MAX };
        }
    }

    fn say_alarm(&mut self, sender: &mut Sender) {
        let source = self.random.below(u64::from(self.load.alarm_sources)) as usize;
        self.say_of(source, Class::Alarm, sender);
    }

    fn say_record(&mut self, sender: &mut Sender) {
        let place = self.random.below(u64::from(self.load.telemetry_sources)) as usize;
        self.say_of(self.load.alarm_sources as usize + place, Class::Telemetry, sender);
    }

    fn say_of(&mut self, source: usize, class: Class, sender: &mut Sender) {
        let sequence = self.records[source].len() as u64;
        self.records[source].push(self.now_us);
        say(sender, class, &Message::Record(record(self.boot, source as u32, sequence)));
    }

    fn say_stream(&mut self, sender: &mut Sender) {
        let is_open = self
            .streams
            .last()
            .is_some_and(|&said| said < stream_steps(self.boot, self.streams.len() as u32 - 1));
        if !is_open {
            self.streams.push(0);
        }
        let stream = self.streams.len() as u32 - 1;
        let sequence = self.streams[stream as usize];
        self.streams[stream as usize] += 1;
        let (name, bytes) = (object_name(stream), stream_bytes(self.boot, stream, sequence));
        let step = stream_step(self.boot, stream, sequence, &name, &bytes);
        say(sender, Class::Bulk, &Message::Stream(StreamPart { stream: StreamId(stream), sequence, step }));
    }

    fn say_file(&mut self, sender: &mut Sender) {
        let (boot, file) = (self.boot, self.files);
        let length = file_length(boot, file);
        let parts = length.div_ceil(PART_BYTES_MAX as u64);
        let name = object_name(file);
        if self.part.is_multiple_of(PARTS_PER_ABOUT) || self.part == parts {
            let step = FileStep::About { name: &name, length, sha256: file_sha256(boot, file) };
            say(sender, Class::Bulk, &Message::File(FilePart { file: FileId(file), step }));
        }
        if self.part < parts {
            let offset = self.part * PART_BYTES_MAX as u64;
            let bytes = file_bytes(boot, file, offset, (length - offset).min(PART_BYTES_MAX as u64));
            let step = FileStep::Data { offset, bytes: Bytes(&bytes) };
            say(sender, Class::Bulk, &Message::File(FilePart { file: FileId(file), step }));
        }
        self.part += 1;
        if self.part > parts {
            (self.part, self.files) = (0, self.files + 1);
        }
    }

    fn say_heads(&mut self, sender: &mut Sender) {
        for (number, said) in self.records.chunks(HEADS_MAX).enumerate() {
            let first = SourceId((number * HEADS_MAX) as u32);
            let next = said.iter().map(|said| said.len() as u64).collect();
            say(sender, Class::Telemetry, &Message::Heads(Heads { first, next }));
        }
        // The last two: one may be open, one has just been closed.
        for (stream, &sequence) in self.streams.iter().enumerate().rev().take(2) {
            let stream = StreamId(stream as u32);
            let head = StreamPart { stream, sequence, step: StreamStep::Head };
            say(sender, Class::Bulk, &Message::Stream(head));
        }
    }
}

fn say(sender: &mut Sender, class: Class, message: &Message<'_>) {
    let mut buffer = [0; 2048];
    if let Ok(bytes) = message.encode(&mut buffer) {
        // What does not fit is lost and counted, and the receiver reports it: numbers are given before.
        let _ = sender.push(Sending { class, kept: message.is_kept() }, bytes);
    }
}

/// The one record that has this number.
pub(crate) fn record(boot: BootId, source: u32, sequence: u64) -> Record {
    let value = mix(boot, u64::from(source) << 40 ^ sequence);
    Record {
        source: SourceId(source),
        sequence,
        acquired_us: value >> 20,
        time_quality: TimeQuality::from_byte((value >> 12) as u8),
        quality: Quality::Good,
        value: if value & 1 == 0 { Value::U64(value) } else { Value::F64(value as f64) },
    }
}

/// Steps of a stream, from its opening to its end.
pub(crate) fn stream_steps(boot: BootId, stream: u32) -> u64 {
    3 + mix(boot, u64::from(stream)) % 60
}

fn stream_part_bytes(boot: BootId, stream: u32) -> u64 {
    1 + mix(boot, u64::from(stream) + 1) % PART_BYTES_MAX as u64
}

/// The bytes of a step of a stream, if it has any.
pub(crate) fn stream_bytes(boot: BootId, stream: u32, sequence: u64) -> Vec<u8> {
    if sequence == 0 || sequence + 1 >= stream_steps(boot, stream) {
        return Vec::new();
    }
    let length = stream_part_bytes(boot, stream);
    content(mix(boot, !u64::from(stream)), (sequence - 1) * length, length)
}

/// What a step of a stream is, given its name and bytes.
pub(crate) fn stream_step<'a>(
    boot: BootId,
    stream: u32,
    sequence: u64,
    name: &'a str,
    bytes: &'a [u8],
) -> StreamStep<'a> {
    let last = stream_steps(boot, stream) - 1;
    let before = (sequence.saturating_sub(1)) * stream_part_bytes(boot, stream);
    match sequence {
        0 => StreamStep::Open(name),
        _ if sequence < last => StreamStep::Data { offset: before, bytes: Bytes(bytes) },
        _ if stream % 3 == 2 => StreamStep::Abort(before),
        _ => StreamStep::Close(before),
    }
}

pub(crate) fn object_name(number: u32) -> String {
    format!("object-{number}")
}

/// Length of a file; some are empty.
pub(crate) fn file_length(boot: BootId, file: u32) -> u64 {
    if file % 5 == 4 { 0 } else { mix(boot, u64::from(file) + 2) % 100_000 }
}

pub(crate) fn file_bytes(boot: BootId, file: u32, offset: u64, length: u64) -> Vec<u8> {
    content(mix(boot, u64::from(file) + 3), offset, length)
}

pub(crate) fn file_sha256(boot: BootId, file: u32) -> [u8; 32] {
    Sha256::digest(file_bytes(boot, file, 0, file_length(boot, file))).into()
}

/// Bytes that tell where they belong.
fn content(key: u64, offset: u64, length: u64) -> Vec<u8> {
    (offset..offset + length)
        .map(|at| (key >> (at % 8 * 8)) as u8 ^ (at / 8) as u8 ^ (at >> 11) as u8)
        .collect()
}

fn mix(boot: BootId, number: u64) -> u64 {
    let half = u64::from_be_bytes(boot.0[..8].try_into().unwrap_or_default());
    Random(half ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d)).draw()
}
