//! A writing end that counts what became of each entry.

use super::Writer;

/// A [`Writer`] that counts: an entry that could not be written is never lost in silence.
#[derive(Debug)]
pub struct CountingWriter<'a> {
    writer: Writer<'a>,
    written: u64,
    refused: u64,
}

impl<'a> CountingWriter<'a> {
    /// Counts what `writer` writes, from 0.
    #[must_use]
    pub const fn new(writer: Writer<'a>) -> Self {
        Self { writer, written: 0, refused: 0 }
    }

    /// Entries written.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Entries that could not be encoded, or do not fit; dropped.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Writes an entry as its encoder returned it, or counts that it could not; its length in bytes, if it was written.
    pub fn write<E>(&mut self, encoded: Result<&[u8], E>) -> Option<usize> {
        let written = encoded.ok().filter(|entry| self.writer.write(entry).is_ok());
        *if written.is_some() { &mut self.written } else { &mut self.refused } += 1;
        written.map(<[u8]>::len)
    }
}
