//! The state of the box for the inside network: whatever bytes come, in whatever pieces, are answered by whole answers.

use noreturn_collect::{Now, Output, Sample};
use noreturn_status::connection::Verdict;
use noreturn_status::http::Http;
use noreturn_status::modbus::Modbus;
use noreturn_status::{Connection, Facts, Look, Panel, Server};
use noreturn_wire::{
    BootId, Counter, Counters, DmaFence, Fault, FloorMemory, LastStop, Quality, Release, SourceId,
    TimeQuality, TimeSource, Value, Watchdog,
};

use super::script::Script;
use super::seeds;

/// Runs the input, after a byte that says how TCP cuts it, as what a Modbus client sends.
pub(super) fn modbus(data: &[u8]) {
    let said = answers(Modbus::new, data);
    let mut rest = &said[..];
    while let Some((header, after)) = rest.split_first_chunk::<6>() {
        let [_, _, protocol_high, protocol_low, length_high, length_low] = *header;
        assert_eq!((protocol_high, protocol_low), (0, 0), "no Modbus");
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let (adu, next) = after.split_at(length);
        match adu[1] {
            function @ 3..=4 => assert_eq!(adu.len(), 3 + usize::from(adu[2]), "function {function}"),
            exception => assert!(exception & 0x80 != 0 && (1..=3).contains(&adu[2]) && adu.len() == 3),
        }
        rest = next;
    }
    assert!(rest.is_empty(), "half an answer");
}

/// Runs the input, after a byte that says how TCP cuts it, as what an HTTP client sends.
pub(super) fn http(data: &[u8]) {
    let said = String::from_utf8(answers(Http::new, data)).expect("an answer is text");
    if said.is_empty() {
        return;
    }
    let (head, body) = said.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 ") && head.contains("\r\nConnection: close\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map(str::parse);
    assert!(body.is_empty() || length == Some(Ok(body.len())), "{head}");
    if head.starts_with("HTTP/1.1 200") && head.contains("json") && !body.is_empty() {
        serde_json::from_str::<serde_json::Value>(body).expect("it says that it is JSON");
    }
}

/// What is said to the input, which must not depend on its pieces.
fn answers<S: Server>(server: fn() -> S, data: &[u8]) -> Vec<u8> {
    let mut script = Script(data);
    let piece = 1 + script.below(64);
    let panel = panel();
    let whole = talk(server(), &panel, script.0, usize::MAX);
    assert_eq!(talk(server(), &panel, script.0, piece), whole, "pieces make a difference");
    whole.0
}

/// What is said, and the counters; the client takes every answer at once.
fn talk<S: Server>(server: S, panel: &Panel, bytes: &[u8], piece: usize) -> (Vec<u8>, Counters) {
    let (mut connection, mut counters) = (Connection::new(server), Counters::default());
    let (mut said, mut rest, mut now_us) = (Vec::new(), bytes, 0);
    while !rest.is_empty() {
        assert_ne!(connection.verdict(true, now_us, &mut counters), Verdict::Abort, "no time has passed");
        let taken = connection.take(&rest[..piece.min(rest.len())], now_us, panel, &mut counters);
        rest = &rest[taken..];
        let answer = connection.pending().to_vec();
        assert!(taken > 0 || !answer.is_empty(), "it neither takes nor gives");
        connection.sent(answer.len(), now_us);
        said.extend(answer);
        now_us += 1;
    }
    (said, counters)
}

/// A box on which something is wrong.
fn panel() -> Panel {
    let facts = Facts {
        image_sha256: [1; 32],
        config_sha256: [2; 32],
        boot: BootId([3; 16]),
        last_stop: LastStop::Stalled,
        watchdog: Watchdog::Tco,
        dma_fence: DmaFence::None,
        release: Release { version: 7, floor: 8, memory: FloorMemory::Failed(0x922) },
    };
    let mut panel = Panel::new(facts, &seeds::config());
    let now = Now {
        uptime_us: 90_000_000,
        clock_us: 1_800_000_000_000_000,
        time_quality: TimeQuality::new(TimeSource::Rtc, None),
    };
    let quality = Quality::Bad(Fault::ConnectRefused);
    let sample = Sample {
        source: SourceId(0),
        acquired_us: now.clock_us,
        time_quality: now.time_quality,
        quality,
        value: Value::Bool(false),
    };
    panel.watch(0, &mut Nowhere, now).sample(sample);
    panel.look(
        now,
        &Look { outside_link_up: false, inside_link_up: true, history_percent: 70 },
        &Counters::default(),
    );
    panel
}

/// An output that is not read.
struct Nowhere;

impl Output for Nowhere {
    fn sample(&mut self, _: Sample) {}
    fn count(&mut self, _: Counter, _: u64) {}
}
