//! When marks are written: once the sinks that write files have brought to the disk what the marks speak for.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use noreturn_link::{Mark, Receiver};

use super::Durable;
use crate::complaint::Complaint;
use crate::counters::{SharedCounters, add};
use crate::disk::AppendFile;
use crate::sinks::Debt;

/// Takes marks from the receiver, and holds them back until they are true.
#[derive(Debug)]
pub struct Keeper {
    durable: Durable,
    shared: Arc<SharedCounters>,
    held: Option<Held>,
    /// What became of the log's synchronisation that is under way.
    synchronising: Option<Arc<OnceLock<io::Result<()>>>>,
    complaint: Complaint,
}

/// The log on its way to the disk, which takes time.
#[derive(Debug)]
pub struct Synchronisation {
    log: Box<dyn AppendFile>,
    result: Arc<OnceLock<io::Result<()>>>,
}

impl Synchronisation {
    /// Waits for the disk.
    pub fn run(mut self) {
        // Nobody else sets it.
        let _ = self.result.set(self.log.synchronise());
    }
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
        Self { durable, shared, held: None, synchronising: None, complaint: Complaint::new() }
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
        if let Some(held) = self.held.take_if(|held| held.waits.is_over(sinks))
            && let Err(error) = self.write(held)
        {
            self.complain(&error);
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

    /// What is to be brought to the disk, beside the work of others; nothing while an earlier one is under way.
    pub fn synchronise(&mut self) -> Option<Synchronisation> {
        if self.is_synchronising() {
            return None;
        }
        match self.durable.take_unsynced() {
            Ok(log) => {
                let result = Arc::default();
                log.map(|log| {
                    self.synchronising = Some(Arc::clone(&result));
                    Synchronisation { log, result }
                })
            }
            Err(error) => {
                self.complain(&error);
                None
            }
        }
    }

    /// Whether the log is on its way to the disk. Takes note of what became of it otherwise.
    fn is_synchronising(&mut self) -> bool {
        let Some(result) = self.synchronising.take() else { return false };
        match result.get() {
            None => self.synchronising = Some(result),
            Some(Ok(())) => {}
            Some(Err(error)) => {
                self.durable.distrust();
                self.complain(error);
            }
        }
        self.synchronising.is_some()
    }

    /// Writes the last marks; all sinks have ended. `debts` are what they were to write.
    pub fn finish(mut self, marks: Vec<Mark>, debts: &[Debt]) {
        if !debts.iter().all(Debt::is_paid) {
            tracing::error!("not everything got to the disk: what the boxes still hold of it comes again");
            return;
        }
        if let Err(error) = self.durable.replace(marks.into_iter()) {
            self.complain(&error);
        }
    }

    fn write(&mut self, held: Held) -> io::Result<()> {
        self.is_synchronising();
        if held.is_all {
            self.durable.replace(held.marks.into_iter())?;
        } else if self.durable.is_torn() {
            // Behind what may be missing nothing would be found. All marks are written next.
            return Ok(());
        } else {
            self.durable.append(&held.marks)?;
        }
        self.shared.datagrams_remembered.store(held.datagrams, Ordering::Relaxed);
        Ok(())
    }

    fn complain(&mut self, error: &io::Error) {
        add(&self.shared.state_errors, 1);
        self.complaint.say(|| {
            format!(
                "state_directory: {error}; trying again. After a crash now, records may be delivered twice"
            )
        });
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
