//! Boots that have ended and are refused.

use alloc::collections::{BTreeMap, VecDeque};

use noreturn_wire::{BootId, DiodeId};

/// Of every diode the boots that have ended, the latest last.
#[derive(Debug)]
pub(super) struct EndedBoots(BTreeMap<DiodeId, VecDeque<BootId>>);

impl EndedBoots {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn contains(&self, diode: DiodeId, boot: BootId) -> bool {
        self.0.get(&diode).is_some_and(|boots| boots.contains(&boot))
    }

    /// Remembers a boot; the one that is forgotten for it.
    pub(super) fn insert(&mut self, diode: DiodeId, boot: BootId, boots_max: usize) -> Option<BootId> {
        let boots = self.0.entry(diode).or_default();
        if boots.contains(&boot) {
            return None;
        }
        let forgotten = if boots.len() >= boots_max.max(1) { boots.pop_front() } else { None };
        boots.push_back(boot);
        forgotten
    }

    /// All of them, of every diode the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (DiodeId, BootId)> {
        self.0.iter().flat_map(|(&diode, boots)| boots.iter().map(move |&boot| (diode, boot)))
    }
}
