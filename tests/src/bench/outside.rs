//! What a frame costs the box: instructions from the ring to the card, on the real image, whose processor QEMU makes count
//! instructions for time.

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::Figure;
use crate::ports::free_udp;
use crate::replay::capture;
use crate::repository::planted_kernel;
use crate::site::{DIODE_NAME, Site, build_with, idle_device};

/// Frames of a run; the first half is the start.
const FRAMES: usize = 6000;
/// QEMU's `-icount shift=1`: 2 ns an instruction.
const INSTRUCTIONS_PER_US: f64 = 500.0;
/// No pace, so that the processor is what limits.
const LINK: &str = "\n[link]\nrate_bytes_per_s = 1_250_000_000\nburst_bytes = 16_777_216\n";

/// Everything that the box does between two frames, parity among them, when there is always more to send.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let (largest_bytes, largest) = per_frame("planted load of largest frames")?;
    let (smallest_bytes, smallest) = per_frame("planted load of smallest frames")?;
    let mut figure = Figure::new("outside_instructions_per_frame", largest, "instructions");
    figure.beside = vec![
        ("bytes of its payload", largest_bytes),
        ("the smallest", smallest),
        ("bytes of the smallest's payload", smallest_bytes),
    ];
    Ok(vec![figure])
}

/// Mean bytes of UDP payload, and instructions, of a frame.
fn per_frame(load: &str) -> Result<(f64, f64)> {
    let folder = TempDir::new()?;
    let receiver_port = free_udp()?;
    let site = Site { receiver_port, modbus: LINK.to_owned() + &idle_device() };
    let text = site.text().replace(DIODE_NAME, load);
    let image = build_with(&planted_kernel()?, &text, folder.path())?;
    let frames = capture(&image.path, folder.path(), FRAMES)?;
    let steady = &frames[frames.len() / 2..];
    let (first, last) = (steady.first().context("no frames")?, steady.last().context("no frames")?);
    let count = (steady.len() - 1) as f64;
    let headers_bytes = 14 + 20 + 8;
    let bytes: usize = steady.iter().map(|(_, frame)| frame.len() - headers_bytes).sum();
    Ok((bytes as f64 / steady.len() as f64, (last.0 - first.0) as f64 * INSTRUCTIONS_PER_US / count))
}
