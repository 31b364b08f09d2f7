//! JSON of items: exact texts, and values that survive.

use std::sync::Arc;

use noreturn_wire::{BootId, Fault, FloorMemory, Release, SourceId, TimeQuality, TimeSource};

use super::*;
use crate::item::{Silence, Version};

fn origin() -> Arc<Origin> {
    Arc::new(Origin::new("east".into(), BootId([0x0f; 16])))
}

fn source() -> Arc<Source> {
    Arc::new(Source { number: 3, tag: "plc-1/\"tank\"\n".to_owned(), unit: "m³".to_owned() })
}

fn record(value: Value, quality: Quality) -> Record {
    let time_quality = TimeQuality::new(TimeSource::Sntp, Some(3000));
    Record {
        source: SourceId(3),
        sequence: 9,
        acquired_us: 1_795_395_723_000_004,
        time_quality,
        quality,
        value,
    }
}

fn line(item: &Item) -> String {
    let mut lines = Vec::new();
    append_line(item, &mut lines);
    assert_eq!(lines.iter().filter(|&&byte| byte == b'\n').count(), 1);
    String::from_utf8(lines).unwrap()
}

#[test]
fn a_record_is_one_line_with_all_its_fields() {
    let record = record(Value::F64(1.25), Quality::Good);
    let item = Item::Record { origin: origin(), source: source(), record, arrival: Arrival::Parity };
    assert_eq!(
        line(&item),
        "{\"kind\":\"record\",\"diode\":\"east\",\"boot\":\"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\",\
         \"tag\":\"plc-1/\\\"tank\\\"\\n\",\"source\":3,\"sequence\":9,\
         \"acquired\":\"2026-11-23T01:02:03.000004Z\",\"acquired_us\":1795395723000004,\
         \"time_source\":\"sntp\",\"time_uncertainty_us\":4096,\
         \"quality\":\"good\",\"value\":1.25,\"unit\":\"m³\",\"recovered\":true,\"delayed\":false}\n"
    );
}

#[test]
fn gaps_boots_and_losses_are_lines() {
    let gap = Item::Gap { origin: origin(), source: source(), first: 4, last: 6 };
    let boot = "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f";
    assert_eq!(
        line(&gap),
        format!(
            "{{\"kind\":\"gap\",\"diode\":\"east\",\"boot\":\"{boot}\",\"tag\":\"plc-1/\\\"tank\\\"\\n\",\
             \"source\":3,\"first\":4,\"last\":6}}\n"
        )
    );
    assert_eq!(
        line(&Item::Boot(origin())),
        format!("{{\"kind\":\"boot\",\"diode\":\"east\",\"boot\":\"{boot}\"}}\n")
    );
    let mut lines = Vec::new();
    append_lost(Lost { records: 1, gaps: 2, others: 3 }, "here", &mut lines);
    assert_eq!(lines, b"{\"kind\":\"dropped\",\"records\":1,\"gaps\":2,\"others\":3,\"where\":\"here\"}\n");
}

#[test]
fn verdicts_name_both_images() {
    let verdict = Verdict {
        check: ImageCheck::Mismatch,
        image_sha256: [1; 32],
        expected: Some([2; 32]),
        refused: true,
    };
    let alarm: serde_json::Value =
        serde_json::from_str(&line(&Item::Alarm(origin(), verdict.clone()))).unwrap();
    assert_eq!(alarm["kind"], "alarm");
    assert_eq!(alarm["alarm"], "image-mismatch");
    assert_eq!(alarm["image_sha256"], "01".repeat(32));
    assert_eq!(alarm["expected_image_sha256"], "02".repeat(32));
    assert_eq!(alarm["refused"], true);
    let payload: serde_json::Value = serde_json::from_slice(&alarm_payload(&origin(), &verdict)).unwrap();
    assert_eq!(payload["active"], true);
    let over = Verdict { check: ImageCheck::Match, refused: false, ..verdict };
    let payload: serde_json::Value = serde_json::from_slice(&alarm_payload(&origin(), &over)).unwrap();
    assert_eq!((&payload["active"], &payload["alarm"]), (&false.into(), &serde_json::Value::Null));
}

#[test]
fn versions_say_what_they_are_compared_with() {
    let release = Release { version: 6, floor: 5, memory: FloorMemory::Failed(0x922) };
    let version = Version { release, at_least: 7 };
    let alarm: serde_json::Value =
        serde_json::from_str(&line(&Item::VersionAlarm(origin(), version))).unwrap();
    assert_eq!((&alarm["kind"], &alarm["alarm"]), (&"alarm".into(), &"image-downgrade".into()));
    assert_eq!((&alarm["image_version"], &alarm["image_version_at_least"]), (&6.into(), &7.into()));
    let payload: serde_json::Value = serde_json::from_slice(&version_payload(&origin(), &version)).unwrap();
    assert_eq!((&payload["active"], &payload["floor_memory"]), (&true.into(), &"failed".into()));
    let right = Version { at_least: 6, ..version };
    let payload: serde_json::Value = serde_json::from_slice(&version_payload(&origin(), &right)).unwrap();
    assert_eq!((&payload["active"], &payload["alarm"]), (&false.into(), &serde_json::Value::Null));
}

#[test]
fn a_silence_says_since_when_and_whether_it_is_over() {
    let silence = Silence {
        diode: "east".into(),
        boot: None,
        is_silent: true,
        silent_us: 10_000_000,
        heard_unix_us: Some(1_795_395_723_000_004),
    };
    assert_eq!(
        line(&Item::SilenceAlarm(silence.clone().into())),
        "{\"kind\":\"alarm\",\"alarm\":\"silent\",\"diode\":\"east\",\"boot\":null,\"silent\":true,\
         \"silent_us\":10000000,\"last_heard\":\"2026-11-23T01:02:03.000004Z\",\"last_heard_us\":1795395723000004}\n"
    );
    let over = Silence { is_silent: false, heard_unix_us: None, boot: Some(BootId([0x0f; 16])), ..silence };
    let payload: serde_json::Value = serde_json::from_slice(&silence_payload(&over)).unwrap();
    assert_eq!((&payload["active"], &payload["alarm"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(
        (&payload["boot"], &payload["last_heard"]),
        (&"0f".repeat(16).into(), &serde_json::Value::Null)
    );
}

#[test]
fn values_survive_exactly() {
    let through = |value| {
        let payload = record_payload(&origin(), &source(), &record(value, Quality::Good), Arrival::Direct);
        serde_json::from_slice::<serde_json::Value>(&payload).unwrap()
    };
    for number in [0.0, -0.0, 0.1, 1.0 / 3.0, f64::MIN_POSITIVE, f64::MAX, -5e-324, 1e15] {
        let got = through(Value::F64(number))["value"].as_f64().unwrap();
        assert_eq!(got.to_bits(), number.to_bits(), "{number}");
    }
    for number in [0, 1 << 53, (1 << 53) + 1, u64::MAX] {
        assert_eq!(through(Value::U64(number))["value"].as_u64(), Some(number));
    }
    assert_eq!(through(Value::I64(i64::MIN))["value"].as_i64(), Some(i64::MIN));
    assert_eq!(through(Value::Bool(true))["value"].as_bool(), Some(true));
}

#[test]
fn what_has_no_value_says_why() {
    let through = |value, quality| {
        let payload = record_payload(&origin(), &source(), &record(value, quality), Arrival::Direct);
        let json: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(json["value"], serde_json::Value::Null);
        json["quality"].as_str().unwrap().to_owned()
    };
    assert_eq!(through(Value::None, Quality::Bad(Fault::Exception(2))), "exception-2");
    assert_eq!(through(Value::F64(f64::INFINITY), Quality::Good), "not-finite");
    assert_eq!(through(Value::F64(f64::NAN), Quality::Bad(Fault::NotANumber)), "not-a-number");
}

#[test]
fn times_that_have_no_notation_are_still_told() {
    let far = Record { acquired_us: u64::MAX, ..record(Value::Bool(true), Quality::Good) };
    let json: serde_json::Value =
        serde_json::from_slice(&record_payload(&origin(), &source(), &far, Arrival::Delayed)).unwrap();
    assert_eq!(json["acquired"], serde_json::Value::Null);
    assert_eq!(json["acquired_us"].as_u64(), Some(u64::MAX));
}
