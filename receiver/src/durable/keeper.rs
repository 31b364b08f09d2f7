//! When marks are written: once the sinks that write files have written what the marks speak for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use noreturn_link::{Mark, Receiver};

use super::Durable;
use crate::counters::{SharedCounters, add};
use crate::sinks::Debt;

/// How often a lasting error is said again.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// Takes marks from the receiver, and holds them back until they are true.
#[derive(Debug)]
pub struct Keeper {
    durable: Durable,
    shared: Arc<SharedCounters>,
    held: Option<Held>,
    complained: Option<Instant>,
}

/// What marks wait for, one after the other.
#[derive(Debug)]
enum Waits {
    /// The writer of streams and files.
    Objects(Debt),
    /// The intake, to hand what that writer has told to the sinks.
    Reports,
    /// The sinks.
    Sinks(Vec<Debt>),
}

/// Marks that wait for what they speak for to be written.
#[derive(Debug)]
struct Held {
    marks: Vec<Mark>,
    /// Whether these are all marks, and replace those in the log.
    is_all: bool,
    waits: Waits,
    /// Datagrams that had been handled by then.
    datagrams: u64,
}

impl Keeper {
    /// A keeper of marks in `durable`.
    #[must_use]
    pub const fn new(durable: Durable, shared: Arc<SharedCounters>) -> Self {
        Self { durable, shared, held: None, complained: None }
    }

    /// Writes what is true by now; then takes what has changed, if nothing of it waits in the engine. Call it when
    /// everything has been handed out; `objects` and `sinks` are what is owed as of now.
    pub fn handle_timeout(
        &mut self,
        receiver: &mut Receiver,
        is_settled: bool,
        objects: Debt,
        sinks: Vec<Debt>,
    ) {
        if let Some(held) = self.held.take_if(|held| held.waits.is_over(sinks)) {
            let written = self.write(held);
            self.complain(written);
        }
        if self.held.is_some() || !is_settled {
            return;
        }
        let changed: Vec<Mark> = receiver.drain_marks().collect();
        let is_all = self.durable.wants_replacement();
        let marks = if is_all { receiver.all_marks().collect() } else { changed };
        let waits = Waits::Objects(objects);
        self.held = Some(Held { marks, is_all, waits, datagrams: receiver.counters().datagrams });
    }

    /// Brings what was written to the disk, beside the work of others.
    pub fn synchronise(&mut self) {
        match self.durable.take_unsynced() {
            Ok(Some(log)) => {
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = log.sync_data() {
                        tracing::error!("state_directory: the log does not get to the disk: {error}");
                    }
                });
            }
            Ok(None) => {}
            Err(error) => self.complain(Err(error)),
        }
    }

    /// Writes the last marks; all sinks have ended.
    pub fn finish(mut self, marks: Vec<Mark>) {
        let written = self.durable.replace(marks.into_iter());
        self.complain(written);
    }

    fn write(&mut self, held: Held) -> io::Result<()> {
        if held.is_all {
            self.durable.replace(held.marks.into_iter())?;
        } else {
            self.durable.append(&held.marks)?;
        }
        self.shared.datagrams_remembered.store(held.datagrams, Ordering::Relaxed);
        Ok(())
    }

    fn complain(&mut self, result: io::Result<()>) {
        let Err(error) = result else { return };
        add(&self.shared.state_errors, 1);
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained = Some(Instant::now());
            tracing::error!(
                "state_directory: {error}; trying again. After a crash now, records may be delivered twice"
            );
        }
    }
}

impl Waits {
    /// Goes one step on if it can; whether that was the last.
    fn is_over(&mut self, sinks: Vec<Debt>) -> bool {
        match self {
            Self::Objects(debt) if debt.is_paid() => *self = Self::Reports,
            // What the writer had told when it was done has been handed out by now.
            Self::Reports => *self = Self::Sinks(sinks),
            Self::Sinks(debts) => return debts.iter().all(Debt::is_paid),
            Self::Objects(_) => {}
        }
        false
    }
}
