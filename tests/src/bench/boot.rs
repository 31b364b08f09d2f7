//! Sizes of what `./scripts/build` made, the time from the loader's start to the kernel and to the first record, and the time that the
//! verifier takes.

use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

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
    let loader_ms = loader_ms(&world)?;
    let first_us =
        world.receiver.stop()?["first_record_unix_us"].as_u64().context("no first_record_unix_us")?;
    let first_ms = first_us.saturating_sub(loader_us) as f64 / 1000.0;
    Ok(vec![
        Figure::new("loader_to_first_record_ms", first_ms, "ms"),
        Figure::new("loader_ms", loader_ms, "ms"),
    ])
}

/// What the loader itself says of the time from its start to the kernel's.
fn loader_ms(world: &World) -> Result<f64> {
    let said = world.machine.said();
    let (_, rest) = said.split_once("starting the kernel after ").context("the loader told no time")?;
    Ok(rest.split(' ').next().unwrap_or_default().parse()?)
}

/// How long the verifier takes to judge the image by every rule: the least of several runs.
pub(super) fn verify() -> Result<Vec<Figure>> {
    const RUNS: usize = 10;
    let (verifier, image) = (built("dist/diode-verify")?, built("dist/diode.img")?);
    let mut least_ms = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        let output = Command::new(&verifier).arg("check").arg(&image).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        least_ms = least_ms.min(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(vec![Figure::new("verify_ms", least_ms, "ms")])
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
