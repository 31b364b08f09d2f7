//! The parity part of the generator matrix, read off the reference implementation.

use alloc::vec;
use alloc::vec::Vec;

use reed_solomon_erasure::galois_8::ReedSolomon;

use crate::geometry::Geometry;

/// The factors that turn data shards into parity shards: `parity[r] = Σ factor(r, c) · data[c]`.
#[derive(Clone, Debug)]
pub struct Coefficients {
    geometry: Geometry,
    rows: Vec<u8>,
}

impl Coefficients {
    /// The factors for `geometry`; costs about the cube of its data shards, so keep them.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        let (data, parity) = (usize::from(geometry.data()), usize::from(geometry.parity()));
        let mut rows = vec![0; data * parity];
        // A code without parity has no factors, and the reference refuses it.
        if let Ok(reference) = ReedSolomon::new(data, parity) {
            for column in 0..data {
                read_column(&reference, column, data, &mut rows);
            }
        }
        Self { geometry, rows }
    }

    /// The geometry that these belong to.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Factor of data shard `column` in parity shard `row`; 0 outside the matrix.
    #[must_use]
    pub fn factor(&self, row: u8, column: u8) -> u8 {
        let (row, column, data) = (usize::from(row), usize::from(column), usize::from(self.geometry.data()));
        if column >= data {
            return 0;
        }
        self.rows.get(row * data + column).copied().unwrap_or(0)
    }
}

/// The parity of a unit vector is one column of the matrix.
fn read_column(reference: &ReedSolomon, column: usize, data: usize, rows: &mut [u8]) {
    let mut parity = vec![[0_u8; 1]; reference.parity_shard_count()];
    // The shapes are right by construction; an error would leave zeros, which the tests would see.
    let _ = reference.encode_single_sep(column, &[1_u8], &mut parity);
    for (row, [factor]) in parity.iter().enumerate() {
        rows[row * data + column] = *factor;
    }
}
