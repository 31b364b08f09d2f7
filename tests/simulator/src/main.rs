//! Runs as many simulated frames as wanted, or finds out what shapes of blocks survive.
#![allow(clippy::print_stdout, reason = "this is a command")]

use clap::{Parser, Subcommand};
use noreturn_simulator::{Scenario, matrix, run};

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs scenarios, one seed after the other, until so many frames were sent; panics at the first lie.
    Any {
        /// Frames to send at least.
        #[arg(long, default_value_t = 10_000_000)]
        frames: u64,
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Prints the table of what shapes and spans survive.
    Matrix,
}

fn main() {
    match Arguments::parse().command {
        Command::Any { frames, seed } => any(frames, seed),
        Command::Matrix => table(),
    }
}

fn any(frames_min: u64, first: u64) {
    let (mut frames, mut seed) = (0, first);
    let (mut delivered, mut recovered, mut delayed, mut lost, mut refused) = (0, 0, 0, 0, 0);
    while frames < frames_min {
        // Whoever sees a panic needs the seed to see it again.
        eprintln!("seed {seed}");
        let outcome = run(&Scenario::any(seed));
        frames += outcome.frames;
        for end in &outcome.ends {
            delivered += end.tally.delivered;
            recovered += end.tally.recovered;
            delayed += end.tally.delayed;
            lost += end.tally.lost;
            refused += end.refused;
        }
        seed += 1;
    }
    println!(
        "{frames} frames in {} scenarios: {delivered} items delivered, {recovered} through parity, {delayed} delayed, \
         {lost} lost and reported, {refused} datagrams refused; no lie",
        seed - first
    );
}

fn table() {
    println!(
        "| Block | Span | Overhead | Random loss | Burst | Burst with 5 % loss | Recovery, median and longest |"
    );
    println!("|---|---|---|---|---|---|---|");
    for cell in matrix::cells() {
        println!(
            "| {} + {} | {} ms | {:.0} % | {} % | {} frames | {} frames | {:.0} ms, {:.0} ms |",
            cell.data,
            cell.parity,
            cell.span_ms,
            cell.overhead * 100.0,
            cell.lost_per_mille as f64 / 10.0,
            cell.burst_frames,
            cell.burst_frames_at_5_percent,
            cell.recovery_ms.0,
            cell.recovery_ms.1
        );
    }
}
