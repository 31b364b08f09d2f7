//! Streams and files before the image check: their parts wait, within a bound in bytes, as records do.

use std::sync::Arc;

use super::{EngineCounters, gate::Gate};
use crate::item::Origin;
use crate::objects::{Failure, Losses, Object, Part};

/// What waits of one boot.
#[derive(Debug)]
pub(super) struct WaitingObjects {
    bytes_max: usize,
    bytes: usize,
    objects: Vec<Object>,
    losses: Losses,
    /// It was said that nothing more will come.
    is_closed: bool,
}

impl WaitingObjects {
    pub(super) fn new(bytes_max: usize) -> Self {
        let (objects, losses) = (Vec::new(), Losses::default());
        Self { bytes_max, bytes: 0, objects, losses, is_closed: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.losses.is_nothing()
    }

    /// Passes an object on, or holds it, or drops it.
    pub(super) fn admit(
        &mut self,
        object: Object,
        gate: &Gate,
        counters: &mut EngineCounters,
        out: &mut Vec<Object>,
    ) {
        if gate.is_refused() {
            counters.object_parts_refused_mismatch += 1;
        } else if !gate.is_waiting() {
            counters.object_parts_passed += 1;
            out.push(object);
        } else if self.bytes + object.bytes() <= self.bytes_max {
            self.bytes += object.bytes();
            self.objects.push(object);
        } else {
            counters.object_parts_dropped_waiting += 1;
            self.losses.add(object);
        }
    }

    /// Lets go what waits, if the gate has been opened or closed.
    pub(super) fn settle(
        &mut self,
        origin: &Arc<Origin>,
        gate: &Gate,
        counters: &mut EngineCounters,
        out: &mut Vec<Object>,
    ) {
        if gate.is_refused() {
            let waiting = self.objects.len();
            counters.object_parts_refused_mismatch += waiting as u64;
            self.clear();
            self.close(origin, Failure::ImageRefused, out);
        } else if !gate.is_waiting() {
            counters.object_parts_passed += self.objects.len() as u64;
            out.append(&mut self.objects);
            out.extend(std::mem::take(&mut self.losses).into_object());
            self.clear();
        }
    }

    /// The boot has ended, or this daemon: what still waits for the image check is given up.
    pub(super) fn give_up(&mut self, counters: &mut EngineCounters) {
        counters.object_parts_refused_unknown += self.objects.len() as u64;
        self.clear();
    }

    /// Says once that nothing more will come of this boot.
    pub(super) fn close(&mut self, origin: &Arc<Origin>, why: Failure, out: &mut Vec<Object>) {
        if !std::mem::replace(&mut self.is_closed, true) {
            out.push(Object { origin: origin.clone(), part: Part::End(why) });
        }
    }

    fn clear(&mut self) {
        (self.bytes, self.objects, self.losses) = (0, Vec::new(), Losses::default());
    }
}
