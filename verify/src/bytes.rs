//! Numbers in bytes that nobody vouches for: every access may find nothing.

use noreturn_image_format::layout::BLOCK_BYTES;

/// `N` bytes at `offset`.
pub(crate) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

/// A little-endian number of 16 bits.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_le_bytes)
}

/// A little-endian number of 32 bits.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_le_bytes)
}

/// A little-endian number of 64 bits.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    array(bytes, offset).map(u64::from_le_bytes)
}

/// Block `number`.
pub(crate) fn block(bytes: &[u8], number: u64) -> Option<&[u8; BLOCK_BYTES]> {
    blocks(bytes, number, 1)?.try_into().ok()
}

/// `count` blocks from block `first` on.
pub(crate) fn blocks(bytes: &[u8], first: u64, count: u64) -> Option<&[u8]> {
    let start = usize::try_from(first).ok()?.checked_mul(BLOCK_BYTES)?;
    let length = usize::try_from(count).ok()?.checked_mul(BLOCK_BYTES)?;
    bytes.get(start..start.checked_add(length)?)
}

/// Place of the first byte that is not zero.
pub(crate) fn first_used(bytes: &[u8]) -> Option<usize> {
    const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    let (index, chunk) =
        bytes.chunks(BLOCK_BYTES).enumerate().find(|(_, chunk)| **chunk != ZEROS[..chunk.len()])?;
    let within = chunk.iter().position(|&byte| byte != 0)?;
    Some(index * BLOCK_BYTES + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_past_the_end_are_nothing() {
        let bytes = [1, 2, 3, 4];
        assert_eq!(u16_at(&bytes, 2), Some(0x0403));
        assert_eq!((u16_at(&bytes, 3), u32_at(&bytes, 1), u64_at(&bytes, usize::MAX)), (None, None, None));
        assert_eq!(blocks(&[0; 1024], u64::MAX, 1), None);
        assert_eq!(blocks(&[0; 1024], 1, u64::MAX), None);
        assert_eq!(blocks(&[0; 1024], 1, 1).map(<[u8]>::len), Some(512));
        assert!(block(&[0; 1024], 2).is_none());
    }

    #[test]
    fn the_first_used_byte_is_found() {
        let mut bytes = [0; 1500];
        assert_eq!(first_used(&bytes), None);
        bytes[1499] = 1;
        assert_eq!(first_used(&bytes), Some(1499));
        bytes[512] = 1;
        assert_eq!(first_used(&bytes), Some(512));
    }
}
