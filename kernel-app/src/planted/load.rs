//! More to send than can be sent, so that what a frame costs can be counted: messages of a stream that nobody opened.

use core::sync::atomic::{AtomicU64, Ordering};

use noreturn_wire::object::PART_BYTES_MAX;
use noreturn_wire::{Bytes, Class, Message, StreamId, StreamPart, StreamStep};

/// What is offered in each step of the inside half, from the moment it was chosen.
#[derive(Clone, Copy)]
pub enum Load {
    /// A message that leaves at once, alone in its frame.
    Smallest,
    /// A message that fills its frame.
    Largest,
}

const NONE: u64 = 0;
const SMALLEST: u64 = 1;
const LARGEST: u64 = 2;
static CHOSEN: AtomicU64 = AtomicU64::new(NONE);
static SEQUENCE: AtomicU64 = AtomicU64::new(1);

/// Starts to offer it.
pub fn start(load: Load) {
    let chosen = match load {
        Load::Smallest => SMALLEST,
        Load::Largest => LARGEST,
    };
    CHOSEN.store(chosen, Ordering::Relaxed);
}

/// Hands what is due to `write`: one message, so that nothing is made that cannot be sent.
pub fn offer(write: impl FnOnce(Class, &Message<'_>)) {
    const BYTES: [u8; PART_BYTES_MAX] = [0x5a; PART_BYTES_MAX];
    let (class, bytes) = match CHOSEN.load(Ordering::Relaxed) {
        SMALLEST => (Class::Alarm, &BYTES[..1]),
        LARGEST => (Class::Bulk, &BYTES[..]),
        _ => return,
    };
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let step = StreamStep::Data { offset: sequence, bytes: Bytes(bytes) };
    write(class, &Message::Stream(StreamPart { stream: StreamId(1), sequence, step }));
}
