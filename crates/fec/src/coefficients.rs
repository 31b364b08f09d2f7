//! The generator of the code and, after a loss, what recovers it, both by Lagrange interpolation.
//!
//! The shards of a block are values of one polynomial of degree below k, byte for byte: shard i is its value at the
//! point i of GF(2^8), data shards at 0 to k − 1, parity shards at k to k + m − 1. (That is the matrix of the reference:
//! a Vandermonde matrix times the inverse of its square top.) So any k shards give any other: its value at x is
//! the sum over the points p that are there of `shard[p] · Π (x − q) / (p − q)`, q being the other points.

use crate::field::Logarithm;
use crate::geometry::Geometry;
use crate::matrix::Matrix;
use alloc::vec::Vec;

/// The factors that turn data shards into parity shards: `parity[r] = Σ factor(r, c) · data[c]`.
#[derive(Clone, Debug)]
pub struct Coefficients {
    geometry: Geometry,
    generator: Matrix,
    /// Of every point of the field: the product of its differences from all data points but itself.
    data_differences: Vec<Logarithm>,
}

impl Coefficients {
    /// The factors for `geometry`; costs about data times all shards, so keep them.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        let (data, parity) = (geometry.data(), geometry.parity());
        let data_differences: Vec<Logarithm> =
            (0..=u8::MAX).map(|point| Logarithm::of_differences(point, 0..data)).collect();
        let mut generator = Matrix::default();
        generator.reshape(parity.into(), data.into());
        for column in 0..data {
            let inverse = Logarithm::ONE.divided_by(data_differences[usize::from(column)]);
            let points = (usize::from(data)..).map(|point| point as u8);
            for (factor, point) in generator.column_mut(column.into()).iter_mut().zip(points) {
                *factor =
                    data_differences[usize::from(point)].element_over_difference(inverse, point, column);
            }
        }
        Self { geometry, generator, data_differences }
    }

    /// The point of parity shard `row`, which is below 256 in every geometry.
    fn point(&self, row: u8) -> u8 {
        self.geometry.data().wrapping_add(row)
    }

    /// The geometry that these belong to.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Factor of data shard `column` in parity shard `row`; 0 outside the matrix.
    #[must_use]
    pub fn factor(&self, row: u8, column: u8) -> u8 {
        self.column(column).get(usize::from(row)).copied().unwrap_or(0)
    }

    /// Factors of data shard `column` in all parity shards.
    pub(crate) fn column(&self, column: u8) -> &[u8] {
        self.generator.column(column.into())
    }

    /// Writes what gives the data shards `missing` from all others (column = their index) and from as many parity
    /// shards `rows` (columns k and up, in their order). Both without repetition, both within the geometry. Columns
    /// of missing shards are left as they are.
    pub(crate) fn recovery(&self, missing: &[u8], rows: &[u8], matrix: &mut Matrix) {
        debug_assert_eq!(missing.len(), rows.len());
        let data = self.geometry.data();
        matrix.reshape(missing.len(), usize::from(data) + rows.len());
        let parity = || rows.iter().map(|&row| self.point(row));
        // Of any point: the product of its differences from all points that are there: the data points without those
        // missing, and the points of the parity shards.
        let present = |x: u8| {
            self.data_differences[usize::from(x)]
                .divided_by(Logarithm::of_differences(x, missing.iter().copied()))
                .times(Logarithm::of_differences(x, parity()))
        };
        let numerators: Vec<Logarithm> = missing.iter().map(|&point| present(point)).collect();
        let points =
            (0..data).filter(|point| !missing.contains(point)).map(|point| (usize::from(point), point));
        for (column, point) in points.chain((usize::from(data)..).zip(parity())) {
            let inverse = Logarithm::ONE.divided_by(present(point));
            for ((factor, &wanted), numerator) in
                matrix.column_mut(column).iter_mut().zip(missing).zip(&numerators)
            {
                *factor = numerator.element_over_difference(inverse, wanted, point);
            }
        }
    }
}
