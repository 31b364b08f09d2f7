//! The bytes of the log, whatever is in the file: property tests, with the seeds that found planted mistakes beside them.
#![allow(clippy::unwrap_used)]

use noreturn_link::receiver::{Lane, Objects};
use noreturn_wire::{BootId, DiodeId, SourceId, StreamId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::FileFailurePersistence;

use super::*;

fn any_mark() -> impl Strategy<Value = Mark> {
    let session = (any::<u32>(), any::<[u8; 16]>()).prop_map(|(diode, boot)| (DiodeId(diode), BootId(boot)));
    let ranges = || vec(any::<(u64, u64)>(), 0..5);
    let lane = (any::<bool>(), any::<u32>()).prop_map(|(is_source, number)| {
        if is_source { Lane::Source(SourceId(number)) } else { Lane::Stream(StreamId(number)) }
    });
    (session, 0..5, lane, any::<u64>(), ranges()).prop_map(|((diode, boot), kind, lane, next, ranges)| {
        match kind {
            0 => Mark::Session { diode, boot, frames_end: next },
            1 => Mark::Next { diode, boot, lane, next },
            2 => Mark::Missing { diode, boot, lane, ranges },
            3 => {
                let objects = if next & 1 == 0 { Objects::Streams } else { Objects::Files };
                Mark::Over { diode, boot, objects, ranges }
            }
            _ => Mark::Ended { diode, boot },
        }
    })
}

/// What becomes of a log.
#[derive(Clone, Debug)]
enum Damaged {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    /// An entry with a right length and checksum, of bytes that nobody wrote as a mark.
    Entry(Vec<u8>),
}

fn any_damage() -> impl Strategy<Value = Damaged> {
    let bytes = || vec(prop_oneof![Just(0), 0..5_u8, any::<u8>()], 0..40);
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damaged::Flip(at, 1 << bit)),
        any::<Index>().prop_map(Damaged::Cut),
        (any::<Index>(), bytes()).prop_map(|(at, bytes)| Damaged::Insert(at, bytes)),
        bytes().prop_map(Damaged::Entry),
    ]
}

impl Damaged {
    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            // Magic is there, unless it was cut off.
            Self::Flip(at, bit) => {
                if let Some(at) = (!bytes.is_empty()).then(|| at.index(bytes.len())) {
                    bytes[at] ^= bit;
                }
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Self::Insert(at, more) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, more).for_each(drop);
            }
            Self::Entry(mark) => {
                bytes.extend((mark.len() as u32).to_be_bytes());
                bytes.extend(CRC.checksum(&mark).to_be_bytes());
                bytes.extend(mark);
            }
        }
    }
}

/// A log of these marks, and where each entry ends, the start among them.
fn log_of(marks: &[Mark]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends) = (MAGIC.to_vec(), vec![MAGIC.len()]);
    for mark in marks {
        append_entry(mark, &mut bytes);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// What is understood is a log by itself, and means the same when written again; what is not is somewhere in the bytes.
fn check(bytes: &[u8]) {
    match read_entries(bytes) {
        Ok(read) => {
            let kept = read_entries(&bytes[..read.end]).unwrap();
            assert_eq!((&kept.marks, kept.end), (&read.marks, read.end), "without the torn end");
            let (written, _) = log_of(&read.marks);
            let again = read_entries(&written).unwrap();
            assert_eq!((again.marks, again.end), (read.marks, written.len()), "written again");
        }
        Err(damage) => assert!(damage.at <= bytes.len(), "{damage:?} in {} bytes", bytes.len()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_a_log_that_can_be_written_again_or_damaged_somewhere(
        has_magic in any::<bool>(),
        bytes in vec(any::<u8>(), 0..300),
    ) {
        let magic = if has_magic { MAGIC } else { b"" };
        check(&[magic, &bytes].concat());
    }

    #[test]
    fn a_damaged_log_is_one_that_can_be_written_again_or_damaged_somewhere(
        marks in vec(any_mark(), 0..6),
        damage in vec(any_damage(), 0..4),
    ) {
        let (mut bytes, _) = log_of(&marks);
        damage.into_iter().for_each(|damage| damage.apply(&mut bytes));
        check(&bytes);
    }

    #[test]
    fn a_torn_end_is_cut_and_every_whole_entry_before_it_kept(
        marks in vec(any_mark(), 0..6),
        cut in any::<Index>(),
        zeros in 0..50_usize,
    ) {
        let (whole, ends) = log_of(&marks);
        let cut = MAGIC.len() + cut.index(whole.len() - MAGIC.len() + 1);
        let kept = ends.iter().filter(|&&end| end <= cut).count() - 1;
        let read = read_entries(&whole[..cut]).unwrap();
        prop_assert_eq!((&read.marks[..], read.end), (&marks[..kept], ends[kept]));
        // A file system may also leave zeros where bytes were still to come.
        let read = read_entries(&[&whole[..ends[kept]], &vec![0; zeros]].concat()).unwrap();
        prop_assert_eq!((&read.marks[..], read.end), (&marks[..kept], ends[kept]));
    }

    #[test]
    fn a_flipped_bit_never_changes_a_mark_and_is_no_torn_end_if_an_entry_follows(
        marks in vec(any_mark(), 1..6),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let (mut bytes, ends) = log_of(&marks);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let before = ends.iter().filter(|&&end| end <= at).count().saturating_sub(1);
        match read_entries(&bytes) {
            Ok(read) => {
                prop_assert_eq!(before + 1, marks.len(), "not in the last entry");
                prop_assert_eq!((&read.marks[..], read.end), (&marks[..before], ends[before]));
            }
            Err(damage) => {
                prop_assert!(at < MAGIC.len() || before + 1 < marks.len(), "in the last entry: {:?}", damage);
                prop_assert_eq!(damage.at, if at < MAGIC.len() { 0 } else { ends[before] });
            }
        }
    }
}
