//! The decoder: what is missing, from what is there.

use alloc::vec;
use alloc::vec::Vec;

use reed_solomon_erasure::galois_8::{div, mul, mul_slice, mul_slice_xor};

use crate::coefficients::Coefficients;
use crate::geometry::Geometry;

/// What arrived of one block.
#[derive(Debug)]
pub struct Shards<'a> {
    /// Data shards in order, `None` where missing; as many as the block was closed with.
    pub data: &'a [Option<&'a [u8]>],
    /// Parity shards with their row, in any order; all of the same length.
    pub parity: &'a [(u8, &'a [u8])],
}

/// More is missing than parity arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotEnoughShards {
    /// Data shards missing.
    pub missing: usize,
    /// Usable parity shards.
    pub parity: usize,
}

/// Recovers what is missing of one block after another. Losses of the same shape cost less the second time.
#[derive(Debug)]
pub struct Decoder {
    coefficients: Coefficients,
    recovered: Vec<(u8, Vec<u8>)>,
}

impl Decoder {
    /// A decoder for blocks of the geometry of `coefficients`.
    #[must_use]
    pub const fn new(coefficients: Coefficients) -> Self {
        Self { coefficients, recovered: Vec::new() }
    }

    /// The geometry of its blocks.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.coefficients.geometry()
    }

    /// Recovers every missing data shard: its index, and its bytes, as long as the parity shards and ending in
    /// zeros. They are the decoder's until the next block.
    ///
    /// # Errors
    /// [`NotEnoughShards`] if it cannot; also when rows repeat, lie outside the geometry, or differ in length,
    /// because such parity is not usable.
    pub fn recover<'a>(
        &'a mut self,
        shards: &Shards<'_>,
    ) -> Result<impl ExactSizeIterator<Item = (u8, &'a [u8])> + use<'a>, NotEnoughShards> {
        self.recovered = recover(&self.coefficients, shards)?;
        Ok(self.recovered.iter().map(|(index, shard)| (*index, &shard[..])))
    }
}

fn recover(coefficients: &Coefficients, shards: &Shards<'_>) -> Result<Vec<(u8, Vec<u8>)>, NotEnoughShards> {
    let missing: Vec<u8> =
        (0..).zip(shards.data).filter(|(_, shard)| shard.is_none()).map(|(index, _)| index).collect();
    let parity = usable_parity(coefficients, shards, missing.len());
    let not_enough = NotEnoughShards { missing: missing.len(), parity: parity.len() };
    if parity.len() < missing.len() {
        return Err(not_enough);
    }
    let inverse = invert(coefficients, &parity, &missing).ok_or(not_enough)?;
    let syndromes: Vec<Vec<u8>> =
        parity.iter().map(|(row, shard)| syndrome(coefficients, *row, shard, shards.data)).collect();
    Ok(missing.iter().zip(inverse).map(|(&index, factors)| (index, combine(&factors, &syndromes))).collect())
}

/// The first `wanted` parity shards with rows of their own and one length that covers the data.
fn usable_parity<'a>(coefficients: &Coefficients, shards: &Shards<'a>, wanted: usize) -> Vec<(u8, &'a [u8])> {
    let width = shards.parity.first().map_or(0, |(_, shard)| shard.len());
    if shards.data.iter().flatten().any(|shard| shard.len() > width) {
        return Vec::new();
    }
    let mut usable: Vec<(u8, &[u8])> = Vec::with_capacity(wanted);
    for &(row, shard) in shards.parity {
        let fresh = !usable.iter().any(|(seen, _)| *seen == row);
        let fits = row < coefficients.geometry().parity() && shard.len() == width;
        if fresh && fits && usable.len() < wanted {
            usable.push((row, shard));
        }
    }
    usable
}

/// What a parity shard says about the missing shards alone: itself minus the part of those that are there.
fn syndrome(coefficients: &Coefficients, row: u8, parity: &[u8], data: &[Option<&[u8]>]) -> Vec<u8> {
    let mut sum = parity.to_vec();
    for (column, shard) in (0..).zip(data) {
        if let Some(shard) = shard {
            mul_slice_xor(coefficients.factor(row, column), shard, &mut sum[..shard.len()]);
        }
    }
    sum
}

fn combine(factors: &[u8], syndromes: &[Vec<u8>]) -> Vec<u8> {
    let mut shard = vec![0; syndromes.first().map_or(0, Vec::len)];
    for (index, (&factor, syndrome)) in factors.iter().zip(syndromes).enumerate() {
        if index == 0 {
            mul_slice(factor, syndrome, &mut shard);
        } else {
            mul_slice_xor(factor, syndrome, &mut shard);
        }
    }
    shard
}

/// Gauss–Jordan over the square part of the matrix that joins `parity` rows and `missing` columns.
///
/// Every such part of a systematic MDS matrix is invertible, so `None` means a programming error only.
fn invert(coefficients: &Coefficients, parity: &[(u8, &[u8])], missing: &[u8]) -> Option<Vec<Vec<u8>>> {
    let size = missing.len();
    let mut rows: Vec<Vec<u8>> = (0..size)
        .map(|i| {
            let left = missing.iter().map(|&column| coefficients.factor(parity[i].0, column));
            left.chain((0..size).map(|j| u8::from(i == j))).collect()
        })
        .collect();
    for pivot in 0..size {
        let from = (pivot..size).find(|&row| rows[row][pivot] != 0)?;
        rows.swap(pivot, from);
        let scale = div(1, rows[pivot][pivot]);
        rows[pivot].iter_mut().for_each(|value| *value = mul(*value, scale));
        let source = rows[pivot].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            if index != pivot {
                mul_slice_xor(row[pivot], &source, row);
            }
        }
    }
    Some(rows.into_iter().map(|mut row| row.split_off(size)).collect())
}
