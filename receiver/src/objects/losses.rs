//! What is remembered of parts that found no room: whose they were, so that none of these passes for whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use noreturn_link::receiver::{FileAbout, FileEvent, StreamEvent};
use noreturn_wire::{FileId, StreamId};

use super::{Failure, Key, OVERHEAD_BYTES, Object, Part, key};
use crate::item::Origin;

/// Objects that are remembered by name; beyond, everything that is open is taken for damaged.
const OBJECTS_MAX: usize = 4096;

/// Objects of which parts were dropped.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Losses {
    objects: BTreeMap<Key<ObjectId>, Loss>,
    /// Objects were too many to be remembered.
    pub(super) everything: bool,
}

/// An object, or all of a boot; in the order in which their losses are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum ObjectId {
    Stream(StreamId),
    File(FileId),
    /// All that is left of the boot.
    Boot,
}

/// What was lost of an object.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Loss {
    pub(super) origin: Arc<Origin>,
    /// What the lost parts said of a file.
    pub(super) about: Option<FileAbout>,
    /// Its end was among them, and why it ended if there is more to say than that parts were dropped.
    pub(super) end: Option<Failure>,
}

impl Losses {
    /// Whether nothing was lost.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.objects.is_empty()
    }

    /// Bytes that they are taken to need.
    pub(super) fn bytes(&self) -> usize {
        self.objects.len() * (2 * OVERHEAD_BYTES)
    }

    /// Remembers whose part is dropped.
    pub fn add(&mut self, object: Object) {
        let Object { origin, part } = object;
        let (id, about, end) = match part {
            Part::Stream { stream, step, .. } => {
                let ends = matches!(step, StreamEvent::Closed(_) | StreamEvent::Aborted(_));
                (ObjectId::Stream(stream), None, ends.then_some(Failure::PartsDropped))
            }
            Part::StreamGap { stream, .. } => (ObjectId::Stream(stream), None, None),
            Part::StreamEvicted { stream } => (ObjectId::Stream(stream), None, Some(Failure::Evicted)),
            Part::File { file, step } => match step {
                FileEvent::Started(about) => (ObjectId::File(file), Some(about), None),
                FileEvent::Data { .. } => (ObjectId::File(file), None, None),
                FileEvent::Completed(about) => {
                    (ObjectId::File(file), Some(about), Some(Failure::PartsDropped))
                }
                FileEvent::Aborted | FileEvent::Abandoned => {
                    (ObjectId::File(file), None, Some(Failure::PartsDropped))
                }
            },
            Part::End(why) => (ObjectId::Boot, None, Some(why)),
            Part::Lost(losses) => return self.merge(*losses),
        };
        self.insert(key(&origin, id), Loss { origin, about, end });
    }

    fn merge(&mut self, other: Self) {
        self.everything |= other.everything;
        other.objects.into_iter().for_each(|(key, loss)| self.insert(key, loss));
    }

    fn insert(&mut self, key: Key<ObjectId>, loss: Loss) {
        if let Some(known) = self.objects.get_mut(&key) {
            known.end = loss.end.or(known.end);
            known.about = loss.about.or(known.about.take());
        } else if self.objects.len() < OBJECTS_MAX {
            self.objects.insert(key, loss);
        } else {
            self.everything = true;
        }
    }

    /// As something that can wait in line; nothing if nothing was lost.
    #[must_use]
    pub fn into_object(self) -> Option<Object> {
        // Whose it says it is does not matter: it may be of several boots.
        let origin = self.objects.values().next()?.origin.clone();
        Some(Object { origin, part: Part::Lost(Box::new(self)) })
    }

    /// What was lost, object by object.
    pub(super) fn into_objects(self) -> impl Iterator<Item = (ObjectId, Loss)> {
        self.objects.into_iter().map(|((_, _, id), loss)| (id, loss))
    }
}
