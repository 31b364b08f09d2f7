//! The receiver's marks as a damaged or forged journal would have them: whatever is understood is taken, and the
//! receiver that took it goes on, within its memory, with what is true afterwards.

use std::collections::BTreeSet;

use noreturn_link::receiver::Mark;
use noreturn_link::{DiodeKey, Receiver, ReceiverConfig};
use noreturn_wire::{BootId, DiodeId};

/// The diodes that have a key; marks may name others, whose keys may come later.
const DIODES: [u32; 2] = [1, 2];
/// Marks taken from one input at most.
const MARKS_MAX: usize = 256;

/// Reads the input as marks, each with its length in front.
pub(super) fn marks(data: &[u8]) {
    let mut receiver = receiver();
    let mut rest = data;
    for _ in 0..MARKS_MAX {
        let Some((&length, after)) = rest.split_first() else { break };
        let (mark, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        if let Ok(mark) = Mark::decode(mark) {
            assert_eq!(Mark::decode(&mark.encode()).as_ref(), Ok(&mark), "it is not what was written");
            receiver.restore(&mark, 0);
        }
    }
    let _ = receiver.handle_datagram(&[0x4e; 100], 1);
    receiver.handle_timeout(1_000_000);
    while receiver.poll_event().is_some() {}
    check(&receiver);
}

/// What it remembers is bounded, and means the same to another receiver.
fn check(receiver: &Receiver) {
    let known = remembered(receiver);
    let mut other = self::receiver();
    receiver.all_marks().for_each(|mark| other.restore(&mark, 0));
    let boots: BTreeSet<(DiodeId, BootId)> = known.iter().map(Mark::session).collect();
    let diodes: BTreeSet<DiodeId> = boots.iter().map(|(diode, _)| *diode).collect();
    let limit = diodes.len() * config().sessions_per_diode_max + config().boots_max;
    assert!(boots.len() <= limit, "{} boots of {} diodes are remembered", boots.len(), diodes.len());
    assert_eq!(remembered(&other), known, "another receiver remembers something else");
}

/// So little that a short input reaches every limit.
fn config() -> ReceiverConfig {
    ReceiverConfig {
        sessions_per_diode_max: 2,
        boots_max: 3,
        sources_max: 3,
        gaps_max: 3,
        ..ReceiverConfig::default()
    }
}

fn receiver() -> Receiver {
    Receiver::new(config(), DIODES.map(|diode| (DiodeId(diode), DiodeKey([7; 32]))))
}

/// What it remembers, but for what it would know anyway.
fn remembered(receiver: &Receiver) -> Vec<Mark> {
    let is_news = |mark: &Mark| !matches!(mark, Mark::Next { next: 0, .. });
    let mut marks: Vec<_> = receiver.all_marks().filter(is_news).collect();
    marks.sort_by_key(|mark| format!("{mark:?}"));
    marks
}
