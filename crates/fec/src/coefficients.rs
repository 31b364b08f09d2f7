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
    /// Of every point: the product of its differences from all data points but itself.
    data_differences: Vec<Logarithm>,
}

impl Coefficients {
    /// The factors for `geometry`; costs about data times all shards, so keep them.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        let (data, parity) = (geometry.data(), geometry.parity());
        let data_differences = (0..usize::from(data) + usize::from(parity))
            .map(|point| {
                Logarithm::of_differences(point as u8, (0..data).filter(|&q| usize::from(q) != point))
            })
            .collect();
        let mut coefficients =
            Self { geometry, generator: Matrix::new(parity.into(), data.into()), data_differences };
        for column in 0..data {
            for row in 0..parity {
                let factor = coefficients.lagrange(row, column).element();
                coefficients.generator.column_mut(column.into())[usize::from(row)] = factor;
            }
        }
        coefficients
    }

    fn lagrange(&self, row: u8, column: u8) -> Logarithm {
        let point = self.point(row);
        self.data_differences[usize::from(point)]
            .divided_by(Logarithm::of(point ^ column))
            .divided_by(self.data_differences[usize::from(column)])
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

    /// What gives the data shards `missing` from all others (column = their index) and from as many parity
    /// shards `rows` (columns k and up, in their order). Both without repetition, both within the geometry.
    pub(crate) fn recovery(&self, missing: &[u8], rows: &[u8]) -> Matrix {
        debug_assert_eq!(missing.len(), rows.len());
        let data = self.geometry.data();
        let mut matrix = Matrix::new(missing.len(), usize::from(data) + rows.len());
        let points: Vec<u8> = rows.iter().map(|&row| self.point(row)).collect();
        // Of a missing point: the product of its differences from all points that are there.
        let numerators: Vec<Logarithm> =
            missing.iter().map(|&point| self.present_differences(point, missing, &points)).collect();
        let present =
            (0..data).filter(|point| !missing.contains(point)).map(|point| (usize::from(point), point));
        for (column, point) in present.chain((usize::from(data)..).zip(points.iter().copied())) {
            let denominator = self.present_differences(point, missing, &points);
            let column = matrix.column_mut(column);
            for ((factor, &wanted), numerator) in column.iter_mut().zip(missing).zip(&numerators) {
                let quotient = numerator.divided_by(Logarithm::of(wanted ^ point)).divided_by(denominator);
                *factor = quotient.element();
            }
        }
        matrix
    }

    /// The product of the differences of `x` from all points that are there, but itself: all data
    /// points without those `missing`, and the points of the parity shards.
    fn present_differences(&self, x: u8, missing: &[u8], parity: &[u8]) -> Logarithm {
        let others = |points: &[u8]| Logarithm::of_differences(x, points.iter().copied().filter(|&q| q != x));
        self.data_differences[usize::from(x)].divided_by(others(missing)).times(others(parity))
    }
}
