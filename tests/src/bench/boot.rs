//! Sizes of what `./scripts/build` made, and the time from the loader's start to the first record.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::Figure;
use crate::counting::CountingDevice;
use crate::ports::free_tcp;
use crate::process::PATIENCE;
use crate::repository::{built, kernel, loader};
use crate::site::device;
use crate::world::{Plan, World};

pub(super) fn sizes() -> Result<Vec<Figure>> {
    let bytes = |name: &str, path: std::path::PathBuf| -> Result<Figure> {
        Ok(Figure::new(name, path.metadata()?.len() as f64, "bytes"))
    };
    Ok(vec![
        bytes("loader_bytes", loader()?)?,
        bytes("kernel_bytes", kernel()?)?,
        bytes("image_bytes", built("dist/diode.img")?)?,
    ])
}

/// From the loader's first word on the serial port to the first record verified at the receiver, in QEMU
/// without hardware virtualisation.
pub(super) fn first_record() -> Result<Vec<Figure>> {
    let port = free_tcp()?;
    let _device = CountingDevice::start(port)?;
    let point =
        "[[modbus.point]]\nname = \"count\"\nfunction = 3\naddress = 0\ntype = \"u32\"\nperiod_ms = 100\n";
    let mut world = World::start(&Plan::new(device("plc", port, 1, "") + point))?;
    let loader_us = loader_start_us(&world)?;
    world.wait_for_records(1)?;
    let first_us =
        world.receiver.stop()?["first_record_unix_us"].as_u64().context("no first_record_unix_us")?;
    Ok(vec![Figure::new(
        "loader_to_first_record_ms",
        first_us.saturating_sub(loader_us) as f64 / 1000.0,
        "ms",
    )])
}

fn loader_start_us(world: &World) -> Result<u64> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if std::fs::read_to_string(&world.machine.serial).is_ok_and(|said| said.contains("noreturn loader")) {
            return Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    anyhow::bail!("the loader did not start")
}
