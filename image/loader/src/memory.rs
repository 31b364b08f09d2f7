//! Chooses the memory that the kernel gets. Hermit uses one piece only, so it gets the largest.

use crate::Refusal;
use crate::paging::MAPPED_BYTES;

/// The least that the kernel gets. A machine of 128 MiB leaves 42 MiB in one piece (OVMF).
pub const RAM_BYTES_MIN: u64 = 32 << 20;

/// A piece of physical memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// Address of the first byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// The largest of the free pieces, counting only what the page tables map.
///
/// # Errors
/// [`Refusal::TooLittleRam`] when it is shorter than [`RAM_BYTES_MIN`].
pub fn choose(free: impl Iterator<Item = Region>) -> Result<Region, Refusal> {
    let largest = free.filter_map(clip_to_map).max_by_key(|region| region.bytes);
    match largest {
        Some(region) if region.bytes >= RAM_BYTES_MIN => Ok(region),
        other => Err(Refusal::TooLittleRam { found: other.map_or(0, |region| region.bytes) }),
    }
}

fn clip_to_map(region: Region) -> Option<Region> {
    let room = MAPPED_BYTES.checked_sub(region.start)?;
    Some(Region { bytes: region.bytes.min(room), ..region })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn region(start: u64, bytes: u64) -> Region {
        Region { start, bytes }
    }

    #[test]
    fn the_largest_piece_wins() {
        let free = [region(MIB, 60 * MIB), region(100 * MIB, 300 * MIB), region(500 * MIB, 8 * MIB)];
        assert_eq!(choose(free.into_iter()), Ok(free[1]));
    }

    #[test]
    fn memory_beyond_the_page_tables_does_not_count() {
        let beyond =
            [region(MIB, 64 * MIB), region(MAPPED_BYTES, 1 << 40), region(MAPPED_BYTES + 1, 1 << 40)];
        assert_eq!(choose(beyond.into_iter()), Ok(beyond[0]));
        let across = [region(MAPPED_BYTES - 50 * MIB, 1 << 40)];
        assert_eq!(choose(across.into_iter()), Ok(region(MAPPED_BYTES - 50 * MIB, 50 * MIB)));
    }

    #[test]
    fn too_little_is_refused_and_says_how_much_there_was() {
        let short = RAM_BYTES_MIN - 1;
        assert_eq!(choose([region(0, short)].into_iter()), Err(Refusal::TooLittleRam { found: short }));
        assert_eq!(choose(core::iter::empty()), Err(Refusal::TooLittleRam { found: 0 }));
    }
}
