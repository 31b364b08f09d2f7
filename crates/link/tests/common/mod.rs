//! Ends with a plain configuration, and records to send between them.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use noreturn_fec::Geometry;
use noreturn_link::{BlockConfig, DiodeKey, Receiver, ReceiverConfig, Sender, SenderConfig, SenderError};
use noreturn_wire::crossing::Sending;
use noreturn_wire::{BootId, Class, DiodeId, Message, Quality, Record, SourceId, TimeQuality, Value};

pub const DIODE: DiodeId = DiodeId(7);
pub const KEY: DiodeKey = DiodeKey([0x42; 32]);

pub fn sender(geometry: (u8, u8), boot: BootId) -> Sender {
    Sender::new(&config(geometry), boot, &KEY)
}

/// One block after the other, and no history: what the code alone can do.
pub fn config(geometry: (u8, u8)) -> SenderConfig {
    let mut config = SenderConfig::new(DIODE, 12_500_000);
    config.history.share_per_mille = 0;
    config.telemetry.history_bytes_max = 0;
    config.telemetry.blocks = BlockConfig {
        geometry: Geometry::new(geometry.0, geometry.1).unwrap(),
        parity_min: 1,
        latency_us_max: 20_000,
        span_us: 0,
        blocks_max: 1,
    };
    config
}

pub fn push(sender: &mut Sender, message: &[u8]) -> Result<(), SenderError> {
    sender.push(Sending { class: Class::Telemetry, kept: true }, message)
}

pub fn receiver() -> Receiver {
    Receiver::new(ReceiverConfig::default(), [(DIODE, KEY)])
}

pub fn record(source: u32, sequence: u64) -> Record {
    let value = Value::U64(sequence.wrapping_mul(0x9e37_79b9) ^ u64::from(source));
    Record {
        source: SourceId(source),
        sequence,
        acquired_us: sequence * 1000,
        time_quality: TimeQuality::NONE,
        quality: Quality::Good,
        value,
    }
}

pub fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = [0; 2048];
    message.encode(&mut buffer).unwrap().to_vec()
}
