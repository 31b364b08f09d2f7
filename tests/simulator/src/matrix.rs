//! What a shape of blocks survives: (overhead, span) to (random loss, burst, delay on recovery), found by trying.

use noreturn_fec::Geometry;

use crate::network::Faults;
use crate::run::{Outcome, run};
use crate::scenario::Scenario;

/// Data and parity shards of the shapes that are tried.
pub const SHAPES: [(u8, u8); 4] = [(46, 6), (46, 16), (20, 20), (100, 16)];
/// Spans that are tried, in milliseconds.
pub const SPANS_MS: [u64; 4] = [0, 50, 200, 500];
/// Random losses that are tried, in parts of a thousand.
const LOSSES: [u64; 8] = [2, 5, 10, 20, 50, 100, 150, 200];
/// Bursts that are tried, in frames, one a second or so.
const BURSTS: [u64; 9] = [2, 5, 10, 25, 50, 100, 200, 400, 800];
const BURST_EVERY_FRAMES: u64 = 8_171;
const FRAMES_PER_S: u64 = 8_000;
const DURATION_US: u64 = 10_000_000;

/// One shape and span, and what they survive: not one record is lost in ten seconds of 8,000 frames/s.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Data shards of a full block.
    pub data: u8,
    /// Parity shards of a full block.
    pub parity: u8,
    /// Time over which a block is spread.
    pub span_ms: u64,
    /// Bytes of parity per byte of data, as sent.
    pub overhead: f64,
    /// Greatest random loss that was survived, in parts of a thousand.
    pub lost_per_mille: u64,
    /// Longest burst that was survived, in frames.
    pub burst_frames: u64,
    /// The same together with a random loss of 5 %.
    pub burst_frames_at_5_percent: u64,
    /// How much later records came that parity gave back, at a loss of 1 %: median and longest.
    pub recovery_ms: (f64, f64),
}

/// Every shape with every span.
pub fn cells() -> impl Iterator<Item = Cell> {
    SHAPES.into_iter().flat_map(|(data, parity)| SPANS_MS.map(|span_ms| cell(data, parity, span_ms)))
}

fn cell(data: u8, parity: u8, span_ms: u64) -> Cell {
    let attempt = |faults| attempt(data, parity, span_ms, faults);
    let survives = |faults| attempt(faults).ends.iter().all(|end| end.tally.missing == 0);
    let greatest = |tried: &[u64], faults: &dyn Fn(u64) -> Faults| {
        tried.iter().copied().take_while(|&value| survives(faults(value))).last().unwrap_or(0)
    };
    let burst =
        |burst_frames| Faults { burst_every_frames: BURST_EVERY_FRAMES, burst_frames, ..Faults::default() };
    let good = attempt(Faults::default());
    let recovery_us = &attempt(Faults { lost: 10, ..Faults::default() }).ends[0].recovery_us;
    let ms = |place: usize| recovery_us.get(place).map_or(0.0, |&us| us as f64 / 1000.0);
    Cell {
        data,
        parity,
        span_ms,
        overhead: good.parity_bytes as f64 / good.data_bytes as f64,
        lost_per_mille: greatest(&LOSSES, &|lost| Faults { lost, ..Faults::default() }),
        burst_frames: greatest(&BURSTS, &burst),
        burst_frames_at_5_percent: greatest(&BURSTS, &|frames| Faults { lost: 50, ..burst(frames) }),
        recovery_ms: (ms(recovery_us.len() / 2), ms(recovery_us.len().saturating_sub(1))),
    }
}

fn attempt(data: u8, parity: u8, span_ms: u64, faults: Faults) -> Outcome {
    let data_per_s = FRAMES_PER_S * u64::from(data) / (u64::from(data) + u64::from(parity));
    let mut scenario = Scenario::telemetry(span_ms + 1, 1_000_000 / data_per_s, DURATION_US);
    let blocks = &mut scenario.sender.telemetry.blocks;
    blocks.geometry = Geometry::new(data, parity).unwrap_or(blocks.geometry);
    blocks.span_us = span_ms * 1000;
    blocks.blocks_max = 256;
    (scenario.receiver.hold_us, scenario.drain_us) = (2_000_000, 5_000_000);
    scenario.receiver.shard_bytes_max = 64 << 20;
    scenario.faults = faults;
    run(&scenario)
}
