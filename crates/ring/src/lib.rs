//! The only path from the inside half to the outside half.
//!
//! A ring of entries over plain memory with a single writer. There is no way back: the reader keeps
//! its place in private and writes nothing to the ring, so the writer cannot know that a reader
//! exists, let alone wait for it. A reader that is too slow finds out afterwards that entries were
//! overwritten, and how many. The memory is words of 64 bits accessed atomically, so that it may
//! also be shared between two cores or two machines that do not trust each other.
//!
//! Layout in words: `started`, `done`, then per entry its length in bytes and its bytes, packed
//! eight to a word, little-endian. The writer sets `started` before it touches an entry and `done` after
//! it, as in a sequence lock; both only grow.
#![no_std]
#![forbid(unsafe_code)]

mod counting;

pub use counting::CountingWriter;

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, Ordering, fence};
// `tests/ring-model` compiles this file so.
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};

const STARTED: usize = 0;
const DONE: usize = 1;
const HEAD_WORDS: usize = 2;
const LENGTH_WORDS: usize = 1;
const WORD_BYTES: usize = 8;

/// How many entries a ring has, and how long each may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Entries that the ring holds.
    pub entries: usize,
    /// Bytes of the longest entry.
    pub entry_bytes_max: usize,
}

impl Shape {
    /// Words of memory that such a ring takes.
    #[must_use]
    pub const fn words(self) -> usize {
        HEAD_WORDS + self.entries * self.entry_words()
    }

    const fn entry_words(self) -> usize {
        LENGTH_WORDS + self.entry_bytes_max.div_ceil(WORD_BYTES)
    }

    /// The words of entry `number`, length first; `None` if the memory is too small.
    fn entry(self, memory: &[AtomicU64], number: u64) -> Option<&[AtomicU64]> {
        let slot = usize::try_from(number.checked_rem(self.entries as u64)?).ok()?;
        memory.get(HEAD_WORDS + slot * self.entry_words()..)?.get(..self.entry_words())
    }
}

/// The entry is longer than the ring's shape allows, or the memory too small for the shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DoesNotFit;

fn check(memory: &[AtomicU64], shape: Shape) -> Result<(), DoesNotFit> {
    if memory.len() < shape.words() || shape.entries == 0 { Err(DoesNotFit) } else { Ok(()) }
}

/// The writing end; there is one.
#[derive(Debug)]
pub struct Writer<'a> {
    memory: &'a [AtomicU64],
    shape: Shape,
    next: u64,
}

impl<'a> Writer<'a> {
    /// The writing end over `memory`, at least [`Shape::words`] words that nobody else writes; it empties the ring.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the memory is too small or the shape has no entries.
    pub fn new(memory: &'a [AtomicU64], shape: Shape) -> Result<Self, DoesNotFit> {
        check(memory, shape)?;
        memory.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        Ok(Self { memory, shape, next: 0 })
    }

    /// Writes an entry over the oldest one. Never waits, never fails for want of a reader.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the entry is too long; then nothing was written.
    pub fn write(&mut self, entry: &[u8]) -> Result<(), DoesNotFit> {
        if entry.len() > self.shape.entry_bytes_max {
            return Err(DoesNotFit);
        }
        let [length, words @ ..] = self.shape.entry(self.memory, self.next).ok_or(DoesNotFit)? else {
            return Err(DoesNotFit);
        };
        self.memory[STARTED].store(self.next + 1, Ordering::Relaxed);
        // A reader that sees any word of this entry must see that it was started.
        fence(Ordering::Release);
        length.store(entry.len() as u64, Ordering::Relaxed);
        for (word, bytes) in words.iter().zip(entry.chunks(WORD_BYTES)) {
            let mut padded = [0; WORD_BYTES];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(padded), Ordering::Relaxed);
        }
        self.next += 1;
        self.memory[DONE].store(self.next, Ordering::Release);
        Ok(())
    }
}

/// What a reader found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// An entry of this many bytes.
    Entry(usize),
    /// This many entries were overwritten before they were read.
    Overrun(u64),
    /// An entry whose length makes no sense; skipped. A sound writer never causes this.
    Malformed,
}

/// A reading end. What lies in the memory is believed only where it makes sense.
#[derive(Debug)]
pub struct Reader<'a> {
    memory: &'a [AtomicU64],
    shape: Shape,
    next: u64,
}

impl<'a> Reader<'a> {
    /// A reading end over memory that somebody else writes, who need not be sound; at least [`Shape::words`] words. It is only
    /// read, so it may be mapped for that alone.
    ///
    /// # Errors
    /// [`DoesNotFit`] if the memory is too small or the shape has no entries.
    pub fn new(memory: &'a [AtomicU64], shape: Shape) -> Result<Self, DoesNotFit> {
        check(memory, shape)?;
        Ok(Self { memory, shape, next: 0 })
    }

    /// Copies the next entry to the start of `buffer`; `None` if there is none yet.
    pub fn read(&mut self, buffer: &mut [u8]) -> Option<Read> {
        let done = self.memory[DONE].load(Ordering::Acquire);
        if done <= self.next {
            return None;
        }
        let copied = self.copy(buffer);
        // The words were read before this load: if they could have been overwritten, it shows.
        fence(Ordering::Acquire);
        let started = self.memory[STARTED].load(Ordering::Relaxed).max(done);
        let oldest = started.saturating_sub(self.shape.entries as u64);
        if oldest > self.next {
            let lost = oldest - self.next;
            self.next = oldest;
            return Some(Read::Overrun(lost));
        }
        self.next += 1;
        Some(copied.map_or(Read::Malformed, Read::Entry))
    }

    fn copy(&self, buffer: &mut [u8]) -> Option<usize> {
        let (length, words) = self.shape.entry(self.memory, self.next)?.split_first()?;
        let length = usize::try_from(length.load(Ordering::Relaxed)).ok()?;
        if length > self.shape.entry_bytes_max {
            return None;
        }
        for (bytes, word) in buffer.get_mut(..length)?.chunks_mut(WORD_BYTES).zip(words) {
            let word = word.load(Ordering::Relaxed).to_le_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
        Some(length)
    }
}
