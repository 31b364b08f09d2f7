//! A writer and a reader at once, in every order that the memory model allows.

use loom::sync::atomic::AtomicU64;
use noreturn_ring_model::ring::{Read, Reader, Shape, Writer};

/// Two words an entry, so that one can be torn.
const ENTRY_BYTES: usize = 16;

/// Entry `number`: the same byte all over, and as long as nothing else.
fn entry(number: u8) -> Vec<u8> {
    vec![number + 1; ENTRY_BYTES - usize::from(number)]
}

/// Writes so many entries while a reader reads so often; every entry is whole and in order, or counted as lost.
fn run(entries: usize, writes: u8, reads: usize) {
    loom::model(move || {
        let shape = Shape { entries, entry_bytes_max: ENTRY_BYTES };
        let memory: Vec<AtomicU64> = (0..shape.words()).map(|_| AtomicU64::new(0)).collect();
        let memory: &[AtomicU64] = Box::leak(memory.into_boxed_slice());
        let mut writer = Writer::new(memory, shape).expect("it fits");
        let mut reader = Reader::new(memory, shape).expect("it fits");
        let writing = loom::thread::spawn(move || {
            (0..writes).for_each(|number| writer.write(&entry(number)).expect("it fits"));
        });
        let mut next = 0;
        let mut read = |reader: &mut Reader<'_>| {
            let mut buffer = [0; ENTRY_BYTES];
            match reader.read(&mut buffer) {
                Some(Read::Entry(length)) => {
                    assert_eq!(&buffer[..length], entry(next), "torn, altered, or out of order");
                    next += 1;
                    true
                }
                Some(Read::Overrun(lost)) => {
                    let gone_max = u64::from(writes) - entries as u64;
                    assert!(u64::from(next) + lost <= gone_max, "what was never overwritten counts as lost");
                    next += u8::try_from(lost).expect("as few as were written");
                    true
                }
                Some(Read::Malformed) => panic!("a sound writer never causes this"),
                None => false,
            }
        };
        for _ in 0..reads {
            read(&mut reader);
        }
        writing.join().expect("the writer ends, whatever the reader does");
        while read(&mut reader) {}
        assert_eq!(next, writes, "every entry is read or counted as lost");
    });
}

#[test]
fn a_reader_that_keeps_up() {
    run(2, 2, 2);
}

#[test]
fn a_reader_that_is_overrun() {
    run(1, 2, 1);
}

#[test]
fn a_reader_that_is_overrun_again() {
    run(2, 3, 1);
}
