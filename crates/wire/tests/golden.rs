//! Golden vectors: the bytes that `docs/protocol.md` promises. A change here is a change of the protocol.
#![allow(clippy::unwrap_used)]

use noreturn_wire::attestation::Point;
use noreturn_wire::{
    Announce, Attestation, Beacon, Body, BootId, Bytes, CardModel, Class, ClockState, Code, Counter,
    Counters, DiodeId, DmaFence, Fault, FileId, FilePart, FileStep, FloorMemory, Header, HeaderKey, Heads,
    LastStop, Message, OutsideCard, Quality, Quote, Record, Release, SourceId, StreamId, StreamPart,
    StreamStep, Suite, TimeQuality, TimeSource, TpmFault, Value, Watchdog,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header(suite: Suite, body: Body) -> String {
    let boot = BootId(std::array::from_fn(|i| 0xa0 + i as u8));
    let key = HeaderKey(std::array::from_fn(|i| i as u8));
    hex(&Header { suite, diode: DiodeId(7), boot, frame: 0x0102_0304, body }.emit(&key))
}

fn message(message: &Message<'_>) -> String {
    hex(message.encode(&mut [0; 256]).unwrap())
}

#[test]
fn headers() {
    let code = Code::new(10, 4).unwrap();
    let (chacha, aes) = (Suite::ChaCha20Poly1305, Suite::Aes256Gcm);
    assert_eq!(
        header(chacha, Body::Data { class: Class::Telemetry, block: 5, index: 9, code }),
        "4e52020100000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf000000000102030400000000000000051009000a04000000f14bab64d380cd29"
    );
    assert_eq!(
        header(aes, Body::Parity { class: Class::Telemetry, block: 5, index: 3, data_sent: 10, code }),
        "4e52020200000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0000000001020304000000000000000511030a0a04000000e2428c4989e1002b"
    );
    assert_eq!(
        header(aes, Body::Data { class: Class::History, block: 5, index: 9, code }),
        "4e52020200000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf000000000102030400000000000000053009000a040000009df7e43c22eab0bd"
    );
    assert_eq!(
        header(chacha, Body::Beacon),
        "4e52020100000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0000000001020304000000000000000002000000000000003e778ecd09c04a20"
    );
}

#[test]
fn messages() {
    let record = |quality, value| {
        let (source, sequence, acquired_us) = (SourceId(300), 129, 1_700_000_000_000_000);
        let time_quality = TimeQuality::new(TimeSource::Sntp, Some(3000));
        message(&Message::Record(Record { source, sequence, acquired_us, time_quality, quality, value }))
    };
    assert_eq!(record(Quality::Good, Value::F64(1.5)), "1800ac0281018080f9c0c1c482038c0004000000000000f83f");
    assert_eq!(record(Quality::Good, Value::I64(-2)), "1100ac0281018080f9c0c1c482038c000203");
    assert_eq!(record(Quality::Good, Value::U64(300)), "1200ac0281018080f9c0c1c482038c0003ac02");
    assert_eq!(record(Quality::Good, Value::Bool(true)), "1100ac0281018080f9c0c1c482038c000101");
    assert_eq!(
        record(Quality::Bad(Fault::Exception(2)), Value::None),
        "1200ac0281018080f9c0c1c482038c01040200"
    );
    assert_eq!(
        message(&Message::Announce(Announce { source: SourceId(1), name: "plc/level", unit: "m" })),
        "0e010109706c632f6c6576656c016d"
    );
    let next = [7, 300].into_iter().collect();
    assert_eq!(message(&Message::Heads(Heads { first: SourceId(64), next })), "0602400207ac02");
}

#[test]
fn streams() {
    let part = |sequence, step| message(&Message::Stream(StreamPart { stream: StreamId(2), sequence, step }));
    assert_eq!(part(0, StreamStep::Open("s")), "06030200000173");
    assert_eq!(
        part(1, StreamStep::Data { offset: 300, bytes: Bytes(&[0xde, 0xad]) }),
        "0903020101ac0202dead"
    );
    assert_eq!(part(2, StreamStep::Close(302)), "0603020202ae02");
    assert_eq!(part(2, StreamStep::Abort(0)), "050302020300");
    assert_eq!(part(3, StreamStep::Head), "0403020304");
}

#[test]
fn files() {
    let part = |step| message(&Message::File(FilePart { file: FileId(1), step }));
    assert_eq!(
        part(FileStep::About { name: "a.bin", length: 300, sha256: [0x33; 32] }),
        "2b04010005612e62696eac023333333333333333333333333333333333333333333333333333333333333333"
    );
    assert_eq!(part(FileStep::Data { offset: 0, bytes: Bytes(&[0xff]) }), "060401010001ff");
    assert_eq!(part(FileStep::Abort), "03040102");
}

#[test]
fn beacon() {
    let outside = OutsideCard {
        model: CardModel::IntelE1000e,
        link_up: true,
        firmware_left_receiver_on: false,
        firmware_frames_received: Some(236),
    };
    let beacon = Beacon {
        image_sha256: [0x11; 32],
        config_sha256: [0x22; 32],
        site_sha256: [0x33; 32],
        cards_pinned: true,
        reset_count: Some(300),
        release: Release { version: 300, floor: 7, memory: FloorMemory::Kept(6) },
        uptime_us: 1_000_000,
        clock_us: 1_700_000_000_000_000,
        outside,
        last_stop: LastStop::Exception { vector: 14 },
        watchdog: Watchdog::Tco,
        dma_fence: DmaFence::Active,
        clock: ClockState { source: TimeSource::Gps, uncertainty_us: Some(300), steps: 2 },
        counters: Counters::default(),
        attestation: Attestation::None,
    };
    assert_eq!(
        hex(beacon.encode(&mut [0; 256]).unwrap()),
        format!(
            "111111111111111111111111111111111111111111111111111111111111111122222222222222222222222222222222222222222222222222222222222222223333333333333333333333333333333333333333333333333333333333333333ac02070106c0843d8080f9c0c1c4820301010001ec0101ac0201050e02010301ac0202{:02x}{}00",
            Counter::ALL.len(),
            "00".repeat(Counter::ALL.len())
        )
    );
}

#[test]
fn attestations() {
    let attestation = |attestation| {
        let beacon = Beacon { attestation, ..Beacon::default() };
        let before = Beacon::default().encode(&mut [0; 256]).unwrap().len() - 1;
        hex(&beacon.encode(&mut [0; 1024]).unwrap()[before..])
    };
    assert_eq!(attestation(Attestation::None), "00");
    assert_eq!(attestation(Attestation::Pending), "01");
    assert_eq!(attestation(Attestation::Failed(TpmFault::Refused(0x101))), "02048102");
    let quote = Quote {
        key: Point([1; 32], [2; 32]),
        pcrs: std::array::from_fn(|number| [0x10 + number as u8; 32]),
        statement: [0xff, b'T'].into_iter().collect(),
        signature: Point([3; 32], [4; 32]),
    };
    let repeated = |bytes: &[u8]| bytes.iter().map(|byte| hex(&[*byte; 32])).collect::<String>();
    let pcrs = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15];
    let expected = ["03", &repeated(&[1, 2]), &repeated(&pcrs), "02ff54", &repeated(&[3, 4])].concat();
    assert_eq!(attestation(Attestation::Quoted(quote)), expected);
}
