//! The ring's reading end over memory that is anything: read by read it does what the layout says, and no more.

use std::sync::atomic::{AtomicU64, Ordering};

use noreturn_ring::{Read, Reader, Shape};

use super::script::Script;

/// Steps of a script at most, so that none takes long.
const STEPS_MAX: usize = 512;
/// Places of the words that the layout begins with.
const STARTED: usize = 0;
const DONE: usize = 1;
const ENTRIES: usize = 2;
/// What the reader must not touch.
const UNTOUCHED: u8 = 0xa5;
const BUFFER_BYTES: usize = 64;

/// Runs the input as a shape, and changes to the memory between reads.
pub(super) fn ring(data: &[u8]) {
    let mut script = Script(data);
    let shape = Shape { entries: script.below(5), entry_bytes_max: script.below(40) };
    let memory: Vec<_> = (0..script.below(32)).map(|_| AtomicU64::new(0)).collect();
    let fits = shape.entries > 0 && memory.len() >= shape.words();
    let reader = Reader::new(&memory, shape);
    assert_eq!(reader.is_ok(), fits, "{shape:?} in {} words", memory.len());
    let Ok(mut reader) = reader else { return };
    let mut position = 0;
    for _ in 0..STEPS_MAX {
        if script.is_empty() {
            break;
        }
        match script.below(3) {
            0 => write(&memory, script.below(memory.len()), script.number()),
            1 => write(&memory, script.below(ENTRIES), script.number()),
            _ => read(&mut reader, &memory, shape, &mut position, script.below(BUFFER_BYTES)),
        }
    }
}

fn write(memory: &[AtomicU64], place: usize, word: u64) {
    memory[place].store(word, Ordering::Relaxed);
}

/// Reads once into a buffer of so many bytes, and compares with what must come of it.
fn read(
    reader: &mut Reader<'_>,
    memory: &[AtomicU64],
    shape: Shape,
    position: &mut u64,
    buffer_bytes: usize,
) {
    let words: Vec<u64> = memory.iter().map(|word| word.load(Ordering::Relaxed)).collect();
    let mut buffer = [UNTOUCHED; BUFFER_BYTES];
    let read = reader.read(&mut buffer[..buffer_bytes]);
    let expected = expected(&words, shape, *position, buffer_bytes);
    assert_eq!(read, expected, "at {position} of {shape:?}, {words:x?}");
    *position += match read {
        None => 0,
        Some(Read::Overrun(lost)) => lost,
        Some(Read::Entry(_) | Read::Malformed) => 1,
    };
    if let Some(Read::Entry(length)) = read {
        let at = slot(shape, *position - 1) + 1;
        let bytes: Vec<u8> = words[at..].iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(buffer[..length], bytes[..length], "altered");
    }
    let kept = if matches!(read, Some(Read::Overrun(_))) { shape.entry_bytes_max } else { taken(read) };
    assert!(
        buffer[kept.min(buffer_bytes)..].iter().all(|&byte| byte == UNTOUCHED),
        "written behind the entry"
    );
    assert!(
        memory.iter().map(|word| word.load(Ordering::Relaxed)).eq(words),
        "the reader has changed the memory"
    );
}

const fn taken(read: Option<Read>) -> usize {
    match read {
        Some(Read::Entry(length)) => length,
        _ => 0,
    }
}

/// What the layout says of these words.
fn expected(words: &[u64], shape: Shape, position: u64, buffer_bytes: usize) -> Option<Read> {
    if words[DONE] <= position {
        return None;
    }
    // Everything before this is gone, or may be.
    let oldest = words[STARTED].max(words[DONE]).saturating_sub(shape.entries as u64);
    if oldest > position {
        return Some(Read::Overrun(oldest - position));
    }
    let length = words[slot(shape, position)];
    let length_max = shape.entry_bytes_max.min(buffer_bytes);
    Some(if length <= length_max as u64 { Read::Entry(length as usize) } else { Read::Malformed })
}

/// Where the entry of that number lies, its length first.
fn slot(shape: Shape, number: u64) -> usize {
    let entry_words = 1 + shape.entry_bytes_max.div_ceil(8);
    ENTRIES + (number % shape.entries as u64) as usize * entry_words
}
