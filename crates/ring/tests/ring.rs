//! The ring: order, overruns, misfits, and two threads that race.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use noreturn_ring::{CountingWriter, DoesNotFit, Read, Reader, Shape, Writer};

const SHAPE: Shape = Shape { entries: 4, entry_bytes_max: 20 };

fn memory(shape: Shape) -> Vec<AtomicU64> {
    (0..shape.words()).map(|_| AtomicU64::new(u64::MAX)).collect()
}

fn ends(memory: &[AtomicU64], shape: Shape) -> (Writer<'_>, Reader<'_>) {
    (Writer::new(memory, shape).unwrap(), Reader::new(memory, shape).unwrap())
}

#[test]
fn entries_come_out_as_they_went_in() {
    let memory = memory(SHAPE);
    let (mut writer, mut reader) = ends(&memory, SHAPE);
    let mut buffer = [0; 32];
    assert_eq!(reader.read(&mut buffer), None);
    for length in [0, 1, 7, 8, 9, 20] {
        let entry: Vec<u8> = (0..length).collect();
        writer.write(&entry).unwrap();
        assert_eq!(reader.read(&mut buffer), Some(Read::Entry(entry.len())));
        assert_eq!(buffer[..entry.len()], entry);
        assert_eq!(reader.read(&mut buffer), None);
    }
}

#[test]
fn a_slow_reader_learns_exactly_how_much_it_missed() {
    let memory = memory(SHAPE);
    let (mut writer, mut reader) = ends(&memory, SHAPE);
    let mut buffer = [0; 20];
    (0..11_u8).for_each(|n| writer.write(&[n]).unwrap());
    assert_eq!(reader.read(&mut buffer), Some(Read::Overrun(7)));
    for n in 7..11 {
        assert_eq!(reader.read(&mut buffer), Some(Read::Entry(1)));
        assert_eq!(buffer[0], n);
    }
    assert_eq!(reader.read(&mut buffer), None);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut small = memory(SHAPE);
    small.pop();
    let nothing = Shape { entries: 0, entry_bytes_max: 8 };
    for (memory, shape) in [(&small[..], SHAPE), (&[], nothing)] {
        assert_eq!(Writer::new(memory, shape).unwrap_err(), DoesNotFit);
        assert_eq!(Reader::new(memory, shape).unwrap_err(), DoesNotFit);
    }
    let memory = memory(SHAPE);
    let (mut writer, mut reader) = ends(&memory, SHAPE);
    assert_eq!(writer.write(&[0; 21]), Err(DoesNotFit));
    assert_eq!(reader.read(&mut [0; 32]), None);
    writer.write(&[0; 20]).unwrap();
    assert_eq!(reader.read(&mut [0; 8]), Some(Read::Malformed), "a buffer too small takes nothing");
}

/// A writer and a reader race. Every entry read must be whole, and every number read or counted as lost.
#[test]
fn racing_ends_never_tear_an_entry() {
    const ENTRIES: u64 = 200_000;
    let shape = Shape { entries: 8, entry_bytes_max: 64 };
    let memory = memory(shape);
    let (mut writer, mut reader) = ends(&memory, shape);
    let finished = AtomicBool::new(false);
    let (mut read, mut lost) = (0_u64, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..ENTRIES {
                writer.write(&number.to_le_bytes().repeat(8)).unwrap();
                if number % 64 == 0 {
                    std::thread::yield_now();
                }
            }
            finished.store(true, Ordering::Release);
        });
        let mut buffer = [0; 64];
        loop {
            let last_round = finished.load(Ordering::Acquire);
            match reader.read(&mut buffer) {
                Some(Read::Entry(length)) => {
                    assert_eq!(length, 64);
                    assert_eq!(buffer[..], (read + lost).to_le_bytes().repeat(8), "torn or out of order");
                    read += 1;
                }
                Some(Read::Overrun(entries)) => lost += entries,
                Some(Read::Malformed) => panic!("a sound writer writes no malformed entry"),
                None if last_round => break,
                None => std::hint::spin_loop(),
            }
        }
    });
    assert_eq!(read + lost, ENTRIES);
    assert!(read > 0);
}

#[test]
fn an_entry_that_is_not_encoded_or_too_long_is_counted_and_the_next_one_is_written() {
    let memory = memory(SHAPE);
    let (writer, mut reader) = ends(&memory, SHAPE);
    let mut writer = CountingWriter::new(writer);
    assert_eq!(writer.write::<DoesNotFit>(Ok(&[1; 20])), Some(20));
    assert_eq!(writer.write(Err(DoesNotFit)), None);
    assert_eq!((writer.written(), writer.refused()), (1, 1));
    assert_eq!(writer.write::<DoesNotFit>(Ok(&[2; 21])), None);
    assert_eq!((writer.written(), writer.refused()), (1, 2));
    assert_eq!(writer.write::<DoesNotFit>(Ok(&[3])), Some(1));
    assert_eq!((writer.written(), writer.refused()), (2, 2));
    let mut buffer = [0; 20];
    assert_eq!(reader.read(&mut buffer), Some(Read::Entry(20)));
    assert_eq!(reader.read(&mut buffer), Some(Read::Entry(1)));
    assert_eq!((buffer[0], reader.read(&mut buffer)), (3, None));
}
