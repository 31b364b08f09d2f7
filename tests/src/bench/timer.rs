//! How long a round of something takes. (The peers' programs, workspaces of their own, include this file.)

use std::time::{Duration, Instant};

/// How long each thing is repeated.
const MEASURE: Duration = Duration::from_millis(400);

/// Seconds that one `round` takes: the median of five runs.
pub(crate) fn seconds_per_round(mut round: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..5).map(|_| run(&mut round)).collect();
    runs.sort_by(f64::total_cmp);
    runs[2]
}

fn run(round: &mut impl FnMut()) -> f64 {
    let (start, mut rounds) = (Instant::now(), 0_u32);
    while start.elapsed() < MEASURE / 5 {
        round();
        rounds += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(rounds)
}
