//! A panel for tests. Each test file uses a part of it.
#![allow(dead_code)]

use noreturn_collect::{Now, Output, Sample};
use noreturn_image_format::Config;
use noreturn_status::{Connection, Facts, Look, Panel, Server};
use noreturn_wire::{
    BootId, Counter, Counters, DmaFence, Fault, FloorMemory, LastStop, Quality, Release, SourceId,
    TimeQuality, TimeSource, Value, Watchdog,
};

pub const SECOND_US: u64 = 1_000_000;
/// 2026-11-23 12:00:00 UTC.
pub const CLOCK_US: u64 = 1_795_435_200 * SECOND_US;

/// A site with so many devices; device `n` is called by `name` and has sources `2 n` (status) and `2 n + 1`.
pub fn config(devices: usize, name: impl Fn(usize) -> String) -> Config {
    let mut text =
        "[diode]\nid = 7\nname = \"waterworks <east> & \\\"west\\\"\"\nkey_file = \"k\"\n[inside]\ncard = \
                    \"00:02.0\"\ncard_mac = \"52:54:00:12:34:56\"\naddress = \"10.1.0.2/24\"\n[outside]\ncard = \"00:03.0\"\ncard_mac = \"52:54:00:12:34:57\"\nsource = \
                    \"10.0.2.15:4100\"\n[[outside.destination]]\nmac = \"52:55:0a:00:02:02\"\naddress = \
                    \"10.0.2.2:4100\"\n"
            .to_owned();
    for place in 0..devices {
        let name = name(place);
        text += &format!(
            "[[modbus]]\nname = {name:?}\naddress = \"10.1.0.10:502\"\n[[modbus.point]]\nname = \"x\"\nfunction = \
             1\naddress = 0\n"
        );
    }
    noreturn_site::parse(&text, "site.toml", |_| Ok([1; 32])).expect("the site file is right")
}

pub fn plain(place: usize) -> String {
    format!("plc-{place}")
}

pub fn facts() -> Facts {
    Facts {
        image_sha256: core::array::from_fn(|byte| byte as u8),
        config_sha256: [0xcd; 32],
        boot: BootId([0xb0; 16]),
        last_stop: LastStop::Unknown,
        watchdog: Watchdog::I6300esb,
        dma_fence: DmaFence::Active,
        release: Release { version: 7, floor: 6, memory: FloorMemory::Kept(6) },
    }
}

/// Nothing is wrong.
pub fn look() -> Look {
    Look { outside_link_up: true, inside_link_up: true, history_percent: 0 }
}

pub fn now(seconds: u64) -> Now {
    let uptime_us = seconds * SECOND_US;
    Now {
        uptime_us,
        clock_us: CLOCK_US + uptime_us,
        time_quality: TimeQuality::new(TimeSource::Rtc, Some(1_500)),
    }
}

/// Looks every 100 ms over a span of seconds.
pub fn watch(panel: &mut Panel, seconds: core::ops::Range<u64>, look: &Look) {
    for tenth in seconds.start * 10..seconds.end * 10 {
        let uptime_us = tenth * SECOND_US / 10;
        panel.look(Now { uptime_us, clock_us: CLOCK_US + uptime_us, ..now(0) }, look, &Counters::default());
    }
}

/// An output that takes everything.
#[derive(Default)]
pub struct Taken(pub Vec<Sample>);

impl Output for Taken {
    fn sample(&mut self, sample: Sample) {
        self.0.push(sample);
    }
    fn count(&mut self, _: Counter, _: u64) {}
}

/// The device at `place` says a value, or that it is down.
pub fn say(panel: &mut Panel, place: usize, fault: Option<Fault>, now: Now) {
    let mut taken = Taken::default();
    let source = |offset: usize| SourceId((2 * place + offset) as u32);
    let quality = fault.map_or(Quality::Good, Quality::Bad);
    let value = Value::Bool(fault.is_none());
    for source in [source(0), source(1)] {
        let sample =
            Sample { source, acquired_us: now.clock_us, time_quality: now.time_quality, quality, value };
        panel.watch(place, &mut taken, now).sample(sample);
    }
    assert_eq!(taken.0.len(), 2, "samples go on");
}

/// Everything that the box says to these bytes, which come in pieces of `piece` bytes and are taken when the box wants.
pub fn talk<S: Server>(server: S, panel: &Panel, bytes: &[u8], piece: usize) -> (Vec<u8>, Counters) {
    let mut connection = Connection::new(server);
    let (mut said, mut counters, mut now_us) = (Vec::new(), Counters::default(), 0);
    let mut rest = bytes;
    while !rest.is_empty() {
        now_us += 1;
        let took = connection.take(&rest[..piece.min(rest.len())], now_us, panel, &mut counters);
        rest = &rest[took..];
        let answer = connection.pending().to_vec();
        assert!(took > 0 || !answer.is_empty(), "it neither takes nor gives");
        connection.sent(answer.len(), now_us);
        said.extend(answer);
    }
    (said, counters)
}
