//! Reads the start of a medium into memory, once.

use noreturn_image_format::layout::{ALIGNMENT, BLOCK_BYTES};

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
    /// Checks that an image of `image_bytes` can lie on this disk, which has blocks of a disk or of a CD.
    ///
    /// # Errors
    /// [`Refusal::BlockSize`] or [`Refusal::DiskTooShort`].
    pub fn check(&self, image_bytes: u64) -> Result<(), Refusal> {
        if ![BLOCK_BYTES as u64, ALIGNMENT].contains(&self.block_bytes.into()) {
            return Err(Refusal::BlockSize { found: self.block_bytes });
        }
        let found = self.last_block.saturating_add(1).saturating_mul(self.block_bytes.into());
        if found < image_bytes {
            return Err(Refusal::DiskTooShort { expected: image_bytes, found });
        }
        Ok(())
    }

    /// Fills `buffer`, whose length is a multiple of [`ALIGNMENT`], from the start of the disk, piece by piece; `read` fills
    /// its buffer from the block that it is given. Every block is read once.
    ///
    /// # Errors
    /// Whatever `read` returns, and those of [`Geometry::check`].
    pub fn read(
        &self,
        buffer: &mut [u8],
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.check(buffer.len() as u64)?;
        let mut block = 0;
        for piece in buffer.chunks_mut(CHUNK_BYTES) {
            read(block, piece)?;
            block += piece.len() as u64 / u64::from(self.block_bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::refusal::FirmwareStatus;

    #[test]
    fn every_block_is_read_once_and_nothing_beyond() {
        let disk: Vec<u8> = (0..3 * CHUNK_BYTES).map(|i| (i * 7 / 5) as u8).collect();
        for block_bytes in [512, 2048] {
            let geometry =
                Geometry { block_bytes, last_block: disk.len() as u64 / u64::from(block_bytes) - 1 };
            for bytes in [2048, CHUNK_BYTES, 2 * CHUNK_BYTES + 4096] {
                let (mut buffer, mut places) = (vec![0; bytes], Vec::new());
                let done = geometry.read(&mut buffer, |block, piece| {
                    let start = block as usize * block_bytes as usize;
                    places.push(start..start + piece.len());
                    piece.copy_from_slice(&disk[start..start + piece.len()]);
                    Ok(())
                });
                assert_eq!(done, Ok(()));
                assert!(buffer == disk[..bytes]);
                assert!(places.windows(2).all(|pair| pair[0].end == pair[1].start), "{places:?}");
            }
        }
    }

    #[test]
    fn a_read_that_fails_is_passed_on_and_is_the_last() {
        let failure = Refusal::DiskRead { block: 2048, status: FirmwareStatus(7) };
        let geometry = Geometry { block_bytes: 512, last_block: 100_000 };
        let mut reads = 0;
        let found = geometry.read(&mut vec![0; 3 * CHUNK_BYTES], |block, _| {
            reads += 1;
            if block == 2048 { Err(failure.clone()) } else { Ok(()) }
        });
        assert_eq!((found, reads), (Err(failure.clone()), 2));
    }

    #[test]
    fn a_disk_must_have_the_right_blocks_and_hold_the_image() {
        let check = |block_bytes, last_block| Geometry { block_bytes, last_block }.check(4096);
        assert_eq!(check(512, 7), Ok(()));
        assert_eq!(check(512, u64::MAX), Ok(()));
        assert_eq!(check(2048, 1), Ok(()));
        assert_eq!(check(512, 6), Err(Refusal::DiskTooShort { expected: 4096, found: 3584 }));
        assert_eq!(check(2048, 0), Err(Refusal::DiskTooShort { expected: 4096, found: 2048 }));
        for block_bytes in [0, 1, 1024, 4096] {
            assert_eq!(check(block_bytes, 100), Err(Refusal::BlockSize { found: block_bytes }));
        }
    }
}
