//! Losses that have been seen, each with the matrix that recovers them.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use crate::coefficients::Coefficients;
use crate::matrix::Matrix;

/// Patterns kept; of the largest code they take half a megabyte.
const PATTERNS_MAX: usize = 16;

#[derive(Default, Debug)]
struct Pattern {
    missing: Vec<u8>,
    rows: Vec<u8>,
    matrix: Matrix,
}

/// The last used patterns, the latest first.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Vec<Pattern>);

impl Patterns {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// What gives the data shards `missing` with the help of the parity shards `rows`.
    pub(crate) fn recovery(&mut self, coefficients: &Coefficients, missing: &[u8], rows: &[u8]) -> &Matrix {
        match self.0.iter().position(|pattern| pattern.missing == missing && pattern.rows == rows) {
            Some(index) => self.0[..=index].rotate_right(1),
            None => {
                self.make_room();
                self.0[0].fill(coefficients, missing, rows);
            }
        }
        &self.0[0].matrix
    }

    /// A place in front, for which the pattern that was not used for longest goes.
    fn make_room(&mut self) {
        if self.0.len() < PATTERNS_MAX {
            self.0.push(Pattern::default());
        }
        self.0.rotate_right(1);
    }
}

impl Pattern {
    fn fill(&mut self, coefficients: &Coefficients, missing: &[u8], rows: &[u8]) {
        missing.clone_into(&mut self.missing);
        rows.clone_into(&mut self.rows);
        coefficients.recovery(missing, rows, &mut self.matrix);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{PATTERNS_MAX, Patterns};
    use crate::coefficients::Coefficients;
    use crate::geometry::Geometry;
    use crate::matrix::Matrix;

    fn used_columns(matrix: &Matrix, missing: u8) -> Vec<&[u8]> {
        (0..41).filter(|&column| column != usize::from(missing)).map(|column| matrix.column(column)).collect()
    }

    #[test]
    fn the_latest_patterns_are_kept_and_no_more() {
        let coefficients = Coefficients::new(Geometry::new(40, 1).unwrap());
        let mut patterns = Patterns::new();
        for missing in 0..40 {
            let mut expected = Matrix::default();
            coefficients.recovery(&[missing], &[0], &mut expected);
            let kept = patterns.recovery(&coefficients, &[missing], &[0]);
            assert_eq!(used_columns(kept, missing), used_columns(&expected, missing));
            // The first stays in use, so it stays.
            patterns.recovery(&coefficients, &[0], &[0]);
        }
        assert_eq!(patterns.0.len(), PATTERNS_MAX);
        assert!(patterns.0.iter().any(|pattern| pattern.missing == [0]));
        assert!(patterns.0.iter().any(|pattern| pattern.missing == [39]));
    }
}
