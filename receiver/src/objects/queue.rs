//! The queue to the writer, bounded in bytes: what finds it full is dropped, counted, and told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::{Losses, Object};
use crate::counters::{SharedCounters, add};
use crate::item::Item;
use crate::sinks::Debt;

/// The intake's side: where objects go, and where what became of them comes back.
#[derive(Debug)]
pub struct Objects {
    /// The queue to the writer.
    pub outlet: Outlet,
    /// What the writer tells.
    pub reports: tokio::sync::mpsc::Receiver<Item>,
    /// The writer, which ends with its queue.
    pub thread: JoinHandle<()>,
}

/// The near end of the queue.
#[derive(Debug)]
pub struct Outlet {
    /// Nothing once it is closed.
    sender: Option<Sender<Object>>,
    bytes_max: usize,
    waiting: Arc<AtomicUsize>,
    given: u64,
    written: Arc<AtomicU64>,
    losses: Losses,
    shared: Arc<SharedCounters>,
}

/// The far end of the queue.
#[derive(Debug)]
pub(super) struct Inlet {
    receiver: Receiver<Object>,
    waiting: Arc<AtomicUsize>,
    written: Arc<AtomicU64>,
}

/// A queue for `bytes_max` bytes.
pub(super) fn queue(bytes_max: usize, shared: Arc<SharedCounters>) -> (Outlet, Inlet) {
    let (sender, receiver) = channel();
    let (waiting, written) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let inlet = Inlet { receiver, waiting: waiting.clone(), written: written.clone() };
    let outlet = Outlet {
        sender: Some(sender),
        bytes_max,
        waiting,
        given: 0,
        written,
        losses: Losses::default(),
        shared,
    };
    (outlet, inlet)
}

impl Outlet {
    /// Hands an object over, or drops and counts it; never waits.
    pub fn send(&mut self, object: Object) {
        if self.tell_losses() && self.has_room(&object) {
            self.give(object);
            return;
        }
        if self.losses.is_nothing() {
            tracing::error!(
                "streams and files are not written as fast as they come: dropping parts of them, and counting these"
            );
        }
        add(&self.shared.object_parts_dropped_queue, 1);
        self.losses.add(object);
    }

    /// What the writer owes as of now.
    #[must_use]
    pub fn debt(&self) -> Debt {
        Debt::new(self.given, self.written.clone())
    }

    /// At the end: tells what is still to be told, room or not; then the writer ends.
    pub fn close(&mut self) {
        self.give_losses();
        self.sender = None;
    }

    /// Whether nothing is left to be told of losses.
    fn tell_losses(&mut self) -> bool {
        // Not before half of the queue is free: a few losses in one go are better than many apart.
        if !self.losses.is_nothing() && self.waiting.load(Ordering::Relaxed) <= self.bytes_max / 2 {
            self.give_losses();
        }
        self.losses.is_nothing()
    }

    fn give_losses(&mut self) {
        if let Some(object) = std::mem::take(&mut self.losses).into_object() {
            self.give(object);
        }
    }

    fn has_room(&self, object: &Object) -> bool {
        self.waiting.load(Ordering::Relaxed).saturating_add(object.bytes()) <= self.bytes_max
    }

    fn give(&mut self, object: Object) {
        let bytes = object.bytes();
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        self.given += 1;
        // Fails only if the writer has ended badly. Then it will never have written what it was given, so that no
        // mark is kept from now on, and a restart begins where this one was.
        let _ = self.sender.as_ref().map(|sender| sender.send(object));
    }
}

impl Inlet {
    /// The next object, waiting for it; none at the end.
    pub(super) fn take(&self) -> Option<Object> {
        let object = self.receiver.recv().ok()?;
        self.waiting.fetch_sub(object.bytes(), Ordering::Relaxed);
        Some(object)
    }

    /// Says that one more object is written, where a crash does not undo it.
    pub(super) fn note_written(&self) {
        self.written.fetch_add(1, Ordering::Release);
    }
}
