//! The latest value of every tag.

use std::collections::BTreeMap;
use std::sync::Arc;

use noreturn_wire::{BootId, Quality, Record, Value};
use tokio::time::Instant;

use crate::item::{Item, Source};

/// Tags shown at most; more than any terminal has lines.
const TAGS_MAX: usize = 4096;

/// Latest values by diode and tag.
#[derive(Default)]
pub(super) struct Table {
    diodes: BTreeMap<Arc<str>, Tags>,
}

struct Tags {
    boot: BootId,
    rows: BTreeMap<u32, Row>,
}

/// One tag.
pub(super) struct Row {
    pub(super) source: Arc<Source>,
    pub(super) record: Record,
    pub(super) arrived: Instant,
}

impl Table {
    /// Notes what an item says.
    pub(super) fn take(&mut self, item: &Item, now: Instant) {
        match item {
            // A new boot may have other sources.
            Item::Boot(origin) => {
                let tags = Tags { boot: origin.boot, rows: BTreeMap::new() };
                self.diodes.insert(origin.diode.clone(), tags);
            }
            Item::Record { origin, source, record, .. } => {
                let tags = self.diodes.get_mut(&origin.diode).filter(|tags| tags.boot == origin.boot);
                let has_room =
                    |tags: &&mut Tags| tags.rows.len() < TAGS_MAX || tags.rows.contains_key(&source.number);
                if let Some(tags) = tags.filter(has_room) {
                    let row = Row { source: source.clone(), record: *record, arrived: now };
                    tags.rows.insert(source.number, row);
                }
            }
            _ => {}
        }
    }

    /// All rows, by diode and then by number.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &Row)> {
        self.diodes.iter().flat_map(|(diode, tags)| tags.rows.values().map(move |row| (&**diode, row)))
    }
}

impl Row {
    /// The value as text.
    pub(super) fn value(&self) -> String {
        match self.record.value {
            Value::None => "-".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::I64(value) => value.to_string(),
            Value::U64(value) => value.to_string(),
            Value::F64(value) => format!("{value:.4}"),
        }
    }

    /// `good`, or the name of the fault.
    pub(super) fn quality(&self) -> String {
        match self.record.quality {
            Quality::Good => "good".to_owned(),
            Quality::Bad(fault) => fault.to_string(),
        }
    }

    /// Whether the value can be trusted.
    pub(super) fn is_good(&self) -> bool {
        self.record.quality == Quality::Good
    }
}
