//! The owner's public key, which the builder of an image writes into the finished loader.

use core::ptr;

use noreturn_image_format::owner::{KEY_BYTES, MARK, NO_OWNER};

/// The place for it; the compiler sees a loader that has none.
static OWNER: [u8; MARK.len() + KEY_BYTES] = NO_OWNER;

/// The key that is there when the loader runs.
pub fn key() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    for (place, byte) in (MARK.len()..).zip(&mut key) {
        // SAFETY: it reads a byte of a static that nothing writes, through a pointer made from a reference to it. Volatile, since
        // else the compiler would use the zeros that it knows, and not what the builder wrote.
        *byte = unsafe { ptr::read_volatile(&raw const OWNER[place]) };
    }
    key
}
