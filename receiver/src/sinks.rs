//! Sinks, each a task of its own behind a bounded queue, so that a slow one slows nothing else.

pub mod json_lines;
pub mod mqtt;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::counters::{SharedCounters, add};
use crate::item::Item;
use crate::json::Lost;

/// Items in one batch at most; a batch that would be larger is split.
pub const BATCH_ITEMS_MAX: usize = 1024;
/// Batches that wait for a sink at most.
pub const BATCHES_MAX: usize = 256;

/// What a sink takes in.
#[derive(Debug)]
pub enum Input {
    /// Items in order.
    Items(Arc<[Item]>),
    /// What found the queue full before the items that follow.
    Lost(Lost),
    /// Bring what came before to the disk.
    Synchronise,
    /// Go on in the file that lies at the path now.
    Reopen,
}

/// What a sink had been given at some moment, and is still to write.
#[derive(Debug)]
pub struct Debt {
    given: u64,
    written: Arc<AtomicU64>,
}

impl Debt {
    /// Paid when `written` has come to `given`.
    #[must_use]
    pub const fn new(given: u64, written: Arc<AtomicU64>) -> Self {
        Self { given, written }
    }

    /// Whether all of it is written.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.written.load(Ordering::Acquire) >= self.given
    }
}

/// The near end of a sink's queue.
#[derive(Debug)]
pub struct Outlet {
    name: &'static str,
    sender: mpsc::Sender<Input>,
    shared: Arc<SharedCounters>,
    counter: fn(&SharedCounters) -> &AtomicU64,
    /// What was dropped and not told yet.
    lost: Lost,
    /// Inputs that were given to the sink.
    given: u64,
    /// Of these, how many are on the disk, if it has one.
    written: Option<Arc<AtomicU64>>,
    /// It is still to be told to open its file again.
    wants_reopening: bool,
}

impl Outlet {
    /// A queue to the sink called `name`; `counter` counts what finds it full.
    #[must_use]
    pub fn new(
        name: &'static str,
        shared: Arc<SharedCounters>,
        counter: fn(&SharedCounters) -> &AtomicU64,
    ) -> (Self, mpsc::Receiver<Input>) {
        let (sender, receiver) = mpsc::channel(BATCHES_MAX);
        let (lost, given, written) = (Lost::default(), 0, None);
        (Self { name, sender, shared, counter, lost, given, written, wants_reopening: false }, receiver)
    }

    /// Has the sink count in `written` the inputs that it has written, where neither a crash nor a power cut undoes it.
    #[must_use]
    pub fn tracked(self, written: Arc<AtomicU64>) -> Self {
        Self { written: Some(written), ..self }
    }

    /// What the sink owes as of now; nothing, if it does not say what it has written.
    #[must_use]
    pub fn debt(&self) -> Option<Debt> {
        self.written.as_ref().map(|written| Debt::new(self.given, written.clone()))
    }

    /// Asks a sink that says what it has written to bring it to the disk. If its queue is full, ask again.
    pub fn synchronise(&mut self) {
        if self.wants_reopening && self.give(Input::Reopen) {
            self.wants_reopening = false;
        }
        if self.written.is_some() {
            self.give(Input::Synchronise);
        }
    }

    /// Asks the sink to open its file again; if its queue is full, with the next [`Outlet::synchronise`].
    pub fn reopen(&mut self) {
        self.wants_reopening = self.written.is_some() && !self.give(Input::Reopen);
    }

    fn give(&mut self, input: Input) -> bool {
        let is_given = self.sender.try_send(input).is_ok();
        self.given += u64::from(is_given);
        is_given
    }

    /// Hands a batch to the sink, or drops and counts it; never waits.
    pub fn send(&mut self, batch: &Arc<[Item]>) {
        if !self.tell_lost() || !self.give(Input::Items(batch.clone())) {
            if self.lost.is_nothing() {
                tracing::error!(
                    "the {} sink does not keep up or has stopped: dropping what it should get, and counting it",
                    self.name
                );
            }
            batch.iter().for_each(|item| self.lost.count(item));
            add((self.counter)(&self.shared), batch.len() as u64);
        }
    }

    /// Tells the sink what it did not get; whether there is nothing left to tell.
    fn tell_lost(&mut self) -> bool {
        if self.lost.is_nothing() {
            return true;
        }
        let told = self.give(Input::Lost(self.lost));
        if told {
            let Lost { records, gaps, others } = self.lost;
            tracing::warn!(
                "the {} sink takes items again; it did not get {records} records, {gaps} gaps, {others} others",
                self.name
            );
            self.lost = Lost::default();
        }
        told
    }

    /// At the end: hands over what is still to be told, waiting for room; what the sink owes then.
    pub async fn finish(mut self) -> Option<Debt> {
        if !self.lost.is_nothing() {
            // A sink that has stopped cannot be told; the drop is counted already.
            let is_told = self.sender.send(Input::Lost(self.lost)).await.is_ok();
            self.given += u64::from(is_told);
        }
        self.debt()
    }
}

#[cfg(test)]
mod tests {
    use noreturn_wire::BootId;

    use super::*;
    use crate::item::Origin;

    fn batch(items: usize) -> Arc<[Item]> {
        let origin = Arc::new(Origin::new("d".into(), BootId([0; 16])));
        vec![Item::Boot(origin); items].into()
    }

    #[test]
    fn a_full_queue_drops_counts_and_tells_before_it_goes_on() {
        let shared = Arc::new(SharedCounters::default());
        let (mut outlet, mut receiver) =
            Outlet::new("test", shared.clone(), |shared| &shared.json_lines_dropped_queue);
        for _ in 0..BATCHES_MAX + 3 {
            outlet.send(&batch(2));
        }
        assert_eq!(shared.json_lines_dropped_queue.load(Ordering::Relaxed), 6);
        for _ in 0..BATCHES_MAX {
            assert!(matches!(receiver.try_recv(), Ok(Input::Items(_))));
        }
        outlet.send(&batch(1));
        let told = receiver.try_recv();
        assert!(matches!(told, Ok(Input::Lost(Lost { others: 6, .. }))), "{told:?}");
        assert!(matches!(receiver.try_recv(), Ok(Input::Items(_))));
        assert!(receiver.try_recv().is_err());
    }
}
