//! How long it takes from a fault to the first beacon of the next boot, in QEMU without hardware virtualisation.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Figure;
use crate::machine::Watchdog;
use crate::process::PATIENCE;
use crate::site::idle_device;
use crate::world::{Plan, World};

/// Faults, what the next beacon calls them, what resets the box from them at the latest, and their name in the figures.
const FAULTS: [(&str, &str, Watchdog, &str); 5] = [
    ("planted panic", "panicked", Watchdog::Tco, "panic"),
    ("planted heap exhaustion", "out of memory", Watchdog::Tco, "exhausted heap"),
    ("planted page fault", "exception 14", Watchdog::Tco, "exception"),
    ("planted stall", "stalled", Watchdog::I6300esb, "stall, 6300ESB"),
    ("planted stall without interrupts", "stalled", Watchdog::Tco, "stall, TCO"),
];

/// From the console's word of the fault to the first frame of the next boot, which is its beacon; the receiver verifies it.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let mut milliseconds = Vec::new();
    for (fault, last_stop, watchdog, name) in FAULTS {
        milliseconds.push((name, one(fault, last_stop, watchdog)?));
    }
    let mut figure = Figure::new("stop_to_beacon_ms", milliseconds[0].1, "ms");
    figure.beside = milliseconds.split_off(1);
    Ok(vec![figure])
}

fn one(fault: &str, last_stop: &str, watchdog: Watchdog) -> Result<f64> {
    let mut world = World::start(&Plan { fault: Some(fault), watchdog, ..Plan::new(idle_device()) })?;
    until(|| said(&world, &format!("noreturn: {fault}")) > 0)?;
    let start = Instant::now();
    until(|| said(&world, "noreturn loader: measuring") > 1)?;
    let frames = world.wire.frames();
    until(|| world.wire.frames() > frames)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    world.wait_for_last_stop(last_stop)?;
    Ok(milliseconds)
}

/// How often the box has said `text` on its console.
fn said(world: &World, text: &str) -> usize {
    world.machine.said().matches(text).count()
}

fn until(mut condition: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !condition() {
        ensure!(start.elapsed() < PATIENCE, "waited {} s for the next boot", PATIENCE.as_secs());
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
