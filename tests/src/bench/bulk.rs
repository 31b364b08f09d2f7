//! A large file from one process to another over loopback, beside what plain UDP does there.
//!
//! The ends are processes of their own, started by [`measure`]: `bench-end receive`, `bench-end send` and so on. The
//! kernel's settings stay as they are.

mod end;
mod file;
mod plain;
mod receive;
mod send;

pub use end::run as run_end;

use anyhow::{Result, ensure};

use super::Figure;
use end::End;
use receive::Received;

/// Bytes of the file that is measured, and of those that the pace is found with.
const FILE_BYTES: u64 = 512 << 20;
const TRIAL_BYTES: u64 = 128 << 20;
/// From one trial to the next, in thousandths.
const STEP_PER_MILLE: u64 = 1070;

/// Megabytes a second of a file that arrives whole, and their share of what plain UDP carries.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let plain = plain::measure(false)?;
    let plain_batched = plain::measure(true)?;
    let (pace, received) = transfer(plain)?;
    let rate = received.mb_per_s();
    let mut figure = Figure::new("bulk_mb_per_s", rate, "MB/s");
    figure.beside = vec![
        ("UDP, a datagram at a time (sendmmsg)", plain),
        ("UDP, batches of datagrams (GSO and GRO)", plain_batched),
        ("pace of all bytes", pace as f64 / 1e6),
        ("frames lost", received.frames_missing as f64),
    ];
    let mut share = Figure::new("bulk_share_of_udp", rate / plain, "of UDP");
    share.beside = vec![("of UDP in batches", rate / plain_batched)];
    Ok(vec![figure, share])
}

/// Finds the fastest pace that loses nothing, and sends the file at it; a step slower whenever that loses the file.
fn transfer(plain_mb_per_s: f64) -> Result<(u64, Received)> {
    let mut pace = fastest((plain_mb_per_s * 0.3e6) as u64)?;
    loop {
        let received = send(pace, FILE_BYTES)?;
        if received.complete {
            return Ok((pace, received));
        }
        ensure!(pace > 10_000_000, "no pace brings a file through: {received:?}");
        pace = pace * 1000 / STEP_PER_MILLE;
    }
}

/// The pace before the first that loses frames, or that one end cannot keep.
fn fastest(start: u64) -> Result<u64> {
    let mut pace = start;
    loop {
        let next = pace * STEP_PER_MILLE / 1000;
        let received = send(next, TRIAL_BYTES)?;
        let kept = received.wire_bytes_per_s() > 0.95 * next as f64;
        if !received.complete || received.frames_missing > 0 || !kept {
            return Ok(if kept { pace } else { next });
        }
        pace = next;
    }
}

fn send(pace: u64, bytes: u64) -> Result<Received> {
    let mut receiver = End::start(&["receive"])?;
    let port = receiver.line()?;
    let sender = End::start(&["send", &port, &pace.to_string(), &bytes.to_string()])?;
    sender.finish()?;
    Received::parse(&receiver.finish()?)
}
