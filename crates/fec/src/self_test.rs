//! A block whose parity is known from elsewhere, for a program that starts.

use core::hint::black_box;

use crate::coefficients::Coefficients;
use crate::encode::Encoder;
use crate::geometry::Geometry;
use crate::multiply::Kernel;

/// A full block, made by another implementation.
#[derive(Clone, Copy, Debug)]
pub struct KnownBlock<'a> {
    /// The shape of its code.
    pub geometry: Geometry,
    /// Bytes of each shard; not zero.
    pub shard_bytes: usize,
    /// All data shards, then all parity shards, one behind the other.
    pub shards: &'a [u8],
}

impl KnownBlock<'_> {
    /// Whether the parity comes out as it is known, by every kernel that this machine can use, shard by shard and at once.
    #[must_use]
    pub fn is_encoded_right(&self) -> bool {
        let coefficients = alloc::sync::Arc::new(Coefficients::new(self.geometry));
        let encoder = |kernel| Encoder::with_kernel(coefficients.clone(), self.shard_bytes, kernel);
        Kernel::available().all(|kernel| self.is_right(&mut encoder(kernel)))
    }

    fn is_right(&self, encoder: &mut Encoder) -> bool {
        let data_bytes = usize::from(self.geometry.data()) * self.shard_bytes;
        let Some((data, parity)) = black_box(self.shards).split_at_checked(data_bytes) else { return false };
        let shards: alloc::vec::Vec<&[u8]> = data.chunks(self.shard_bytes).collect();
        let by_one =
            shards.iter().all(|shard| encoder.add(shard)) && is_parity(encoder, self.geometry, parity);
        by_one && encoder.encode(&shards) && is_parity(encoder, self.geometry, parity)
    }
}

fn is_parity(encoder: &Encoder, geometry: Geometry, parity: &[u8]) -> bool {
    let rows = (0..geometry.parity()).filter_map(|row| encoder.parity(row));
    rows.flatten().eq(parity)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use alloc::vec::Vec;

    use reed_solomon_erasure::galois_8::ReedSolomon;

    use super::*;

    const SHARD_BYTES: usize = 67;

    fn shards() -> Vec<u8> {
        let mut shards: Vec<Vec<u8>> =
            (0..12).map(|n| (0..SHARD_BYTES).map(|i| ((n + 1) * (i + 3) * 29) as u8).collect()).collect();
        ReedSolomon::new(5, 7).unwrap().encode(&mut shards).unwrap();
        shards.concat()
    }

    fn is_right(shards: &[u8]) -> bool {
        KnownBlock { geometry: Geometry::new(5, 7).unwrap(), shard_bytes: SHARD_BYTES, shards }
            .is_encoded_right()
    }

    /// Parity that is wrong by a bit is as if the code had made it so.
    #[test]
    fn every_bit_of_data_and_parity_counts() {
        let right = shards();
        assert!(is_right(&right));
        for bit in 0..right.len() * 8 {
            let mut wrong = right.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_right(&wrong), "bit {bit}");
        }
    }

    #[test]
    fn what_is_cut_or_longer_fails() {
        let right = shards();
        assert!(
            !is_right(&[]) && !is_right(&right[..5 * SHARD_BYTES]) && !is_right(&right[..right.len() - 1])
        );
        assert!(!is_right(&[&right[..], &[0]].concat()));
    }
}
