//! A pulled cable: what it must not cost.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::card::Card;
use crate::counting::{CountingDevice, counters};
use crate::ports::free_tcp;
use crate::process::wait_for;
use crate::world::{Account, Plan, World, accounts};

/// The cable is out while the plant goes on: all of that arrives once it is back, each record once and marked.
///
/// # Errors
/// If something does not start, or does not come.
///
/// # Panics
/// If what came is not what was sent.
pub fn is_made_up_for(outside: Card) -> Result<()> {
    const POINTS: u16 = 4;
    // And whether the device answers.
    const TAGS: usize = 1 + POINTS as usize;
    const OUTAGE_ANSWERS: usize = 100;
    let port = free_tcp()?;
    let device = CountingDevice::start(port)?;
    let history = "[link.history]\nshare_per_mille = 200\ninterval_ms = 500\n";
    let modbus = format!("\n{history}{}", counters(port, POINTS, 50));
    let mut world = World::start(&Plan { broker: true, ..Plan::with_outside(outside, modbus) })?;
    world.wait_for_records(100)?;
    let answered = |answers: usize| {
        wait_for(&format!("{answers} answers"), || Ok((device.answers() >= answers).then_some(answers)))
    };
    world.machine.set_outside_link(false)?;
    let lost = device.answers();
    let back = answered(lost + OUTAGE_ANSWERS)?;
    world.machine.wait_for_serial("alarm outside_link_down raised")?;
    world.machine.set_outside_link(true)?;

    // Each answer is one record of each tag, with the same number.
    let everything = |tag: &str, account: &Account| {
        let delivered: BTreeSet<u64> = account.delivered().map(|(sequence, _)| *sequence).collect();
        tag == "plc/status" || (0..back as u64).all(|sequence| delivered.contains(&sequence))
    };
    let accounts = wait_for("the records of the outage", || {
        world.machine.check_running()?;
        let accounts = accounts(&world.receiver.lines()?);
        let all = accounts.len() == TAGS && accounts.iter().all(|(tag, account)| everything(tag, account));
        Ok(all.then_some(accounts))
    })?;
    assert_eq!(device.connections(), 1, "values can only be told from the numbers over one connection");
    for (tag, account) in accounts.iter().filter(|(tag, _)| tag.starts_with("plc/count/")) {
        account.check()?;
        assert!(account.delivered().all(|(sequence, value)| value.as_u64() == Some(*sequence)), "{tag}");
        assert!(account.delayed >= OUTAGE_ANSWERS as u64 / 2, "{tag}: only {} were delayed", account.delayed);
    }
    let broker = world.broker.as_ref().context("the plan has a broker")?;
    let count = |state: &Value, name: &str| state["counters"][name].as_u64();
    broker.wait_for("noreturn/waterworks/$state", "the outage", |state| {
        count(state, "outside_link_lost") == Some(1) && count(state, "link_held") > Some(0)
    })?;
    world.check_wire()?;
    let summary = world.receiver.stop()?;
    assert_eq!(summary["diodes"].as_array().map(Vec::len), Some(1), "the box booted again: {summary}");
    Ok(())
}
