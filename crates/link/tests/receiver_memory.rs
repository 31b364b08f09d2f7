//! The receiver keeps to its memory formula whatever it receives, and idle sessions are small.
#![allow(clippy::unwrap_used)]

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use noreturn_link::receiver::{Lane, Mark, Objects};
use noreturn_link::{DiodeKey, Receiver, ReceiverConfig};
use noreturn_wire::frame::{PAYLOAD_BYTES_MAX, SHARD_BYTES_MAX};
use noreturn_wire::{
    Body, BootId, Bytes, Class, Code, DiodeId, FileId, FilePart, FileStep, Header, Heads, Message, Quality,
    Record, SourceId, StreamId, StreamPart, StreamStep, Suite, TimeQuality, Value,
};
use sha2::Sha256;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const KEY: DiodeKey = DiodeKey([2; 32]);
const DIODE: DiodeId = DiodeId(1);
/// A term promises at most so many times what is taken: nodes of maps may be half empty, and lists grow by doubling.
const TERM_SLACK: usize = 6;

/// One boot of a box that has the key and may tell lies.
struct Box {
    diode: DiodeId,
    boot: BootId,
    cipher: ChaCha20Poly1305,
    frame: u64,
}

impl Box {
    fn new(diode: DiodeId, boot: u8) -> Self {
        let (boot, mut key) = (BootId([boot; 16]), [0; 32]);
        let info = [&b"noreturn 2 frame\x01"[..], &diode.0.to_be_bytes()].concat();
        Hkdf::<Sha256>::new(Some(&boot.0), &KEY.0).expand(&info, &mut key).unwrap();
        Self { diode, boot, cipher: ChaCha20Poly1305::new(&key.into()), frame: 0 }
    }

    /// Delivers an authentic frame and takes the events.
    fn deliver(&mut self, receiver: &mut Receiver, now_us: u64, body: Body, payload: &[u8]) {
        let Self { diode, boot, frame, .. } = *self;
        let header = Header { suite: Suite::default(), diode, boot, frame, body };
        let header = header.emit(&KEY.header_key(diode));
        let (mut nonce, mut sealed) = ([0; 12], payload.to_vec());
        nonce[4..].copy_from_slice(&self.frame.to_be_bytes());
        let tag = self
            .cipher
            .encrypt_inout_detached(&Nonce::from(nonce), &header, sealed.as_mut_slice().into())
            .unwrap();
        self.frame += 1;
        let _ = receiver.handle_datagram(&[&header[..], &sealed, &tag].concat(), now_us);
        while receiver.poll_event().is_some() {}
    }

    /// Delivers messages, as many to a shard as fit, in a block without parity.
    fn tell<'a>(
        &mut self,
        receiver: &mut Receiver,
        now_us: u64,
        messages: impl IntoIterator<Item = Message<'a>>,
    ) {
        let body = |block| {
            let code = Code::new(200, 0).unwrap();
            Body::Data { class: Class::Telemetry, block, index: 0, code }
        };
        let mut shard = Vec::new();
        for message in messages {
            let mut buffer = [0; SHARD_BYTES_MAX];
            let message = message.encode(&mut buffer).unwrap();
            if shard.len() + message.len() > SHARD_BYTES_MAX {
                self.deliver(receiver, now_us, body(self.frame), &shard);
                shard.clear();
            }
            shard.extend_from_slice(message);
        }
        self.deliver(receiver, now_us, body(self.frame), &shard);
    }
}

fn bytes_now() -> usize {
    dhat::HeapStats::get().curr_bytes
}

fn record(source: u32, sequence: u64) -> Message<'static> {
    let (quality, value) = (Quality::Good, Value::U64(sequence));
    Message::Record(Record {
        source: SourceId(source),
        sequence,
        acquired_us: 0,
        time_quality: TimeQuality::NONE,
        quality,
        value,
    })
}

const fn stream(stream: u32, sequence: u64, step: StreamStep<'_>) -> Message<'_> {
    Message::Stream(StreamPart { stream: StreamId(stream), sequence, step })
}

const fn file(file: u32, step: FileStep<'_>) -> Message<'_> {
    Message::File(FilePart { file: FileId(file), step })
}

/// Shards of blocks that are never complete, small ones in many blocks and large ones in few.
fn fill_shards(liar: &mut Box, receiver: &mut Receiver, length: usize) {
    let code = Code::new(128, 128).unwrap();
    let noise = vec![0xff; length];
    for class in Class::ALL {
        for block in 0..1300 {
            // One block has all its data but for one shard, so that it is as large as a block can be.
            let shards = if block == 1299 { 127 } else { 7 };
            for index in 1..=shards {
                let body = Body::Data { class, block: 2 * block + 1, index: index % 128, code };
                liar.deliver(receiver, 0, body, &noise);
            }
        }
    }
}

/// Losses of many patterns in blocks of the largest codes, all of them recovered.
fn fill_decoders(liar: &mut Box, receiver: &mut Receiver) {
    let noise = vec![0; PAYLOAD_BYTES_MAX];
    for (number, pattern) in (0..9_u8).flat_map(|code| (0..17_u8).map(move |pattern| (code, pattern))) {
        let code = Code::new(128 - number, 128).unwrap();
        let block = (1 << 32) + u64::from(number) * 100 + u64::from(pattern);
        for index in pattern..pattern + 111 {
            let (class, data_sent) = (Class::Bulk, code.data().min(111));
            let body = Body::Parity { class, block, index, data_sent, code };
            liar.deliver(receiver, 0, body, &noise);
        }
    }
}

/// Missing ranges in every source and every stream, as many as there may be, and items that wait behind another.
fn fill_lanes(liar: &mut Box, receiver: &mut Receiver, config: &ReceiverConfig) {
    let gaps = config.gaps_max as u64 + 5;
    let bytes = [7; 1000];
    let data = |offset| StreamStep::Data { offset, bytes: Bytes(&bytes) };
    for (now_us, number) in (0..gaps).map(|gap| (gap * 1_000_000, 2 * gap + 1)) {
        let records = (0..config.sources_max as u32).map(|source| record(source, number));
        liar.tell(receiver, now_us, records);
        let steps = (0..config.streams_max as u32).map(|id| stream(2 * id, number, data(0)));
        liar.tell(receiver, now_us, steps);
        receiver.handle_timeout(now_us + 999_999);
        while receiver.poll_event().is_some() {}
    }
    let (end_us, next) = (gaps * 1_000_000, 2 * gaps + 1);
    let steps = (0..4 * config.streams_max as u64)
        .map(|n| stream((n % config.streams_max as u64) as u32 * 2, next + n, data(n)));
    liar.tell(receiver, end_us, steps);
    let records = (0..2 * config.held_records_max as u64)
        .map(|n| record((n % config.sources_max as u64) as u32, next + n));
    liar.tell(receiver, end_us, records);
}

/// Files that are as scattered as they may be, and objects that are over, never two that adjoin.
fn fill_objects(liar: &mut Box, receiver: &mut Receiver, config: &ReceiverConfig) {
    let name = "n".repeat(255);
    for id in 0..config.files_max as u32 {
        let about = FileStep::About { name: &name, length: 1 << 40, sha256: [0; 32] };
        let extents = (0..config.file_extents_max as u64 + 9)
            .map(|extent| file(2 * id, FileStep::Data { offset: 2 * extent, bytes: Bytes(b"x") }));
        liar.tell(receiver, 0, [file(2 * id, about)].into_iter().chain(extents));
    }
    let ended = (0..1000).map(|id| file(1001 + 2 * id, FileStep::Abort));
    liar.tell(receiver, 0, ended);
    let closed = (0..1000)
        .flat_map(|id| [StreamStep::Open("s"), StreamStep::Close(0)].map(|step| (1_000_001 + 2 * id, step)));
    liar.tell(receiver, 0, (0..).zip(closed).map(|(n, (id, step))| stream(id, n % 2, step)));
}

/// A key holder's lies fill everything that can be filled, in more boots than are followed.
fn full() {
    let config = ReceiverConfig {
        shard_bytes_max: 1 << 20,
        held_records_max: 2000,
        held_bytes_max: 100_000,
        sources_max: 300,
        sessions_per_diode_max: 2,
        gaps_max: 16,
        boots_max: 5,
        streams_max: 40,
        files_max: 8,
        file_extents_max: 100,
        ..ReceiverConfig::default()
    };
    for length in [1, SHARD_BYTES_MAX] {
        let before = bytes_now();
        let mut receiver = Receiver::new(config, [(DIODE, KEY)]);
        // Early boots only say that they are there; more than are followed fill everything.
        for boot in 0..9 {
            let mut liar = Box::new(DIODE, boot);
            let heads = Heads { first: SourceId(0), next: [u64::MAX; 64].into_iter().collect() };
            liar.tell(&mut receiver, 0, [Message::Heads(heads)]);
            if boot >= 6 {
                fill_objects(&mut liar, &mut receiver, &config);
                fill_lanes(&mut liar, &mut receiver, &config);
                fill_decoders(&mut liar, &mut receiver);
                fill_shards(&mut liar, &mut receiver, length);
            }
            let (taken, promised) = (bytes_now() - before, config.bytes_max(1));
            assert!(taken <= promised, "boot {boot}, shards of {length}: {taken} bytes, {promised} promised");
        }
        let (taken, promised) = (bytes_now() - before, config.bytes_max(1));
        eprintln!("full, shards of {length}: {taken} bytes taken, {promised} promised");
        assert!(taken * 3 >= promised, "{promised} bytes promised for {taken}");
        let counters = receiver.counters();
        assert!(counters.shards_recovered > 0 && counters.gaps_forgotten > 0, "{counters:?}");
        assert!(counters.file_parts_dropped > 0 && counters.stream_gaps_forgotten > 0, "{counters:?}");
        assert!(counters.boots_forgotten > 0 && counters.blocks_incomplete > 0, "{counters:?}");
    }
}

/// What a receiver keeps that has taken up marks of so many ranges each, of more boots and lanes than are followed.
fn kept_of_marks(config: ReceiverConfig, ranges: u64) -> usize {
    let ranges: Vec<(u64, u64)> = (0..ranges).map(|number| (2 * number, 2 * number)).collect();
    let before = bytes_now();
    let mut receiver = Receiver::new(config, [(DIODE, KEY)]);
    for boot in (0..4).map(|boot| BootId([boot; 16])) {
        let mut restore = |mark| receiver.restore(&mark, 0);
        let sources = (0..2 * config.sources_max as u32).map(|source| Lane::Source(SourceId(source)));
        let streams = (0..2 * config.streams_max as u32).map(|stream| Lane::Stream(StreamId(2 * stream)));
        for objects in [Objects::Streams, Objects::Files] {
            let ranges = ranges.iter().map(|(first, last)| (1000 + first, 1000 + last)).collect();
            restore(Mark::Over { diode: DIODE, boot, objects, ranges });
        }
        for lane in sources.chain(streams) {
            restore(Mark::Next { diode: DIODE, boot, lane, next: u64::MAX });
            restore(Mark::Missing { diode: DIODE, boot, lane, ranges: ranges.clone() });
        }
    }
    while receiver.poll_event().is_some() {}
    bytes_now() - before
}

/// Whatever a damaged or forged journal says, no more is kept than of an honest one.
fn restored() {
    let limits =
        ReceiverConfig { sources_max: 10, streams_max: 5, gaps_max: 16, ..ReceiverConfig::default() };
    let config = ReceiverConfig { sessions_per_diode_max: 2, ..limits };
    let (honest, absurd) = (kept_of_marks(config, 16), kept_of_marks(config, 2000));
    eprintln!("restored: {honest} bytes kept of honest marks, {absurd} of absurd ones");
    assert!(honest > 2 * 15 * 16 * size_of::<(u64, u64)>(), "the marks were not taken up: {honest} bytes");
    assert!(absurd <= 2 * honest, "{absurd} bytes kept of marks that are too long");
}

/// What each limit promises for itself is what it takes: a sum hides its small terms behind the blocks.
fn terms() {
    let few = ReceiverConfig {
        sessions_per_diode_max: 2,
        sources_max: 10,
        streams_max: 10,
        gaps_max: 1,
        ..ReceiverConfig::default()
    };
    let gaps = ReceiverConfig { gaps_max: 200, ..few };
    let cases = [
        ("sources_max", few, ReceiverConfig { sources_max: 2000, ..few }),
        ("streams_max", few, ReceiverConfig { streams_max: 2000, ..few }),
        ("gaps_max", few, gaps),
        ("sources_max with gaps", gaps, ReceiverConfig { sources_max: 500, ..gaps }),
        ("streams_max with gaps", gaps, ReceiverConfig { streams_max: 500, ..gaps }),
    ];
    for (what, few, many) in cases {
        let kept = |config: ReceiverConfig| kept_of_marks(config, config.gaps_max as u64);
        let taken = kept(many) - kept(few);
        let promised = many.bytes_max(1) - few.bytes_max(1);
        eprintln!("{what}: {taken} bytes more taken, {promised} promised");
        assert!(taken <= promised, "{what}: {taken} bytes more taken, {promised} promised");
        assert!(taken * TERM_SLACK >= promised, "{what}: {promised} bytes more promised for {taken}");
    }
}

/// Ten thousand boots with some twenty sources each, which have lost and recovered a little, and are quiet.
fn idle() {
    const SESSIONS: u32 = 10_000;
    let before = bytes_now();
    let diodes = (0..SESSIONS).map(|diode| (DiodeId(diode), KEY));
    let mut receiver = Receiver::new(ReceiverConfig::default(), diodes);
    for diode in 0..SESSIONS {
        let mut honest = Box::new(DiodeId(diode), 1);
        let records = (0..20).flat_map(|source| [record(source, 0), record(source, 2), record(source, 1)]);
        honest.tell(&mut receiver, 0, records);
        honest.tell(&mut receiver, 0, (0..20).map(|source| record(source, 5)));
        let class = Class::Telemetry;
        let code = Code::new(46, 16).unwrap();
        for block in 0..3 {
            let mut buffer = [0; SHARD_BYTES_MAX];
            let shard = record(3, 6 + block).encode(&mut buffer).unwrap().to_vec();
            honest.deliver(&mut receiver, 0, Body::Data { class, block, index: 3, code }, &shard);
            let parity = Body::Parity { class, block, index: 0, data_sent: 40, code };
            honest.deliver(&mut receiver, 0, parity, &[0; PAYLOAD_BYTES_MAX]);
        }
        honest.tell(
            &mut receiver,
            0,
            [stream(0, 0, StreamStep::Open("s")), stream(1, 0, StreamStep::Open("t"))],
        );
        honest.tell(&mut receiver, 0, [stream(0, 1, StreamStep::Close(0)), file(0, FileStep::Abort)]);
    }
    let busy = (bytes_now() - before) / SESSIONS as usize;
    receiver.handle_timeout(300_000);
    receiver.handle_timeout(120_000_000);
    while receiver.poll_event().is_some() {}
    assert_eq!(receiver.drain_marks().count(), SESSIONS as usize * (1 + 20 * 2 + 1 + 2));
    let idle = (bytes_now() - before) / SESSIONS as usize;
    eprintln!("{busy} bytes a session with blocks open, {idle} when idle");
    assert_eq!(receiver.counters().blocks_incomplete, 3 * u64::from(SESSIONS));
    assert!(idle <= 100 << 10, "{idle} bytes for an idle session");
    assert!(idle * 10 <= 100 << 10, "{idle} bytes: an idle session is ten times smaller than it may be");
}

// One test, since memory is counted for the whole process.
#[test]
fn memory_stays_within_the_formula_and_idle_sessions_are_small() {
    let _profiler = dhat::Profiler::builder().testing().build();
    terms();
    full();
    restored();
    idle();
}
