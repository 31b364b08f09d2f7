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

use anyhow::{Result, bail};

use super::Figure;
use end::End;
use receive::Received;

/// Bytes of the file that is measured, and of those that the pace is found with.
const FILE_BYTES: u64 = 512 << 20;
const TRIAL_BYTES: u64 = 128 << 20;
/// Paces that are tried, in hundredths of what plain UDP carries.
const PACES_PERCENT: [u64; 12] = [10, 20, 40, 60, 70, 80, 85, 90, 95, 100, 110, 150];
/// The figure is their median.
const RUNS: usize = 3;

/// Megabytes a second of a file that arrives whole, and their share of what plain UDP carries.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let plain_before = plain::measure(false)?;
    let (pace, runs) = transfer(plain_before)?;
    let plain = (plain_before + plain::measure(false)?) / 2.0;
    let plain_batched = plain::measure(true)?;
    let received = &runs[RUNS / 2];
    let rate = received.mb_per_s();
    let mut figure = Figure::new("bulk_mb_per_s", rate, "MB/s");
    figure.beside = vec![
        ("UDP, datagram by datagram (sendmmsg)", plain),
        ("UDP, in batches (GSO and GRO)", plain_batched),
        ("pace of all bytes", pace as f64 / 1e6),
        ("frames lost", received.frames_missing as f64),
    ];
    let mut share = Figure::new("bulk_share_of_udp", rate / plain, "of UDP, datagram by datagram");
    share.beside = vec![("of UDP in batches", rate / plain_batched)];
    Ok(vec![figure, share])
}

/// Finds the best pace and sends the file at it; at the next best whenever a file does not arrive whole.
fn transfer(plain_mb_per_s: f64) -> Result<(u64, Vec<Received>)> {
    for pace in paces_best_first(plain_mb_per_s)? {
        let runs: Result<Vec<Received>> = (0..RUNS).map(|_| send(pace, FILE_BYTES)).collect();
        let mut runs = runs?;
        if runs.iter().all(|received| received.complete) {
            runs.sort_by(|a, b| a.mb_per_s().total_cmp(&b.mb_per_s()));
            return Ok((pace, runs));
        }
    }
    bail!("at no pace did the file arrive whole");
}

/// The paces at which a smaller file arrives whole: first the one at which it is the fastest.
fn paces_best_first(plain_mb_per_s: f64) -> Result<Vec<u64>> {
    let mut paces = Vec::new();
    for percent in PACES_PERCENT {
        let pace = (plain_mb_per_s * 1e4) as u64 * percent;
        let received = send(pace, TRIAL_BYTES)?;
        if received.complete {
            paces.push((received.mb_per_s(), pace));
        }
    }
    paces.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    Ok(paces.into_iter().map(|(_, pace)| pace).collect())
}

fn send(pace: u64, bytes: u64) -> Result<Received> {
    let mut receiver = End::start(&["receive"])?;
    let port = receiver.line()?;
    End::start(&["send", &port, &pace.to_string(), &bytes.to_string()])?.finish()?;
    Received::parse(&receiver.finish()?)
}
