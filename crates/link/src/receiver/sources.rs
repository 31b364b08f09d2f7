//! The sources of a session: their records, in order.

use noreturn_wire::{Record, SourceId};

use super::sequence::{Item, LaneCounters};
use super::{Arrival, EventKind, ReceiverCounters};

impl Item for Record {
    type Id = SourceId;

    fn bytes(&self) -> usize {
        0
    }

    fn delivered(self, _: SourceId, _: u64, arrival: Arrival) -> EventKind {
        EventKind::Record { record: self, arrival }
    }

    fn gap(source: SourceId, first: u64, last: u64) -> EventKind {
        EventKind::Gap { source, first, last }
    }

    fn counters(counters: &mut ReceiverCounters) -> LaneCounters<'_> {
        LaneCounters {
            delivered: &mut counters.records,
            recovered: &mut counters.records_recovered,
            delayed: &mut counters.records_delayed,
            repeated: &mut counters.records_repeated,
            impossible: &mut counters.records_impossible,
            gaps: &mut counters.gaps,
            missing: &mut counters.records_missing,
            gaps_forgotten: &mut counters.gaps_forgotten,
            lost: &mut counters.records_lost,
        }
    }
}
