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
use noreturn_wire::Suite;

use super::Figure;
use end::End;
use receive::Received;

/// Bytes of the file that is measured, and of those that the pace is found with.
const FILE_BYTES: u64 = 512 << 20;
const TRIAL_BYTES: u64 = 128 << 20;
/// Paces that are tried, in hundredths of what plain UDP carries.
const PACES_PERCENT: [u64; 12] = [10, 20, 40, 60, 70, 75, 80, 85, 90, 95, 100, 105];
/// Whole files that a pace must bring, and how many are sent for that. The figure is the median.
const FILES: usize = 3;
const FILES_SENT_MAX: usize = 6;

/// Megabytes a second of a file that arrives whole, and their share of what plain UDP carries.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let plain_before = plain::measure(false)?;
    let transfer = self::transfer(Suite::ChaCha20Poly1305, plain_before)?;
    let aes = self::transfer(Suite::Aes256Gcm, plain_before)?;
    let plain = (plain_before + plain::measure(false)?) / 2.0;
    let plain_batched = plain::measure(true)?;
    let rate = transfer.mb_per_s;
    let mut figure = Figure::new("bulk_mb_per_s", rate, "MB/s");
    figure.beside = vec![
        ("UDP, datagram by datagram (sendmmsg)", plain),
        ("UDP, in batches (GSO and GRO)", plain_batched),
        ("pace of all bytes", transfer.pace as f64 / 1e6),
        ("files whole", FILES as f64),
        ("files not whole", transfer.files_broken as f64),
    ];
    let mut share = Figure::new("bulk_share_of_udp", rate / plain, "of UDP, datagram by datagram");
    share.beside = vec![("of UDP in batches", rate / plain_batched)];
    let mut aes_share =
        Figure::new("bulk_share_of_udp_aes_256_gcm", aes.mb_per_s / plain, "of UDP, datagram by datagram");
    aes_share.beside = vec![("MB/s", aes.mb_per_s), ("files not whole", aes.files_broken as f64)];
    Ok(vec![figure, share, aes_share])
}

struct Transfer {
    pace: u64,
    /// The median of those files that arrived whole.
    mb_per_s: f64,
    files_broken: usize,
}

/// Finds the best pace and sends files at it; at the next best when too few of them arrive whole.
fn transfer(suite: Suite, plain_mb_per_s: f64) -> Result<Transfer> {
    for pace in paces_best_first(suite, plain_mb_per_s)? {
        let mut whole = Vec::new();
        for sent in 1..=FILES_SENT_MAX {
            let received = send(suite, pace, FILE_BYTES)?;
            if received.complete {
                whole.push(received.mb_per_s());
            }
            if whole.len() == FILES {
                whole.sort_by(f64::total_cmp);
                return Ok(Transfer { pace, mb_per_s: whole[FILES / 2], files_broken: sent - FILES });
            }
        }
    }
    bail!("at no pace did the file arrive whole");
}

/// The paces at which a smaller file arrives whole: first the one at which it is the fastest.
fn paces_best_first(suite: Suite, plain_mb_per_s: f64) -> Result<Vec<u64>> {
    let mut paces = Vec::new();
    for percent in PACES_PERCENT {
        let pace = (plain_mb_per_s * 1e4) as u64 * percent;
        let received = send(suite, pace, TRIAL_BYTES)?;
        if received.complete {
            paces.push((received.mb_per_s(), pace));
        }
    }
    paces.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    Ok(paces.into_iter().map(|(_, pace)| pace).collect())
}

fn send(suite: Suite, pace: u64, bytes: u64) -> Result<Received> {
    let mut receiver = End::start(&["receive"])?;
    let port = receiver.line()?;
    End::start(&["send", &port, suite_name(suite), &pace.to_string(), &bytes.to_string()])?.finish()?;
    Received::parse(&receiver.finish()?)
}

const AES: &str = "aes-256-gcm";

/// How a process is told the suite.
const fn suite_name(suite: Suite) -> &'static str {
    match suite {
        Suite::ChaCha20Poly1305 => "chacha20-poly1305",
        Suite::Aes256Gcm => AES,
    }
}

fn suite_of(name: &str) -> Suite {
    if name == AES { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 }
}
