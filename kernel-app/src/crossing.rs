//! The ring's memory. The only thing that both halves hold an end of: one that can be written, and one that cannot.

use noreturn_ring::Shape;
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

/// Makes the ring; its memory lives for ever.
pub fn ring(machine: &mut Machine) -> Result<(Writer, Reader), Fatal> {
    let TwoViews { written, read } = machine.allocate_two_views(SHAPE.words()).ok_or(Fatal::Ring)?;
    #[cfg(feature = "planted")]
    crate::planted::know_ring(read);
    let writer = Writer::new(written, SHAPE).map_err(|_| Fatal::Ring)?;
    let reader = Reader::new(read, SHAPE).map_err(|_| Fatal::Ring)?;
    Ok((writer, reader))
}
