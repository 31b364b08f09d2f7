//! Golden vectors: the bytes that `docs/protocol.md` promises. A change here is a change of the protocol.
#![allow(clippy::unwrap_used)]

use noreturn_wire::{
    Announce, Beacon, Body, BootId, CardModel, Class, Code, Counters, DiodeId, Fault, Header, Heads, Message,
    OutsideCard, Quality, Record, SourceId, Value,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header(body: Body) -> String {
    let boot = BootId(std::array::from_fn(|i| 0xa0 + i as u8));
    hex(&Header { diode: DiodeId(7), boot, frame: 0x0102_0304, body }.emit())
}

fn message(message: &Message<'_>) -> String {
    hex(message.encode(&mut [0; 256]).unwrap())
}

#[test]
fn headers() {
    let code = Code::new(10, 4).unwrap();
    assert_eq!(
        header(Body::Data { class: Class::Telemetry, block: 5, index: 9, code }),
        "4e52011000000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0000000001020304000000000000000509000a04d6abc29b"
    );
    assert_eq!(
        header(Body::Parity { class: Class::Telemetry, block: 5, index: 3, data_sent: 10, code }),
        "4e52011100000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00000000010203040000000000000005030a0a04515f0bc4"
    );
    assert_eq!(
        header(Body::Beacon),
        "4e52010200000007a0a1a2a3a4a5a6a7a8a9aaabacadaeaf000000000102030400000000000000000000000091c3701a"
    );
}

#[test]
fn messages() {
    let record = |quality, value| {
        let (source, sequence, acquired_us) = (SourceId(300), 129, 1_700_000_000_000_000);
        message(&Message::Record(Record { source, sequence, acquired_us, quality, value }))
    };
    assert_eq!(record(Quality::Good, Value::F64(1.5)), "00ac0281018080f9c0c1c482030004000000000000f83f");
    assert_eq!(record(Quality::Good, Value::I64(-2)), "00ac0281018080f9c0c1c48203000203");
    assert_eq!(record(Quality::Good, Value::U64(300)), "00ac0281018080f9c0c1c482030003ac02");
    assert_eq!(record(Quality::Good, Value::Bool(true)), "00ac0281018080f9c0c1c48203000101");
    assert_eq!(record(Quality::Bad(Fault::Exception(2)), Value::None), "00ac0281018080f9c0c1c4820301040200");
    assert_eq!(
        message(&Message::Announce(Announce { source: SourceId(1), name: "plc/level", unit: "m" })),
        "010109706c632f6c6576656c016d"
    );
    let next = [7, 300].into_iter().collect();
    assert_eq!(message(&Message::Heads(Heads { first: SourceId(64), next })), "02400207ac02");
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
        uptime_us: 1_000_000,
        clock_us: 1_700_000_000_000_000,
        outside,
        counters: Counters::default(),
    };
    assert_eq!(
        hex(beacon.encode(&mut [0; 256]).unwrap()),
        "11111111111111111111111111111111111111111111111111111111111111112222222222222222222222222222222222222222222222222222222222222222c0843d8080f9c0c1c4820301010001ec0121000000000000000000000000000000000000000000000000000000000000000000"
    );
}
