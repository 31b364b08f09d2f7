//! Devices that nobody here wrote: Linux's network stack and pymodbus, each in a network namespace of its own. It takes root, so `scripts/test` runs
//! this file only then, and says so otherwise.
//!
//! A boot of its own: the inside wire is another one.

use anyhow::{Result, ensure};
use noreturn_tests::lan::bed::{Bed, devices};
use noreturn_tests::lan::namespaces::Namespaces;
use noreturn_tests::machine::InsideWire;

const HOSTS: usize = 8;
const PERIOD_US: u64 = 250_000;
const PHASE_US: u64 = 10_000_000;
/// The box's time that it may take to connect to all.
const SETTLE_US: u64 = 30_000_000;

/// Requests that hosts from `first` on have had while the box's time passed, as a percentage of what their periods ask for.
fn percent(bed: &mut Bed, hosts: &mut Namespaces, first: usize) -> Result<f64> {
    let sum = |hosts: &mut Namespaces| Ok::<u64, anyhow::Error>(hosts.requests()?[first..].iter().sum());
    let (before, start_us) = (sum(hosts)?, bed.plant.lan().now_us());
    bed.pass(PHASE_US)?;
    let (after, end_us) = (sum(hosts)?, bed.plant.lan().now_us());
    // Whole periods: a request that is due at the edge may be counted on either side of it.
    let asked_for = (HOSTS - first) as u64 * ((end_us - start_us) / PERIOD_US);
    Ok(100.0 * (after - before) as f64 / asked_for as f64)
}

#[test]
fn independent_devices_are_asked_in_time_and_nothing_else_is_sent_to_them() -> Result<()> {
    let mut hosts = Namespaces::start(HOSTS)?;
    let wire = InsideWire::Tap(hosts.tap().to_owned());
    let mut bed = Bed::start(devices(HOSTS, PERIOD_US, None), 0, Some(wire))?;
    hosts.connect()?;
    let mut waited_us = 0;
    while hosts.requests()?.contains(&0) {
        waited_us += 500_000;
        ensure!(waited_us < SETTLE_US, "not all devices are asked: {:?}", hosts.requests()?);
        bed.pass(500_000)?;
    }
    let healthy = percent(&mut bed, &mut hosts, 0)?;
    hosts.set_link(0, false)?;
    let one_off = percent(&mut bed, &mut hosts, 1)?;
    bed.finish()?;
    println!("{healthy:.1} % with all on, {one_off:.1} % with one off");
    ensure!(healthy >= 99.0 && one_off >= 99.0, "{healthy:.1} % with all on, {one_off:.1} % with one off");
    Ok(())
}
