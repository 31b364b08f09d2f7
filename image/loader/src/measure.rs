//! Measures the whole medium: the SHA-256 that `sha256sum` prints for the image file.

use noreturn_image_format::Sha256Digest;
use noreturn_image_format::layout::BLOCK_BYTES;
use sha2::{Digest, Sha256};

use crate::Refusal;

/// Bytes of one read. Larger reads were not faster.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Shape of a disk, as the firmware tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Bytes of a block.
    pub block_bytes: u32,
    /// Number of the last block.
    pub last_block: u64,
}

impl Geometry {
    /// Checks that an image of `image_bytes` can lie on this disk.
    ///
    /// # Errors
    /// [`Refusal::BlockSize`] or [`Refusal::DiskTooShort`].
    pub fn check(&self, image_bytes: u64) -> Result<(), Refusal> {
        if self.block_bytes as usize != BLOCK_BYTES {
            return Err(Refusal::BlockSize { found: self.block_bytes });
        }
        let found = self.last_block.saturating_add(1).saturating_mul(BLOCK_BYTES as u64);
        if found < image_bytes {
            return Err(Refusal::DiskTooShort { expected: image_bytes, found });
        }
        Ok(())
    }
}

/// Digest of the first `image_bytes` of a disk, read in pieces of `chunk.len()`.
///
/// `read` fills its buffer from the block it is given. `image_bytes` and `chunk.len()` are
/// multiples of [`BLOCK_BYTES`], the latter not zero.
///
/// # Errors
/// Whatever `read` returns.
pub fn digest(
    image_bytes: u64,
    chunk: &mut [u8],
    mut read: impl FnMut(u64, &mut [u8]) -> Result<(), Refusal>,
) -> Result<Sha256Digest, Refusal> {
    let mut hasher = Sha256::new();
    let mut offset = 0;
    while offset < image_bytes {
        let length = (image_bytes - offset).min(chunk.len() as u64);
        let piece = &mut chunk[..length as usize];
        read(offset / BLOCK_BYTES as u64, piece)?;
        hasher.update(piece);
        offset += length;
    }
    Ok(Sha256Digest(hasher.finalize().into()))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::refusal::FirmwareStatus;

    fn disk(blocks: usize) -> Vec<u8> {
        (0..blocks * BLOCK_BYTES).map(|i| (i * 7 / 5) as u8).collect()
    }

    fn read_from(disk: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<(), Refusal> {
        move |block, piece| {
            piece.copy_from_slice(&disk[block as usize * BLOCK_BYTES..][..piece.len()]);
            Ok(())
        }
    }

    #[test]
    fn the_digest_is_that_of_the_image_and_of_nothing_beyond() {
        let disk = disk(23);
        for chunk_blocks in [1, 4, 32] {
            let mut chunk = [0; 32 * BLOCK_BYTES];
            let chunk = &mut chunk[..chunk_blocks * BLOCK_BYTES];
            let image = &disk[..17 * BLOCK_BYTES];
            let found = digest(image.len() as u64, chunk, read_from(&disk));
            assert_eq!(found, Ok(Sha256Digest::of(image)));
        }
    }

    #[test]
    fn a_read_that_fails_is_passed_on() {
        let failure = Refusal::DiskRead { block: 2, status: FirmwareStatus(7) };
        let mut chunk = [0; BLOCK_BYTES];
        let found = digest(4 * BLOCK_BYTES as u64, &mut chunk, |block, _| {
            if block == 2 { Err(failure.clone()) } else { Ok(()) }
        });
        assert_eq!(found, Err(failure));
    }

    #[test]
    fn a_disk_must_have_the_right_blocks_and_hold_the_image() {
        let image_bytes = 8 * BLOCK_BYTES as u64;
        let check = |block_bytes, last_block| Geometry { block_bytes, last_block }.check(image_bytes);
        assert_eq!(check(512, 7), Ok(()));
        assert_eq!(check(512, u64::MAX), Ok(()));
        assert_eq!(check(512, 6), Err(Refusal::DiskTooShort { expected: 4096, found: 3584 }));
        assert_eq!(check(4096, 100), Err(Refusal::BlockSize { found: 4096 }));
    }
}
