//! The main job: what an independent Modbus server holds is what an MQTT subscriber gets, as it changes,
//! through the real image, booted from a read-only USB stick, with either card on either side.
//!
//! Boots of their own: the cards, the network and the cable differ, and each box is watched from its first record on.

use anyhow::Result;
use noreturn_tests::card::Card;
use noreturn_tests::counting::{CountingDevice, counters};
use noreturn_tests::modbus::ModbusServer;
use noreturn_tests::outage;
use noreturn_tests::ports::free_tcp;
use noreturn_tests::site::device;
use noreturn_tests::wire::Faults;
use noreturn_tests::world::{Plan, World, accounts};
use serde_json::json;

const TIMING: &str = "timeout_ms = 2000\nbackoff_ms_min = 100\nbackoff_ms_max = 500\n";

fn points() -> String {
    let point =
        |name: &str, rest: &str| format!("[[modbus.point]]\nname = \"{name}\"\nperiod_ms = 100\n{rest}\n");
    [
        point("level", "function = 3\naddress = 3\ntype = \"u16\"\nscale = 0.01\nunit = \"m\""),
        point("flow", "function = 3\naddress = 4\ntype = \"i32\""),
        point(
            "pressure",
            "function = 4\naddress = 0\ntype = \"f32\"\nword_order = \"low_first\"\nunit = \"bar\"",
        ),
        point("pump", "function = 1\naddress = 2"),
        point("switch", "function = 2\naddress = 5"),
    ]
    .concat()
}

fn words(value: f32) -> [u16; 2] {
    let bits = value.to_bits();
    [bits as u16, (bits >> 16) as u16]
}

fn values_arrive_as_they_change(inside: Card, outside: Card) -> Result<()> {
    let port = free_tcp()?;
    let mut server = ModbusServer::start(port)?;
    server.set("holding", 3, &[1234, 0xffff, 0xfffe])?;
    server.set("input", 0, &words(4.75))?;
    server.set("coils", 2, &[1])?;
    let modbus = device("plc", port, 1, TIMING) + &points();
    let mut world = World::start(&Plan { inside, outside, broker: true, ..Plan::new(modbus) })?;
    world.machine.wait_for_serial("transmit only")?;
    world.wait_for_records(20)?;
    let Some(broker) = &world.broker else { unreachable!("the plan has a broker") };

    let topic = |tag: &str| format!("noreturn/waterworks/plc/{tag}");
    let arrives = |tag: &str, value: serde_json::Value| {
        broker.wait_for(&topic(tag), &value.to_string(), |message| {
            message["value"] == value && message["quality"] == "good"
        })
    };
    arrives("level", json!(12.34))?;
    arrives("flow", json!(-2))?;
    arrives("pressure", json!(4.75))?;
    arrives("pump", json!(true))?;
    arrives("switch", json!(false))?;
    arrives("status", json!(true))?;
    let count = |state: &serde_json::Value, name: &str| state["counters"][name].as_u64().unwrap_or(0);
    broker.wait_for("noreturn/waterworks/$state", "what the ring has carried", |state| {
        // Records cross the ring, and names and counters too.
        count(state, "records") > 0 && count(state, "ring_written") > count(state, "records")
    })?;
    for (round, level) in [1300_u16, 7, 65_535].into_iter().enumerate() {
        server.set("holding", 3, &[level])?;
        server.set("discrete", 5, &[1 - (round as u16 % 2)])?;
        arrives("level", json!(f64::from(level) * 0.01))?;
        arrives("switch", json!(round % 2 == 0))?;
    }

    drop(server);
    broker.wait_for(&topic("status"), "the outage", |message| message["value"] == json!(false))?;
    let outage = broker.wait_for(&topic("level"), "no value", |message| message["value"].is_null())?;
    assert_ne!(outage["quality"], "good");
    let before = broker.published(&topic("status"))?.len();
    let mut server = ModbusServer::start(port)?;
    server.set("holding", 3, &[4321])?;
    arrives("level", json!(43.21))?;
    let after = broker.published(&topic("status"))?;
    assert!(after[before..].iter().any(|message| message["value"] == json!(true)), "{after:?}");

    world.check_wire()?;
    let summary = world.receiver.stop()?;
    assert_eq!(summary["diodes"][0]["image_check"], "match", "{summary}");
    assert_eq!(summary["diodes"][0]["image_sha256"], world.image.sha256, "{summary}");
    assert_eq!(summary["gaps"], 0, "{summary}");
    Ok(())
}

#[test]
fn virtio_inside_and_e1000e_outside() -> Result<()> {
    values_arrive_as_they_change(Card::VirtioNet, Card::E1000e)
}

#[test]
fn e1000e_inside_and_virtio_outside() -> Result<()> {
    values_arrive_as_they_change(Card::E1000e, Card::VirtioNet)
}

/// With 5 % of the frames lost, and as many late, twice or damaged: each record once and in order, or in a gap.
#[test]
fn over_a_bad_network_everything_is_delivered_once_in_order_or_reported() -> Result<()> {
    let seed = 0x6e6f_7265_7475_726e;
    println!("seed {seed:#x}");
    let faults = Faults { seed, lost: 50, reordered: 50, duplicated: 50, corrupted: 20 };
    let port = free_tcp()?;
    let counting = CountingDevice::start(port)?;
    let modbus = counters(port, 20, 20);
    let mut world = World::start(&Plan { faults, ..Plan::new(modbus) })?;
    world.wait_for_records(10_000)?;
    assert!(world.wire.faults() > 50, "the network was too kind: {} faults", world.wire.faults());
    world.check_wire()?;

    let accounts = accounts(&world.receiver.lines()?);
    assert_eq!(counting.connections(), 1, "values can only be told from the numbers over one connection");
    let mut records = 0;
    for (tag, account) in accounts.iter().filter(|(tag, _)| tag.starts_with("plc/count/")) {
        account.check()?;
        for (sequence, value) in account.delivered() {
            assert_eq!(value.as_u64(), Some(*sequence), "{tag}: a value that the device never gave");
        }
        records += account.delivered().count();
    }
    assert!(records > 9000, "only {records} records of the counting device");
    let summary = world.receiver.stop()?;
    assert!(summary["recovered"].as_u64() > Some(0), "nothing was recovered: {summary}");
    Ok(())
}

#[test]
fn an_outage_of_an_e1000e_cable_is_made_up_for() -> Result<()> {
    outage::is_made_up_for(Card::E1000e)
}

#[test]
fn an_outage_of_a_virtio_cable_is_made_up_for() -> Result<()> {
    outage::is_made_up_for(Card::VirtioNet)
}
