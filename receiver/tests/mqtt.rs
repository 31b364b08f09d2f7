//! The real daemon and a real broker: what a subscriber sees, with the broker there, away, and back.
mod common;

use std::collections::BTreeMap;

use common::broker::{Broker, free_port};
use common::{Daemon, Diode, IMAGE, JSON_LINES, assert_is_record, config};
use noreturn_link::SenderConfig;
use noreturn_wire::DiodeId;
use rustix::process::Signal;
use serde_json::Value as Json;

const NAMES: [(&str, &str); 2] = [("plc-1/tank/level", "m"), ("plc-2/a+b#c", "°C")];
const TOPICS: [&str; 2] = ["site/n/east/plc-1/tank/level", "site/n/east/plc-2/a\\u{2b}b\\u{23}c"];

fn json(payload: &str) -> Json {
    serde_json::from_str(payload).unwrap_or_else(|error| panic!("{error}: {payload}"))
}

/// Payloads of one topic, in order.
fn of_topic(messages: &[(String, String)], topic: &str) -> Vec<Json> {
    messages.iter().filter(|(on, _)| on == topic).map(|(_, payload)| json(payload)).collect()
}

#[test]
fn a_subscriber_sees_exact_values_gaps_and_state() {
    let broker = Broker::start();
    let mut subscriber = broker.subscribe();
    let mut daemon = Daemon::start(
        &format!("expected_image_sha256 = \"{}\"", "ab".repeat(32)),
        &broker.config("client_id = \"c\""),
    );
    let online = subscriber.take_until(|topic, _| topic == "site/n/$receiver");
    assert_eq!(online[0].1, "online");
    let mut diode = Diode::new(1, &NAMES);
    diode.announce();
    diode.beacon(IMAGE);
    (0..100).for_each(|round| diode.record(round % 2));
    daemon.send(&diode.frames());
    // These never leave: a gap of two, then one record more.
    (0..4).for_each(|round| diode.record(round % 2));
    diode.frames();
    (0..2).for_each(|round| diode.record(round % 2));
    daemon.send(&diode.frames());
    let remains = daemon.stop(Signal::TERM);
    let messages =
        subscriber.take_until(|topic, payload| topic == "site/n/$receiver" && payload == "offline");
    for (source, topic) in TOPICS.iter().enumerate() {
        let mut expected = diode.sent[source].clone();
        expected.drain(50..52);
        let got = of_topic(&messages, topic);
        assert_eq!(got.len(), expected.len(), "{topic}");
        for (payload, record) in got.iter().zip(&expected) {
            assert_is_record(payload, record, NAMES[source].1);
            assert_eq!(payload["boot"], "01".repeat(16));
        }
    }
    let gaps = of_topic(&messages, "site/n/east/$gap");
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    for (gap, (tag, _)) in gaps.iter().zip(NAMES) {
        assert_eq!((&gap["tag"], &gap["first"], &gap["last"]), (&tag.into(), &50.into(), &51.into()));
    }
    let state = of_topic(&messages, "site/n/east/$state").pop().unwrap();
    assert_eq!((&state["image_check"], &state["outside"]["link_up"]), (&"match".into(), &true.into()));
    assert!(state["counters"]["link_data_frames"].is_u64() && state["receiver"]["counters"].is_object());
    assert_eq!(of_topic(&messages, "site/n/east/$alarm")[0]["active"], false);
    assert_eq!(remains.summary["records"], 102);
    assert_eq!(remains.summary["counters"]["mqtt_dropped_queue"], 0);
}

/// A box that somebody took over announces whatever it likes. Brokers close the connection for a topic with a non-character (MQTT 5.0,
/// section 1.5.4), and everything waits for the connection.
#[test]
fn no_name_costs_another_diode_its_messages() {
    let names =
        [("a\u{fffe}", ""), ("b\u{ffff}\u{0}\u{1ffff}", "\u{fffe}"), ("c\u{202e}\u{10ffff}\u{e000}", "")];
    let broker = Broker::start();
    let mut subscriber = broker.subscribe();
    let west = "[[diode]]\nid = 8\nname = \"west\"\nkey_file = \"diode.key\"";
    let mut daemon = Daemon::start(west, &broker.config(""));
    let mut hostile = Diode::new(1, &names);
    let mut other = Diode::with(&SenderConfig { diode: DiodeId(8), ..config() }, 2, &NAMES);
    for diode in [&mut hostile, &mut other] {
        diode.announce();
        diode.beacon(IMAGE);
    }
    for _ in 0..20 {
        (0..3).for_each(|source| hostile.record(source));
        daemon.send(&hostile.frames());
        other.record(0);
        daemon.send(&other.frames());
    }
    let last = |topic: &str, payload: &str| {
        topic == "site/n/west/plc-1/tank/level" && json(payload)["sequence"] == 19
    };
    let mut messages = subscriber.take_until(last);
    assert_eq!(of_topic(&messages, "site/n/west/plc-1/tank/level").len(), 20);
    let remains = daemon.stop(Signal::TERM);
    messages
        .extend(subscriber.take_until(|topic, payload| topic == "site/n/$receiver" && payload == "offline"));
    for level in ["a\\u{fffe}", "b\\u{ffff}\\u{0}\\u{1ffff}", "c\\u{202e}\\u{10ffff}\\u{e000}"] {
        assert_eq!(of_topic(&messages, &format!("site/n/east/{level}")).len(), 20, "{level}");
    }
    assert_eq!(remains.summary["counters"]["mqtt_connections"], 1);
}

#[test]
fn a_mismatch_is_a_retained_alarm_until_a_boot_matches() {
    let broker = Broker::start();
    let mut daemon = Daemon::start(
        &format!("expected_image_sha256 = \"{}\"\non_mismatch = \"refuse\"", "ab".repeat(32)),
        &broker.config(""),
    );
    let mut wrong = Diode::new(1, &NAMES);
    wrong.announce();
    wrong.record(0);
    wrong.beacon([1; 32]);
    daemon.send(&wrong.frames());
    // "online", the alarm and the state.
    daemon.wait_until(|status| status["counters"]["mqtt_delivered"].as_u64() >= Some(3));
    let mut subscriber = broker.subscribe();
    let retained = subscriber.take_until(|topic, _| topic == "site/n/east/$alarm");
    let alarm = json(&retained.last().unwrap().1);
    assert_eq!((&alarm["active"], &alarm["refused"]), (&true.into(), &true.into()));
    assert_eq!(alarm["image_sha256"], "01".repeat(32));
    let mut right = Diode::new(2, &NAMES);
    right.announce();
    right.record(0);
    right.beacon(IMAGE);
    daemon.send(&right.frames());
    let messages = subscriber.take_until(|topic, _| topic == TOPICS[0]);
    assert_eq!(json(&messages.last().unwrap().1)["boot"], "02".repeat(16), "nothing of the refused boot");
    assert_eq!(of_topic(&messages, "site/n/east/$alarm").pop().unwrap()["active"], false);
}

#[test]
fn a_broker_that_restarts_gets_everything_and_the_rest_goes_on_meanwhile() {
    let mut broker = Broker::start();
    let mut subscriber = broker.subscribe();
    let mut daemon = Daemon::start("", &format!("{JSON_LINES}{}", broker.config("")));
    daemon.process.wait_for("mqtt: connected to");
    let mut diode = Diode::new(1, &NAMES);
    diode.announce();
    diode.beacon(IMAGE);
    (0..40).for_each(|round| diode.record(round % 2));
    daemon.send(&diode.frames());
    // Some of these are under way, most likely.
    broker.stop();
    daemon.process.wait_for("mqtt: no connection to");
    (0..400).for_each(|round| diode.record(round % 2));
    diode.announce();
    daemon.send(&diode.frames());
    assert_eq!(daemon.status()["records"], 440, "UDP and JSON lines go on");
    broker.resume();
    daemon.process.wait_for("mqtt: connected to");
    (0..2).for_each(|round| diode.record(round % 2));
    daemon.send(&diode.frames());
    let last = |topic: &str, payload: &str| topic == TOPICS[1] && json(payload)["sequence"] == 220;
    let messages = subscriber.take_until(last);
    let mut next: BTreeMap<&str, u64> = BTreeMap::new();
    for (source, topic) in TOPICS.iter().enumerate() {
        for payload in of_topic(&messages, topic) {
            let sequence = payload["sequence"].as_u64().unwrap();
            let next = next.entry(topic).or_default();
            // QoS 1: again is allowed, ahead of others is not.
            assert!(sequence <= *next, "{topic}: {sequence} came before {next}");
            *next = (*next).max(sequence + 1);
            assert_is_record(&payload, &diode.sent[source][sequence as usize], NAMES[source].1);
        }
    }
    assert_eq!(next.into_values().collect::<Vec<_>>(), [221, 221]);
    let remains = daemon.stop(Signal::TERM);
    assert_eq!(remains.of_kind("record").len(), 442);
    assert_eq!(remains.summary["counters"]["mqtt_dropped_queue"], 0);
    assert_eq!(remains.summary["counters"]["mqtt_connections"], 2);
}

#[test]
fn without_a_broker_the_queue_is_bounded_and_drops_are_counted_and_said() {
    let mqtt = format!("[mqtt]\nbroker = \"127.0.0.1:{}\"\nqueue_max = 10\n", free_port());
    let mut daemon = Daemon::start("", &format!("{JSON_LINES}{mqtt}"));
    let mut diode = Diode::new(1, &NAMES);
    diode.announce();
    (0..100).for_each(|round| diode.record(round % 2));
    daemon.send(&diode.frames());
    daemon.wait_until(|status| status["counters"]["mqtt_dropped_queue"] == 90);
    let remains = daemon.stop(Signal::TERM);
    assert_eq!(remains.of_kind("record").len(), 100);
    assert_eq!(remains.summary["counters"]["mqtt_dropped_queue"], 100, "the last ten found nobody either");
    let said = |what: &str| remains.log.iter().any(|line| line.contains("ERROR") && line.contains(what));
    assert!(
        said("10 messages wait for 127.0.0.1") && said("10 messages were not taken"),
        "{:?}",
        remains.log
    );
}

#[test]
fn a_daemon_that_dies_is_reported_by_its_will() {
    let broker = Broker::start();
    let mut subscriber = broker.subscribe();
    let daemon = Daemon::start("", &broker.config(""));
    subscriber.take_until(|topic, payload| topic == "site/n/$receiver" && payload == "online");
    daemon.process.signal(Signal::KILL);
    subscriber.take_until(|topic, payload| topic == "site/n/$receiver" && payload == "offline");
}

#[test]
fn a_silent_diode_is_a_retained_alarm_and_its_state_is_stale_until_it_is_heard_again() {
    let broker = Broker::start();
    let west = "silent_after_ms = 3000\n[[diode]]\nid = 8\nname = \"west\"\nkey_file = \"diode.key\"\n\
                silent_after_ms = 1000";
    let mut subscriber = broker.subscribe();
    let mut daemon = Daemon::start(west, &format!("{JSON_LINES}{}", broker.config("")));
    // Neither was ever heard; of west there is nothing else in this test.
    for diode in ["west", "east"] {
        subscriber_sees_silence(&mut subscriber, diode, true);
    }
    let mut diode = Diode::new(1, &NAMES);
    diode.beacon(IMAGE);
    daemon.send(&diode.frames());
    subscriber_sees_silence(&mut subscriber, "east", false);
    let is_east = |topic: &str, payload: &str| {
        topic == "site/n/east/$state" && json(payload)["stale"] == true && json(payload)["boot"].is_string()
    };
    let state = json(&subscriber.take_until(is_east).pop().unwrap().1);
    assert_eq!((&state["image_check"], &state["outside"]["link_up"]), (&"unchecked".into(), &true.into()));
    assert!(state["last_heard"].is_string() && state["last_heard_us"].is_u64(), "{state}");
    let status = daemon.wait_until(|status| status["diodes"][0]["last_heard_s_ago"].as_u64() >= Some(1));
    assert_eq!(
        (&status["diodes"][0]["silent"], &status["diodes"][1]["silent"]),
        (&true.into(), &true.into())
    );
    assert_eq!(status["diodes"][1]["last_heard"], Json::Null);
    let remains = daemon.stop(Signal::TERM);
    let alarms = remains.of_kind("alarm");
    let of = |diode: &str| alarms.iter().filter(|alarm| alarm["diode"] == diode).count();
    assert_eq!((of("east"), of("west")), (2, 1), "{alarms:?}");
    assert!(alarms.iter().all(|alarm| alarm["alarm"] == "silent"));
    assert_eq!(remains.of_kind("silence").len(), 4, "and one that it is heard again");
    for line in [
        "ALARM: west: silent: not heard since",
        "east: heard again",
        "ALARM: east: silent for 3 s: last heard at",
    ] {
        assert_eq!(remains.log.iter().filter(|said| said.contains(line)).count(), 1, "{line}");
    }
}

/// Waits for the retained alarm, and for a state that says the same.
fn subscriber_sees_silence(subscriber: &mut common::broker::Subscriber, diode: &str, silent: bool) {
    let (alarm, state) = (format!("site/n/{diode}/$silence"), format!("site/n/{diode}/$state"));
    let mut seen = [false; 2];
    let is_last = |topic: &str, payload: &str| {
        let (is_alarm, is_state) = (topic == alarm, topic == state);
        (is_alarm && json(payload)["active"] == silent) || (is_state && json(payload)["stale"] == silent)
    };
    while seen != [true; 2] {
        let taken = subscriber.take_until(is_last);
        seen[usize::from(taken.last().is_some_and(|(topic, _)| *topic == state))] = true;
    }
}
