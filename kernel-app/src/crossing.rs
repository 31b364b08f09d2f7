//! The ring's memory. The only thing that both halves hold an end of: one that can be written, and one that cannot.

use noreturn_ring::Shape;
use noreturn_wire::MessageError;
use noreturn_wire::crossing::CROSSING_BYTES_MAX;

use crate::fatal::Fatal;
use crate::machine::{Machine, TwoViews};

/// Entries of the ring: several seconds of a busy site, 5.6 MiB.
const SHAPE: Shape = Shape { entries: 4096, entry_bytes_max: CROSSING_BYTES_MAX };

/// Bytes of the ring's memory.
pub const BYTES: u64 = SHAPE.words() as u64 * 8;

/// The inside's end.
pub type Writer = noreturn_ring::Writer<'static>;
/// The outside's end.
pub type Reader = noreturn_ring::Reader<'static>;

/// The inside's end, with what became of each entry.
pub struct Entries {
    writer: Writer,
    /// Entries written.
    pub written: u64,
    /// Entries that could not be encoded, or do not fit; dropped.
    pub refused: u64,
}

impl Entries {
    pub fn new(writer: Writer) -> Self {
        Self { writer, written: 0, refused: 0 }
    }

    /// Writes and counts an entry; its length in bytes, if it was written.
    pub fn write(&mut self, entry: Result<&[u8], MessageError>) -> Option<usize> {
        let written = entry.ok().filter(|entry| self.writer.write(entry).is_ok());
        *if written.is_some() { &mut self.written } else { &mut self.refused } += 1;
        written.map(<[u8]>::len)
    }
}

/// Makes the ring; its memory lives for ever.
pub fn ring(machine: &mut Machine) -> Result<(Writer, Reader), Fatal> {
    let TwoViews { written, read } = machine.allocate_two_views(SHAPE.words()).ok_or(Fatal::Ring)?;
    #[cfg(feature = "planted")]
    crate::planted::know_ring(read);
    let writer = Writer::new(written, SHAPE).map_err(|_| Fatal::Ring)?;
    let reader = Reader::new(read, SHAPE).map_err(|_| Fatal::Ring)?;
    Ok((writer, reader))
}
