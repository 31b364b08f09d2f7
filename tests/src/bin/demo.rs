//! The demo: a water works, the box in QEMU, a broker and the receiver with its live view, until Ctrl-C.
//!
//! Boots `dist/diode.img` as `./scripts/build` made it for the example site.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)]

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use noreturn_tests::broker::Broker;
use noreturn_tests::example::{PLANT_PORT, RECEIVER_PORT};
use noreturn_tests::machine::{Machine, OutsideWire, Running};
use noreturn_tests::plant::{DEMO_SPEED, Plant};
use noreturn_tests::ports::loopback;
use noreturn_tests::receiver::{ReceiverSettings, RunningReceiver};
use noreturn_tests::repository::{built, root};
use noreturn_tests::site::Image;
use serde_json::{Value, json};

/// Shows telemetry leaving a water works through the diode.
#[derive(Parser)]
struct Arguments {
    /// End after this many seconds; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let interrupted = Arc::new(AtomicBool::new(false));
    watch_for_interrupt(Arc::clone(&interrupted))?;
    check_ports()?;
    let folder = tempfile::tempdir()?;
    let image = example_image()?;
    let _plant = Plant::start(loopback(PLANT_PORT), DEMO_SPEED).context("starting the demo plant")?;
    let broker = Broker::start(folder.path())?;
    introduce(&image, &broker, folder.path());
    let settings = ReceiverSettings {
        port: RECEIVER_PORT,
        broker: Some(broker.port),
        image: &image,
        attestation: None,
        live: true,
    };
    let receiver = RunningReceiver::start(folder.path(), &settings)?;
    let mut machine = start_box(&image, folder.path())?;
    let loader_started = watch_for_loader(&machine);
    let ran = run(&arguments, &interrupted, &mut machine);
    // At Ctrl-C it is ending already; being told twice does no harm.
    let summary = receiver.stop()?;
    ran.with_context(|| said(&machine))?;
    report(&summary, &image, &loader_started)
}

/// Ctrl-C reaches the receiver and QEMU too; here it only ends the waiting.
fn watch_for_interrupt(interrupted: Arc<AtomicBool>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        // Without a handler Ctrl-C ends the demo all the same, only less politely.
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            interrupted.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

fn check_ports() -> Result<()> {
    TcpListener::bind(loopback(PLANT_PORT))
        .with_context(|| format!("TCP port {PLANT_PORT} is taken: end the program that uses it"))?;
    std::net::UdpSocket::bind(loopback(RECEIVER_PORT))
        .with_context(|| format!("UDP port {RECEIVER_PORT} is taken: end the program that uses it"))?;
    Ok(())
}

fn example_image() -> Result<Image> {
    let manifest: Value = serde_json::from_slice(&std::fs::read(built("dist/manifest.json")?)?)?;
    let sha256 = manifest["image_sha256"].as_str().context("dist/manifest.json names no image_sha256")?;
    let key = root().join("sites/example/diode.key");
    ensure!(key.exists(), "{} does not exist; run ./scripts/build", key.display());
    Ok(Image { path: built("dist/diode.img")?, sha256: sha256.to_owned(), key })
}

fn introduce(image: &Image, broker: &Broker, folder: &Path) {
    println!("plant     a water works, Modbus TCP at 127.0.0.1:{PLANT_PORT}");
    println!("box       QEMU, booting {} from a read-only USB stick", image.path.display());
    println!("broker    mosquitto_sub -h 127.0.0.1 -p {} -t 'noreturn/#' -v", broker.port);
    println!("files     {} (receiver.toml, records.jsonl, serial.log)", folder.display());
}

fn start_box(image: &Image, folder: &Path) -> Result<Running> {
    Machine::new(&image.path, folder, OutsideWire::User).start()
}

/// Microseconds since 1970 at which the loader said its first word; 0 until then.
fn watch_for_loader(machine: &Running) -> Arc<AtomicU64> {
    let started = Arc::new(AtomicU64::new(0));
    let (ours, serial) = (Arc::clone(&started), machine.serial.clone());
    std::thread::spawn(move || {
        while ours.load(Ordering::Relaxed) == 0 {
            if std::fs::read_to_string(&serial).is_ok_and(|said| said.contains("noreturn loader")) {
                ours.store(unix_us(), Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    started
}

fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn run(arguments: &Arguments, interrupted: &AtomicBool, machine: &mut Running) -> Result<()> {
    let start = Instant::now();
    while !interrupted.load(Ordering::Relaxed) {
        if arguments.seconds.is_some_and(|seconds| start.elapsed() >= Duration::from_secs(seconds)) {
            return Ok(());
        }
        if let Err(error) = machine.check_running()
            && !interrupted.load(Ordering::Relaxed)
        {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn said(machine: &Running) -> String {
    format!("the box said:\n{}", std::fs::read_to_string(&machine.serial).unwrap_or_default())
}

/// Prints the last line, and fails unless verified telemetry has arrived.
fn report(summary: &Value, image: &Image, loader_started: &AtomicU64) -> Result<()> {
    let diode = &summary["diodes"][0];
    let loader_us = loader_started.load(Ordering::Relaxed);
    let first_us = summary["first_record_unix_us"].as_u64().unwrap_or(0);
    let boot_ms = (first_us > 0 && loader_us > 0).then(|| first_us.saturating_sub(loader_us) / 1000);
    println!(
        "{{\"records\": {}, \"gaps\": {}, \"recovered\": {}, \"image_sha256\": \"{}\", \"image_check\": {}, \
         \"loader_to_first_record_ms\": {}}}",
        summary["records"],
        summary["gaps"],
        summary["recovered"],
        image.sha256,
        diode["image_check"],
        json!(boot_ms),
    );
    if summary["records"].as_u64() == Some(0) || diode["image_check"] != "match" {
        bail!("no verified telemetry arrived");
    }
    Ok(())
}
