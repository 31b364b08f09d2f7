//! diode-receiver: takes the frames of diodes, verifies them, and passes records and gaps on.
#![forbid(unsafe_code)]

mod attestation;
mod complaint;
mod config;
mod counters;
mod daemon;
mod disk;
mod durable;
mod engine;
mod intake;
mod item;
mod json;
mod keys;
mod live;
mod log;
mod objects;
mod rfc3339;
mod sinks;
mod socket;
mod status;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;

use config::Config;

/// Receives, verifies and republishes what diodes send. It answers nothing: data leaves, nothing returns.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file; docs/receiver.md describes it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the configuration and the files that it names, then end
    #[arg(long)]
    check: bool,
    /// Show diodes and tags on the terminal (standard error)
    #[arg(long)]
    live: bool,
    /// Write the status to FILE as JSON, once a second and at the end
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::print_line(&format!("diode-receiver: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config)?;
    if arguments.check {
        config.warnings.iter().for_each(|warning| log::print_line(&format!("warning: {warning}")));
        let file = arguments.config.display();
        log::print_line(&format!("{file}: valid, {} diodes", config.diodes.len()));
        return Ok(());
    }
    let tail = arguments.live.then(Arc::default);
    // Without a terminal the live view prints plain lines, which go well with those of the log.
    log::start(tail.clone().filter(|_| std::io::stderr().is_terminal()));
    let options = daemon::Options { summary: arguments.summary, live: tail };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(daemon::run(config, options))
}
