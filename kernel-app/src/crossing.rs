//! The ring's memory. The only thing that both halves hold an end of.

use alloc::boxed::Box;
use core::sync::atomic::AtomicU64;

use noreturn_ring::{Shape, over};
use noreturn_wire::crossing::CROSSING_BYTES_MAX;

use crate::fatal::Fatal;

/// Entries of the ring: several seconds of a busy site, 5.6 MiB.
const SHAPE: Shape = Shape { entries: 4096, entry_bytes_max: CROSSING_BYTES_MAX };

/// Bytes of the ring's memory.
pub const BYTES: u64 = SHAPE.words() as u64 * 8;

/// The inside's end.
pub type Writer = noreturn_ring::Writer<'static>;
/// The outside's end.
pub type Reader = noreturn_ring::Reader<'static>;

/// Makes the ring; its memory lives for ever.
pub fn ring() -> Result<(Writer, Reader), Fatal> {
    let memory: Box<[AtomicU64]> = (0..SHAPE.words()).map(|_| AtomicU64::new(0)).collect();
    over(Box::leak(memory), SHAPE).map_err(|_| Fatal::Ring)
}
