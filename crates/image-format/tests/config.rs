//! The compiled configuration: golden bytes, round trips, every rule, and bytes that nobody vouches for.

use std::net::Ipv4Addr;

use noreturn_image_format::config::link::{
    Blocks, History, HistoryOrder, LINK_MEMORY_BYTES_MAX, Link, Suite, TrafficClass,
};
use noreturn_image_format::config::modbus::{
    BITS_MAX, Device, Encoding, Function, Point, REGISTERS_MAX, Read, WordOrder,
};
use noreturn_image_format::config::release::Release;
use noreturn_image_format::config::status::Status;
use noreturn_image_format::config::time::{Gps, SerialPort, Sntp, Time, TimeSource};
use noreturn_image_format::config::{
    Class, Destination, Diode, Inside, Key, NAME_BYTES_MAX, Outside, PciAddress, Source, UNIT_BYTES_MAX,
};
use noreturn_image_format::{Config, ConfigError, Sha256Digest};
use proptest::prelude::*;

const GPS: Gps = Gps { serial_port: SerialPort::Com2, baud: 9600, uncertainty_ms: 500, silent_s: 10 };
const SNTP: Sntp =
    Sntp { address: Ipv4Addr::new(10, 1, 0, 123), mac: None, port: 123, poll_s: 64, silent_s: 256 };

fn card(device: u8) -> PciAddress {
    PciAddress { bus: 0, device, function: 0 }
}

fn read() -> Read {
    let level = Point { source: 1, offset: 0, encoding: Encoding::F32(WordOrder::LowFirst), scale: 0.5 };
    let count = Point { source: 2, offset: 2, encoding: Encoding::U16, scale: 1.0 };
    let points = vec![level, count];
    Read { function: Function::HoldingRegisters, address: 100, count: 3, period_ms: 1000, points }
}

fn device() -> Device {
    Device {
        name: "plc".into(),
        address: Ipv4Addr::new(10, 1, 0, 10),
        mac: None,
        port: 502,
        unit: 1,
        timeout_ms: 1000,
        backoff_ms_min: 1000,
        backoff_ms_max: 30_000,
        status: 0,
        reads: vec![read()],
    }
}

fn source(name: &str, unit: &str) -> Source {
    Source { name: name.into(), unit: unit.into(), class: Class::Telemetry }
}

fn class(weight: u16) -> TrafficClass {
    let blocks = Blocks {
        data_shards: 10,
        parity_shards: 4,
        parity_shards_min: 2,
        latency_ms_max: 20,
        span_ms: 200,
        blocks_max: 64,
    };
    TrafficClass { blocks, weight, queue_bytes_max: 8192, history_bytes_max: 262_144 }
}

fn link() -> Link {
    let blocks = Blocks { span_ms: 1000, ..class(1).blocks };
    let order = HistoryOrder::OldestFirst;
    Link {
        suite: Suite::Aes256Gcm,
        rate_bytes_per_s: 2_000_000,
        burst_bytes: 16_384,
        announce_period_ms: 5_000,
        alarm: class(8),
        telemetry: class(4),
        bulk: class(1),
        history: History { blocks, share_per_mille: 50, order, interval_ms: 10_000 },
    }
}

fn config() -> Config {
    let address = Ipv4Addr::new(10, 0, 2, 2);
    let alarm = Source { class: Class::Alarm, ..source("plc/count", "") };
    Config {
        diode: Diode { id: 7, name: "east".into(), key: Key::Here([0x5a; 32]) },
        release: Release { version: 300, floor: 7 },
        inside: Inside {
            card: card(2),
            card_mac: Some([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            address: Ipv4Addr::new(10, 1, 0, 2),
            prefix: 24,
            gateway: None,
            gateway_mac: None,
        },
        outside: Outside {
            card: card(3),
            card_mac: None,
            source_address: Ipv4Addr::new(10, 0, 2, 15),
            source_port: 4100,
            destinations: vec![Destination { mac: [0x52, 0x55, 10, 0, 2, 2], address, port: 4100 }],
        },
        link: link(),
        status: Status { modbus_port: Some(502), http_port: None },
        time: Time { sources: vec![TimeSource::Gps(GPS), TimeSource::Sntp(SNTP), TimeSource::Rtc] },
        devices: vec![device()],
        sources: vec![source("plc/status", ""), source("plc/level", "m"), alarm],
    }
}

/// Whoever changes what lies on the medium must change the version in the magic, too.
#[test]
fn the_golden_bytes_are_written_and_read() {
    let bytes = config().encode().unwrap();
    assert!(bytes.starts_with(b"NRCF\x06\x07\x04east\0\x5a\x5a"));
    assert_eq!(bytes.len(), 259);
    assert_eq!(
        Sha256Digest::of(&bytes).to_string(),
        "c9494313654c39e7081ccd984a287a950e35a6efefad76e3acc7d355baec2273"
    );
    assert_eq!(Config::decode(&bytes), Ok(config()));
}

/// Of the key it tells nothing, nor where that is kept; of everything else it does.
#[test]
fn the_hash_of_a_site_leaves_out_its_key_alone() {
    let site = config().site_sha256().unwrap();
    for key in [Key::Here([0; 32]), Key::Here([7; 32]), Key::Tpm(0x0180_0010)] {
        let diode = Diode { key, ..config().diode };
        assert_eq!(Config { diode, ..config() }.site_sha256(), Ok(site));
    }
    let mut without_key = config();
    without_key.diode.key = Key::Here([0; 32]);
    assert_eq!(site, Sha256Digest::of(&without_key.encode().unwrap()));
    let mut other = config();
    other.devices[0].reads[0].address += 1;
    assert_ne!(other.site_sha256(), Ok(site));
}

#[test]
fn cuts_and_additions_are_refused() {
    let bytes = config().encode().unwrap();
    for length in 0..bytes.len() {
        assert!(Config::decode(&bytes[..length]).is_err(), "{length}");
    }
    assert_eq!(Config::decode(&[&bytes[..], &[0]].concat()), Err(ConfigError::Malformed));
    assert_eq!(Config::decode(b"NRCF\x05"), Err(ConfigError::Magic));
}

#[test]
fn flipped_bits_never_give_what_breaks_a_rule() {
    let bytes = config().encode().unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Config::decode(&damaged) {
            assert!(other.encode().is_ok(), "bit {bit}");
        }
    }
}

/// Whether the configuration with one change is refused with these words, by writer and reader.
#[track_caller]
fn assert_refused(change: impl FnOnce(&mut Config), words: &str) {
    let mut changed = config();
    change(&mut changed);
    match changed.encode() {
        Err(ConfigError::Value(what)) => assert!(what.contains(words), "{what}"),
        other => panic!("not refused with {words:?}: {other:?}"),
    }
}

#[test]
fn every_rule_of_the_whole_holds() {
    assert_refused(|c| c.outside.card = c.inside.card, "same PCI function");
    for wrong in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
        assert_refused(|c| c.inside.card_mac = Some(wrong), "not those of two cards");
        assert_refused(|c| c.outside.card_mac = Some(wrong), "not those of two cards");
    }
    assert_refused(|c| c.outside.card_mac = c.inside.card_mac, "not those of two cards");
    let pin = Some([2, 0, 0, 0, 0, 10]);
    for wrong in [[0; 6], [0xff; 6]] {
        assert_refused(|c| c.devices[0].mac = Some(wrong), "is pinned");
    }
    assert_refused(|c| c.inside.gateway_mac = pin, "is pinned");
    assert_refused(|c| (c.devices[0].mac, c.devices[0].address) = (pin, [10, 2, 0, 1].into()), "is pinned");
    assert_refused(|c| (c.devices[0].mac, c.inside.gateway) = (pin, Some(c.devices[0].address)), "is pinned");
    assert_refused(|c| c.diode.key = Key::Tpm(0x0180_0000 - 1), "none of the TPM owner's");
    assert_refused(|c| c.diode.key = Key::Tpm(0x01bf_ffff + 1), "none of the TPM owner's");
    assert_refused(|c| c.release.floor = 301, "below its own floor");
    assert_refused(|c| c.inside.prefix = 0, "prefix length");
    assert_refused(|c| c.inside.prefix = 31, "prefix length");
    assert_refused(|c| c.outside.destinations.clear(), "1 to 8 destinations");
    assert_refused(|c| c.outside.destinations = vec![c.outside.destinations[0]; 9], "1 to 8 destinations");
    assert_refused(|c| c.devices = vec![device(); 65], "more than 64 devices");
    assert_refused(|c| c.sources = vec![source("a", ""); 4097], "more than 4096 tags");
    assert_refused(|c| c.sources[0].name.clear(), "name or unit");
    assert_refused(|c| c.sources[0].name = "a".repeat(NAME_BYTES_MAX + 1), "name or unit");
    assert_refused(|c| c.sources[0].unit = "a".repeat(UNIT_BYTES_MAX + 1), "name or unit");
}

#[test]
fn every_rule_of_the_link_holds() {
    let refuse = |change: fn(&mut Link), words| assert_refused(|c| change(&mut c.link), words);
    refuse(|l| l.rate_bytes_per_s = 9_999, "rate");
    refuse(|l| l.burst_bytes = 1_513, "burst");
    refuse(|l| l.announce_period_ms = 99, "announce period");
    refuse(|l| l.history.share_per_mille = 901, "share is above 900");
    refuse(|l| l.history.share_per_mille = 0, "although the history's share is 0");
    refuse(|l| l.history.interval_ms = 99, "interval");
    for place in 0..3 {
        let refuse = |change: fn(&mut TrafficClass), words| {
            assert_refused(
                |c| change([&mut c.link.alarm, &mut c.link.telemetry, &mut c.link.bulk][place]),
                words,
            )
        };
        refuse(|c| c.weight = 0, "weight");
        refuse(|c| c.weight = 1_001, "weight");
        refuse(|c| c.queue_bytes_max = 4_095, "queue");
        refuse(|c| c.history_bytes_max = 131_071, "history is neither 0");
        refuse(|c| c.queue_bytes_max = 512 << 20, "more than 512 MiB");
        refuse(|c| c.history_bytes_max = 512 << 20, "more than 512 MiB");
    }
}

#[test]
fn every_rule_of_the_status_holds() {
    let refuse = |modbus_port, http_port, words| {
        assert_refused(|c| c.status = Status { modbus_port, http_port }, words);
    };
    refuse(Some(0), None, "not 1 to 49151");
    refuse(None, Some(0), "not 1 to 49151");
    refuse(Some(49_152), None, "not 1 to 49151");
    refuse(None, Some(65_535), "not 1 to 49151");
    refuse(Some(80), Some(80), "are the same");
    let mut silent = config();
    silent.status = Status::default();
    assert!(silent.encode().is_ok());
}

#[test]
fn every_rule_of_the_time_holds() {
    let refuse = |sources: &[TimeSource], words| assert_refused(|c| c.time.sources = sources.to_vec(), words);
    let (gps, sntp, rtc) = (TimeSource::Gps(GPS), TimeSource::Sntp(SNTP), TimeSource::Rtc);
    refuse(&[sntp, gps, sntp], "named twice");
    refuse(&[gps, TimeSource::Gps(Gps { baud: 4800, ..GPS })], "named twice");
    refuse(&[rtc, rtc], "named twice");
    refuse(&[rtc, sntp], "trusted more than another");
    refuse(&[gps, rtc, sntp], "trusted more than another");
    let gps = |change: fn(&mut Gps), words| {
        let mut gps = GPS;
        change(&mut gps);
        refuse(&[TimeSource::Gps(gps)], words);
    };
    gps(|g| g.baud = 0, "4800 or 9600");
    gps(|g| g.baud = 115_200, "4800 or 9600");
    gps(|g| g.uncertainty_ms = 0, "uncertainty");
    gps(|g| g.uncertainty_ms = 10_001, "uncertainty");
    gps(|g| g.silent_s = 1, "silence");
    gps(|g| g.silent_s = 86_401, "silence");
    let sntp = |change: fn(&mut Sntp), words| {
        let mut sntp = SNTP;
        change(&mut sntp);
        refuse(&[TimeSource::Sntp(sntp)], words);
    };
    sntp(|s| s.port = 0, "port");
    sntp(|s| s.poll_s = 1, "every 2 to 3600 s");
    sntp(|s| s.poll_s = 3601, "every 2 to 3600 s");
    sntp(|s| s.silent_s = 127, "silence");
    sntp(|s| s.silent_s = 86_401, "silence");
    for sources in [vec![], vec![rtc], vec![TimeSource::Sntp(SNTP)], vec![TimeSource::Sntp(SNTP), rtc]] {
        let mut other = config();
        other.time = Time { sources };
        assert!(other.encode().is_ok());
    }
}

#[test]
fn every_rule_of_blocks_holds() {
    for place in 0..4 {
        let refuse = |change: fn(&mut Blocks), words| {
            let blocks = |link: &mut Link| {
                let Link { alarm, telemetry, bulk, history, .. } = link;
                let of = [&mut alarm.blocks, &mut telemetry.blocks, &mut bulk.blocks, &mut history.blocks];
                of.into_iter().nth(place).map(change)
            };
            assert_refused(|c| assert!(blocks(&mut c.link).is_some()), words);
        };
        refuse(|b| b.data_shards = 0, "at least one data shard");
        refuse(|b| (b.data_shards, b.parity_shards) = (128, 129), "more than 256");
        refuse(|b| b.parity_shards_min = 0, "parity of a small block");
        refuse(|b| b.parity_shards_min = 5, "parity of a small block");
        refuse(|b| b.parity_shards = 0, "parity of a small block");
        refuse(|b| b.latency_ms_max = 0, "latency");
        refuse(|b| b.latency_ms_max = 10_001, "latency");
        refuse(|b| b.span_ms = 60_001, "span");
        refuse(|b| b.blocks_max = 0, "blocks are not 1 to 256");
        refuse(|b| b.blocks_max = 257, "blocks are not 1 to 256");
    }
}

/// The bound is on all that boot allocates, and the last byte below it is allowed.
#[test]
fn the_memory_of_the_link_is_bounded() {
    let mut most = config();
    let class_bytes = 64 * ((4 + 3) * 1408 + 384) + 10 * 4 + 4096;
    assert_eq!(most.link.memory_bytes(), 4 * class_bytes + 3 * (8192 + 262_144));
    most.link.telemetry.history_bytes_max = 0;
    most.link.bulk.queue_bytes_max = 4096;
    most.link.bulk.queue_bytes_max += (LINK_MEMORY_BYTES_MAX - most.link.memory_bytes()) as u32;
    assert_eq!(most.link.memory_bytes(), LINK_MEMORY_BYTES_MAX);
    assert!(most.encode().is_ok());
    most.link.bulk.queue_bytes_max += 1;
    assert!(most.encode().is_err());
}

/// The formula in docs/link.md, the only one in the documents, gives what the code says: its text is pinned here, and computed.
#[test]
fn the_documented_formula_is_the_one() {
    let document = include_str!("../../../docs/link.md");
    let formula = "blocks_max · ((parity_shards + 3) · 1408 + 384) + data_shards · parity_shards + 4096   for each of the four\n\
                   + queue_bytes_max + history_bytes_max, in whole segments of 64 KiB                     for each of the three that have them\n";
    assert!(document.contains(formula));
    let mut link = config().link;
    (link.alarm.blocks.blocks_max, link.bulk.blocks.data_shards) = (7, 99);
    (link.telemetry.history_bytes_max, link.telemetry.queue_bytes_max) = (131_073, 9_999);
    let blocks = |b: Blocks| {
        let [count, data, parity] = [b.blocks_max.into(), b.data_shards.into(), b.parity_shards.into()];
        let (count, data, parity): (u64, u64, u64) = (count, data, parity);
        count * ((parity + 3) * 1408 + 384) + data * parity + 4096
    };
    let class = |class: TrafficClass| {
        let segments = u64::from(class.history_bytes_max).div_ceil(64 << 10) * (64 << 10);
        blocks(class.blocks) + u64::from(class.queue_bytes_max) + segments
    };
    let expected = class(link.alarm) + class(link.telemetry) + class(link.bulk) + blocks(link.history.blocks);
    assert_eq!(link.memory_bytes(), expected);
}

#[test]
fn every_rule_of_a_device_holds() {
    let refuse = |change: fn(&mut Device), words| assert_refused(|c| change(&mut c.devices[0]), words);
    refuse(|d| d.timeout_ms = 9, "timeout");
    refuse(|d| d.timeout_ms = 60_001, "timeout");
    refuse(|d| d.backoff_ms_min = 9, "backoff");
    refuse(|d| d.backoff_ms_min = d.backoff_ms_max + 1, "backoff");
    refuse(|d| d.backoff_ms_max = 3_600_001, "backoff");
    refuse(|d| d.port = 0, "port");
    refuse(|d| d.status = 3, "status");
    refuse(|d| d.reads.clear(), "nothing to read");
}

#[test]
fn every_rule_of_a_read_holds() {
    let refuse = |change: fn(&mut Read)| {
        assert_refused(|c| change(&mut c.devices[0].reads[0]), "does not hold its points")
    };
    refuse(|r| r.count = 0);
    refuse(|r| r.count = 2);
    refuse(|r| r.count = REGISTERS_MAX + 1);
    refuse(|r| r.address = 65_534);
    refuse(|r| r.period_ms = 9);
    refuse(|r| r.period_ms = 86_400_001);
    refuse(|r| r.function = Function::Coils);
    refuse(|r| r.points[1].encoding = Encoding::Bit);
    refuse(|r| r.points[0].source = 3);
    refuse(|r| r.points[0].offset = u16::MAX);
    refuse(|r| r.points[0].scale = f64::NAN);
    refuse(|r| r.points[0].scale = f64::INFINITY);
}

#[test]
fn limits_themselves_are_allowed() {
    let mut widest = config();
    let read = &mut widest.devices[0].reads[0];
    (read.address, read.count) = (u16::MAX - REGISTERS_MAX + 1, REGISTERS_MAX);
    let point = Point { source: 0, offset: BITS_MAX - 1, encoding: Encoding::Bit, scale: 1.0 };
    let points = vec![point];
    let bits = Read { function: Function::Coils, address: 0, count: BITS_MAX, period_ms: 10, points };
    widest.devices[0].reads.push(bits);
    let blocks = &mut widest.link.bulk.blocks;
    (blocks.data_shards, blocks.parity_shards) = (255, 1);
    (blocks.parity_shards_min, blocks.blocks_max) = (1, 256);
    (blocks.latency_ms_max, blocks.span_ms) = (10_000, 60_000);
    let blocks = &mut widest.link.history.blocks;
    (blocks.data_shards, blocks.parity_shards, blocks.parity_shards_min) = (255, 0, 0);
    (widest.link.history.share_per_mille, widest.link.history.interval_ms) = (900, 100);
    widest.sources[0].name = "a".repeat(NAME_BYTES_MAX);
    let bytes = widest.encode().unwrap();
    assert_eq!(Config::decode(&bytes), Ok(widest));
}

prop_compose! {
    fn any_config()(
        id in any::<u32>(),
        name in "\\PC{0,30}",
        key in any::<[u8; 32]>(),
        gateway in proptest::option::of(any::<[u8; 4]>()),
        prefix in 1..=30_u8,
        destinations in proptest::collection::vec((any::<[u8; 6]>(), any::<[u8; 4]>(), any::<u16>()), 1..=8),
        rate in 10_000..=u64::MAX,
        devices in 0..=3_usize,
    ) -> Config {
        let mut config = config();
        config.diode = Diode { id, name, key: Key::Here(key) };
        config.inside.gateway = gateway.map(Ipv4Addr::from);
        config.inside.prefix = prefix;
        config.link.rate_bytes_per_s = rate;
        config.devices = vec![device(); devices];
        config.outside.destinations = destinations
            .into_iter()
            .map(|(mac, address, port)| Destination { mac, address: address.into(), port })
            .collect();
        config
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(config in any_config()) {
        prop_assert_eq!(Config::decode(&config.encode().unwrap()), Ok(config));
    }

    #[test]
    fn noise_is_refused_or_keeps_every_rule(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(config) = Config::decode(&[b"NRCF\x06", &bytes[..]].concat()) {
            prop_assert!(config.encode().is_ok());
        }
    }
}
