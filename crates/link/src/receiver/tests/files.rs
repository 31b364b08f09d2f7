//! Files: every byte once, in any order, completed when all are there.

use noreturn_wire::{Bytes, FileId, FilePart, FileStep};

use super::*;

const SHA256: [u8; 32] = [7; 32];

const fn part(file: u32, step: FileStep<'_>) -> Message<'_> {
    Message::File(FilePart { file: FileId(file), step })
}

const fn about(file: u32, length: u64) -> Message<'static> {
    part(file, FileStep::About { name: "alarms.csv", length, sha256: SHA256 })
}

const fn bytes(file: u32, offset: u64, bytes: &[u8]) -> Message<'_> {
    part(file, FileStep::Data { offset, bytes: Bytes(bytes) })
}

const fn got(file: u32, step: FileEvent) -> EventKind {
    EventKind::File { file: FileId(file), step }
}

fn got_bytes(file: u32, offset: u64, bytes: &[u8]) -> EventKind {
    got(file, FileEvent::Data { offset, bytes: bytes.to_vec() })
}

fn told(length: u64) -> FileAbout {
    FileAbout { name: "alarms.csv".into(), length, sha256: SHA256 }
}

#[test]
fn every_byte_is_delivered_once_in_any_order() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[bytes(0, 0, b"too early"), about(0, 10), bytes(0, 6, b"ghi"), bytes(0, 2, b"cd")]);
    assert_eq!(
        line.events(),
        [got(0, FileEvent::Started(told(10))), got_bytes(0, 6, b"ghi"), got_bytes(0, 2, b"cd")]
    );
    line.repeat(&[about(0, 10), bytes(0, 1, b"bcdefghi"), bytes(0, 7, b"hi")]);
    assert_eq!(line.events(), [got_bytes(0, 1, b"b"), got_bytes(0, 4, b"ef")]);
    line.repeat(&[bytes(0, 0, b"a"), bytes(0, 8, b"ij")]);
    let completed = got(0, FileEvent::Completed(told(10)));
    assert_eq!(line.events(), [got_bytes(0, 0, b"a"), got_bytes(0, 9, b"j"), completed]);
    line.repeat(&[about(0, 10), bytes(0, 0, b"abcdefghij")]);
    assert_eq!(line.events(), []);
    let counters = line.counters();
    assert_eq!((counters.file_parts, counters.file_parts_unknown), (6, 1));
    assert_eq!((counters.file_parts_repeated, counters.files_completed), (4, 1));
}

#[test]
fn an_empty_file_is_complete_at_once() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[about(3, 0)]);
    let expected = [FileEvent::Started(told(0)), FileEvent::Completed(told(0))].map(|event| got(3, event));
    assert_eq!(line.events(), expected);
}

#[test]
fn contradictions_are_refused() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[about(0, 10)]);
    line.events();
    let other = part(0, FileStep::About { name: "alarms.csv", length: 10, sha256: [8; 32] });
    for message in [about(0, 11), other, bytes(0, 8, b"ijk"), bytes(0, 1 << 62, b"x")] {
        assert_eq!(line.send(Class::Bulk, &[message]), Err(Refusal::Inconsistent));
    }
    assert_eq!(line.events(), []);
    assert_eq!(line.counters().refused_inconsistent, 4);
    line.tell(&[bytes(0, 8, b"ij")]);
    assert_eq!(line.events(), [got_bytes(0, 8, b"ij")]);
}

#[test]
fn an_aborted_file_does_not_start_again_from_the_history() {
    let mut line = Line::new(ReceiverConfig::default());
    line.tell(&[about(0, 10), part(0, FileStep::Abort), part(1, FileStep::Abort)]);
    assert_eq!(line.events(), [got(0, FileEvent::Started(told(10))), got(0, FileEvent::Aborted)]);
    line.repeat(&[about(0, 10), about(1, 10), part(1, FileStep::Abort)]);
    assert_eq!(line.events(), []);
    assert_eq!(line.counters().files_aborted, 2);
}

#[test]
fn the_file_that_is_idle_for_longest_makes_room_and_may_come_back() {
    let config = ReceiverConfig { files_max: 2, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    for messages in [[about(0, 2)], [about(1, 2)], [bytes(0, 0, b"a")]] {
        line.tell(&messages);
        line.pass(1);
    }
    line.events();
    line.tell(&[about(2, 2)]);
    assert_eq!(line.events(), [got(1, FileEvent::Abandoned), got(2, FileEvent::Started(told(2)))]);
    line.pass(1);
    line.repeat(&[bytes(0, 1, b"b"), about(1, 2)]);
    let expected =
        [got_bytes(0, 1, b"b"), got(0, FileEvent::Completed(told(2))), got(1, FileEvent::Started(told(2)))];
    assert_eq!(line.events(), expected);
    assert_eq!(line.counters().files_abandoned, 1);
}

#[test]
fn a_file_that_is_too_scattered_waits_for_what_is_between() {
    let config = ReceiverConfig { file_extents_max: 2, ..ReceiverConfig::default() };
    let mut line = Line::new(config);
    line.tell(&[about(0, 6), bytes(0, 0, b"a"), bytes(0, 2, b"c"), bytes(0, 4, b"e")]);
    assert_eq!(line.events().len(), 3);
    assert_eq!(line.counters().file_parts_dropped, 1);
    line.repeat(&[bytes(0, 1, b"b"), bytes(0, 4, b"e"), bytes(0, 3, b"d"), bytes(0, 5, b"f")]);
    assert_eq!(line.events().len(), 5);
    assert_eq!(line.counters().files_completed, 1);
}
