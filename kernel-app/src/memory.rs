//! Whether the machine has the memory that the configuration asks for. All of it is allocated at boot; asking first
//! makes a lack of it a message instead of a stop somewhere between two cards.

use alloc::vec::Vec;

use noreturn_image_format::Config;

use crate::crossing;
use crate::fatal::Fatal;

/// Network stack, cards, devices and tags: more than the largest site takes.
const OTHER_BYTES: u64 = 8 << 20;

/// Asks for everything at once, and gives it back.
pub fn check(config: &Config) -> Result<(), Fatal> {
    let bytes = config.link.memory_bytes() + crossing::BYTES + OTHER_BYTES;
    let all = usize::try_from(bytes).unwrap_or(usize::MAX);
    Vec::<u8>::new().try_reserve_exact(all).map_err(|_| Fatal::Memory { bytes })
}
