//! The log after crashes and damage.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use noreturn_link::{Receiver, ReceiverConfig};
use noreturn_wire::{BootId, DiodeId};

use super::*;
use crate::counters::SharedCounters;
use crate::sinks::Debt;

fn mark(frames_end: u64) -> Mark {
    Mark::Session { diode: DiodeId(7), boot: BootId([3; 16]), frames_end }
}

fn open(directory: &Path) -> (Durable, Vec<Mark>) {
    Durable::open(directory).unwrap()
}

#[test]
fn what_was_appended_is_read_again_before_and_after_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let (mut durable, marks) = open(folder.path());
    assert_eq!(marks, []);
    durable.append(&[mark(1), mark(2)]).unwrap();
    durable.append(&[]).unwrap();
    durable.append(&[mark(3)]).unwrap();
    assert!(durable.take_unsynced().unwrap().is_some() && durable.take_unsynced().unwrap().is_none());
    drop(durable);
    let (mut durable, marks) = open(folder.path());
    assert_eq!(marks, [mark(1), mark(2), mark(3)]);
    durable.replace([mark(3)].into_iter()).unwrap();
    durable.append(&[mark(4)]).unwrap();
    drop(durable);
    assert_eq!(open(folder.path()).1, [mark(3), mark(4)]);
}

#[test]
fn a_torn_end_is_cut_off_wherever_the_crash_came() {
    let folder = tempfile::tempdir().unwrap();
    let (mut durable, _) = open(folder.path());
    durable.append(&[mark(1), mark(2)]).unwrap();
    drop(durable);
    let path = folder.path().join(LOG);
    let whole = std::fs::read(&path).unwrap();
    let second = MAGIC.len() + (whole.len() - MAGIC.len()) / 2;
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let (mut durable, marks) = open(folder.path());
        let known: &[Mark] = if length >= second { &[mark(1)] } else { &[] };
        assert_eq!(marks, known, "{length} bytes");
        durable.append(&[mark(9)]).unwrap();
        drop(durable);
        assert_eq!(open(folder.path()).1.last(), Some(&mark(9)), "{length} bytes");
    }
    std::fs::write(&path, [&whole[..], &[0; 300]].concat()).unwrap();
    assert_eq!(open(folder.path()).1, [mark(1), mark(2)]);
}

#[test]
fn the_start_of_a_new_log_may_be_missing_or_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LOG);
    for (written, length) in (0..MAGIC.len()).flat_map(|w| (w..=MAGIC.len()).map(move |l| (w, l))) {
        let mut torn = MAGIC[..written].to_vec();
        torn.resize(length, 0);
        std::fs::write(&path, torn).unwrap();
        assert_eq!(open(folder.path()).1, [], "{written} of {length} bytes");
        assert_eq!(std::fs::read(&path).unwrap(), MAGIC);
    }
    for other in [&b"NRMARKS\x02"[..], b"X", &[0; 9]] {
        std::fs::write(&path, other).unwrap();
        let error = Durable::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged at byte 0"), "{error}");
    }
}

#[test]
fn a_log_that_is_not_trusted_is_replaced_whatever_is_appended_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (mut durable, _) = open(folder.path());
    durable.distrust();
    durable.append(&[mark(1)]).unwrap();
    assert!(durable.wants_replacement());
    durable.replace([mark(1)].into_iter()).unwrap();
    durable.append(&[mark(2)]).unwrap();
    assert!(!durable.wants_replacement());
}

#[test]
fn damage_in_the_middle_is_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let (mut durable, _) = open(folder.path());
    (0..10).for_each(|number| durable.append(&[mark(number)]).unwrap());
    drop(durable);
    let path = folder.path().join(LOG);
    let whole = std::fs::read(&path).unwrap();
    let last = whole.len() - (whole.len() - MAGIC.len()) / 10;
    for at in 0..last {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, damaged).unwrap();
        let error = Durable::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged at byte") && error.contains("move it away"), "{at}: {error}");
    }
}

#[test]
fn a_directory_serves_one_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let error = Durable::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("in use by another receiver"), "{error}");
    drop(first);
    open(folder.path());
}

#[test]
fn a_log_that_has_grown_asks_to_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (mut durable, _) = open(folder.path());
    let marks: Vec<Mark> = (0..1000).map(mark).collect();
    let mut appended = 0;
    while !durable.wants_replacement() {
        durable.append(&marks).unwrap();
        appended += 1;
    }
    assert!(appended > 10, "not at once");
    durable.replace([mark(1)].into_iter()).unwrap();
    assert!(!durable.wants_replacement());
    assert!(std::fs::metadata(folder.path().join(LOG)).unwrap().len() < 100);
}

#[test]
fn marks_wait_for_the_writer_of_objects_then_for_what_it_told_then_for_the_sinks() {
    let folder = tempfile::tempdir().unwrap();
    let (durable, _) = open(folder.path());
    let shared = Arc::new(SharedCounters::default());
    let mut keeper = Keeper::new(durable, shared.clone());
    let mut receiver = Receiver::new(ReceiverConfig::default(), []);
    assert!(receiver.handle_datagram(b"?", 0).is_err());
    let (objects, sink) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tick = |given_to_sink| {
        let debts = (Debt::new(1, objects.clone()), vec![Debt::new(given_to_sink, sink.clone())]);
        keeper.handle_timeout(&mut receiver, true, debts.0, debts.1);
        shared.datagrams_remembered.load(Ordering::Relaxed)
    };
    assert_eq!((0..10).map(|_| tick(0)).max(), Some(0), "the writer has not written");
    objects.store(1, Ordering::Relaxed);
    tick(0);
    // What the writer told is given to the sink by now, which has not written it.
    assert_eq!((0..10).map(|_| tick(1)).max(), Some(0));
    sink.store(1, Ordering::Relaxed);
    assert_eq!(tick(1), 1);
}
