//! What a frame costs the box, on the real image: instructions, when QEMU makes the processor count them for time, and time.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::Figure;
use crate::machine::{Machine, OutsideWire};
use crate::ports::{free_udp, loopback};
use crate::process::PATIENCE;
use crate::replay::capture;
use crate::repository::planted_kernel;
use crate::site::{DIODE_NAME, Image, Site, build_with, idle_device};

const LARGEST: &str = "planted load of largest frames";
const SMALLEST: &str = "planted load of smallest frames";
/// How long frames are counted.
const RUN: Duration = Duration::from_secs(5);
/// Frames of a run; the first half is the start.
const FRAMES: usize = 6000;
/// QEMU's `-icount shift=1`: 2 ns an instruction.
const INSTRUCTIONS_PER_US: f64 = 500.0;
/// No pace, so that the processor is what limits.
const AES: &str = "suite = \"aes-256-gcm\"\n";
const LINK: &str = "\n[link]\nrate_bytes_per_s = 1_250_000_000\nburst_bytes = 16_777_216\n";

/// Everything that the box does between two frames, parity among them, when there is always more to send.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let (largest_bytes, largest) = per_frame(LARGEST, "")?;
    let (_, aes) = per_frame(LARGEST, AES)?;
    let (smallest_bytes, smallest) = per_frame(SMALLEST, "")?;
    let mut figure = Figure::new("outside_instructions_per_frame", largest, "instructions");
    figure.beside = vec![
        ("bytes of its payload", largest_bytes),
        ("sealed with AES-256-GCM", aes),
        ("the smallest", smallest),
        ("bytes of the smallest's payload", smallest_bytes),
    ];
    Ok(vec![figure])
}

/// Frames that leave in a second of this machine's time, in QEMU without hardware virtualisation.
pub(super) fn rate() -> Result<Vec<Figure>> {
    let mut figure = Figure::new("outside_frames_per_s", per_second(LARGEST)?, "frames/s");
    figure.beside.push(("the smallest", per_second(SMALLEST)?));
    Ok(vec![figure])
}

fn per_second(load: &str) -> Result<f64> {
    let folder = TempDir::new()?;
    let image = build(load, "", &folder)?;
    let wire = UdpSocket::bind(loopback(0))?;
    wire.set_read_timeout(Some(PATIENCE))?;
    let frames = OutsideWire::Frames { card: loopback(free_udp()?), wire: wire.local_addr()? };
    let mut machine = Machine::new(&image.path, folder.path(), frames).start()?;
    machine.wait_for_serial(&format!("noreturn: {load}"))?;
    let mut frame = [0; 2048];
    // What was sent before still waits in the socket.
    for _ in 0..FRAMES {
        wire.recv(&mut frame)?;
    }
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < RUN {
        wire.recv(&mut frame)?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// An image whose box offers this load, with more keys of the table `[link]`.
fn build(load: &str, link: &str, folder: &TempDir) -> Result<Image> {
    let site = Site { receiver_port: free_udp()?, modbus: LINK.to_owned() + link + &idle_device() };
    build_with(&planted_kernel()?, &site.text().replace(DIODE_NAME, load), folder.path())
}

/// Mean bytes of UDP payload, and instructions, of a frame.
fn per_frame(load: &str, link: &str) -> Result<(f64, f64)> {
    let folder = TempDir::new()?;
    let image = build(load, link, &folder)?;
    let frames = capture(&image.path, folder.path(), FRAMES)?;
    let steady = &frames[frames.len() / 2..];
    let (first, last) = (steady.first().context("no frames")?, steady.last().context("no frames")?);
    let count = (steady.len() - 1) as f64;
    let headers_bytes = 14 + 20 + 8;
    let bytes: usize = steady.iter().map(|(_, frame)| frame.len() - headers_bytes).sum();
    Ok((bytes as f64 / steady.len() as f64, (last.0 - first.0) as f64 * INSTRUCTIONS_PER_US / count))
}
