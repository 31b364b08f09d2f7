//! Silence: a diode of which nothing live has been heard for too long, or never since the start.
//!
//! What is heard is a frame that the protocol has accepted, of the boot that started last: nothing forged, nothing that came
//! before, and nothing of an earlier boot that somebody held back.

use std::sync::Arc;

use noreturn_wire::{BootId, DiodeId};

use super::{Engine, EngineCounters};
use crate::item::{Item, Silence};

/// A moment, by two clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Microseconds since this daemon started.
    pub us: u64,
    /// Microseconds since 1970.
    pub unix_us: u64,
}

/// How long a diode has been silent.
#[derive(Debug)]
pub(super) struct Watch {
    after_us: u64,
    heard: Option<Moment>,
    is_silent: bool,
}

impl Watch {
    pub(super) const fn new(after_us: u64) -> Self {
        Self { after_us, heard: None, is_silent: false }
    }

    /// When the diode was heard last.
    pub(super) const fn heard(&self) -> Option<Moment> {
        self.heard
    }

    /// Whether it has been silent for too long.
    pub(super) const fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// For how long nothing has been heard; a diode that never was, since the start.
    fn silent_us(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.heard.map_or(0, |heard| heard.us))
    }

    fn report(&self, diode: &Arc<str>, boot: Option<BootId>, now_us: u64) -> Arc<Silence> {
        Arc::new(Silence {
            diode: diode.clone(),
            boot,
            is_silent: self.is_silent,
            silent_us: self.silent_us(now_us),
            heard_unix_us: self.heard.map(|heard| heard.unix_us),
        })
    }

    /// The report, if the silence has just become too long.
    fn handle_timeout(
        &mut self,
        diode: &Arc<str>,
        boot: Option<BootId>,
        now_us: u64,
    ) -> Option<Arc<Silence>> {
        if self.is_silent || self.silent_us(now_us) < self.after_us {
            return None;
        }
        self.is_silent = true;
        Some(self.report(diode, boot, now_us))
    }
}

impl Engine {
    /// A frame of this boot was accepted; tell the events that it led to before.
    pub fn hear(&mut self, (diode, boot): (DiodeId, BootId), now: Moment, out: &mut Vec<Item>) {
        let Some(diode) = self.diodes.get_mut(&diode).filter(|diode| diode.newest == Some(boot)) else {
            return;
        };
        if diode.watch.is_silent {
            diode.watch.is_silent = false;
            out.push(Item::Silence(diode.watch.report(&diode.name, diode.newest, now.us)));
        }
        diode.watch.heard = Some(now);
    }

    /// Raises an alarm for each diode whose silence has just become too long.
    pub(super) fn watch(&mut self, now_us: u64, out: &mut Vec<Item>) {
        let EngineCounters { alarms, .. } = &mut self.counters;
        for diode in self.diodes.values_mut() {
            if let Some(report) = diode.watch.handle_timeout(&diode.name, diode.newest, now_us) {
                *alarms += 1;
                out.extend([Item::Silence(report.clone()), Item::SilenceAlarm(report)]);
            }
        }
    }
}
