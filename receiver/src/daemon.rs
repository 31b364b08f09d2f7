//! The daemon: makes socket, sinks and tasks, and waits for the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::config::Config;
use crate::counters::SharedCounters;
use crate::disk::regular::{self, Links};
use crate::durable::{Durable, Keeper};
use crate::intake::{Intake, Request};
use crate::live::Live;
use crate::log::{self, Tail};
use crate::objects;
use crate::rfc3339;
use crate::sinks::mqtt::Mqtt;
use crate::sinks::{Outlet, json_lines};
use crate::socket;
use crate::status::Status;

/// What the command line says beside the configuration.
#[derive(Debug)]
pub struct Options {
    /// File that the status is written to once a second and at the end.
    pub summary: Option<PathBuf>,
    /// Last log lines, if a live view is wanted; it shows them.
    pub live: Option<Arc<Tail>>,
}

/// The sinks: their queues' near ends, and what to wait for at the end.
struct Sinks {
    outlets: Vec<Outlet>,
    thread: Option<JoinHandle<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// Runs until SIGINT or SIGTERM; then flushes everything and prints the summary.
///
/// # Errors
/// Something that the configuration names cannot be opened or bound.
pub async fn run(config: Config, options: Options) -> anyhow::Result<()> {
    // First, so that whoever reads that we listen can end us gracefully.
    let requests = listen_for_signals()?;
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    if let Some(path) = &options.summary {
        regular::check(path, Links::Refused)
            .with_context(|| format!("--summary: cannot write to \"{}\"", path.display()))?;
    }
    let state = config.state_directory.as_deref().map(Durable::open).transpose()?;
    let shared = Arc::new(SharedCounters::default());
    let marks = state.as_ref().map_or(&[][..], |(_, marks)| marks);
    let objects = objects::start(&config, marks, &shared)?;
    let socket = socket::bind(config.listen, &config.multicast, config.limits.receive_buffer_bytes)?;
    let status = Status {
        listen: socket.local_addr()?.to_string(),
        started_unix_us: rfc3339::now_unix_us(),
        ..Status::default()
    };
    let (status_sender, status_receiver) = watch::channel(Arc::new(status));
    let sinks = start_sinks(&config, &options, &status_receiver, &shared)?;
    let summary = options.summary.clone();
    let mut intake =
        Intake::new(&config, socket, sinks.outlets, objects, shared.clone(), status_sender, summary);
    if let Some((durable, marks)) = state {
        intake.remember(Keeper::new(durable, shared.clone()), &marks);
    }
    let (last, keeper) = intake.run(requests).await;
    wait_for(sinks.thread, sinks.tasks).await;
    if let Some((keeper, marks, debts)) = keeper {
        keeper.finish(marks, &debts);
    }
    report(&last, &shared, options.summary)
}

fn start_sinks(
    config: &Config,
    options: &Options,
    status: &watch::Receiver<Arc<Status>>,
    shared: &Arc<SharedCounters>,
) -> anyhow::Result<Sinks> {
    let mut sinks = Sinks { outlets: Vec::new(), thread: None, tasks: Vec::new() };
    if let Some(json_lines) = &config.json_lines {
        let (outlet, inputs) =
            Outlet::new("json_lines", shared.clone(), |shared| &shared.json_lines_dropped_queue);
        let written = Arc::new(AtomicU64::new(0));
        sinks.thread = Some(json_lines::start(json_lines, inputs, written.clone(), shared.clone())?);
        sinks.outlets.push(outlet.tracked(written));
    }
    if let Some(mqtt) = &config.mqtt {
        let (outlet, inputs) = Outlet::new("mqtt", shared.clone(), |shared| &shared.mqtt_dropped_input);
        let mqtt = Mqtt::new(mqtt.clone(), status.clone(), shared.clone());
        sinks.tasks.push(tokio::spawn(mqtt.run(inputs)));
        sinks.outlets.push(outlet);
    }
    if let Some(tail) = &options.live {
        let (outlet, inputs) = Outlet::new("live", shared.clone(), |shared| &shared.live_dropped);
        sinks.tasks.push(tokio::spawn(Live::new(status.clone(), tail.clone()).run(inputs)));
        sinks.outlets.push(outlet);
    }
    Ok(sinks)
}

/// SIGINT and SIGTERM stop the daemon, SIGUSR1 prints a summary, SIGHUP opens files again.
fn listen_for_signals() -> anyhow::Result<mpsc::Receiver<Request>> {
    let (sender, requests) = mpsc::channel(4);
    let kinds = [
        (SignalKind::interrupt(), Request::Stop),
        (SignalKind::terminate(), Request::Stop),
        (SignalKind::user_defined1(), Request::Summary),
        (SignalKind::hangup(), Request::Reopen),
    ];
    for (kind, request) in kinds {
        let mut signals = signal(kind).context("signals cannot be handled")?;
        let sender = sender.clone();
        tokio::spawn(
            async move { while signals.recv().await.is_some() && sender.send(request).await.is_ok() {} },
        );
    }
    Ok(requests)
}

async fn wait_for(thread: Option<JoinHandle<()>>, tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        if let Err(error) = task.await {
            tracing::error!("a sink ended badly: {error}");
        }
    }
    let joined = tokio::task::spawn_blocking(|| thread.map(JoinHandle::join)).await;
    if !matches!(joined, Ok(None | Some(Ok(())))) {
        tracing::error!("the json_lines sink ended badly");
    }
}

/// The last summary: the sinks have counted to the end by now.
fn report(last: &Status, shared: &SharedCounters, summary: Option<PathBuf>) -> anyhow::Result<()> {
    let mut last = last.clone();
    last.counters.extend(shared.named());
    log::print_line(&last.to_line());
    if let Some(path) = summary {
        last.write_to(&path).with_context(|| format!("cannot write the summary to {}", path.display()))?;
    }
    Ok(())
}
