//! Losses that have been seen, each with the matrix that recovers them.

use alloc::vec::Vec;

use crate::coefficients::Coefficients;
use crate::matrix::Matrix;

/// Patterns kept; of the largest code they take half a megabyte.
const PATTERNS_MAX: usize = 16;

#[derive(Debug)]
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
                self.0.truncate(PATTERNS_MAX - 1);
                let matrix = coefficients.recovery(missing, rows);
                self.0.insert(0, Pattern { missing: missing.to_vec(), rows: rows.to_vec(), matrix });
            }
        }
        &self.0[0].matrix
    }
}

#[cfg(test)]
mod tests {
    use super::{PATTERNS_MAX, Patterns};
    use crate::coefficients::Coefficients;
    use crate::geometry::Geometry;

    #[test]
    fn the_latest_patterns_are_kept_and_no_more() {
        let coefficients = Coefficients::new(Geometry::new(40, 1).unwrap());
        let mut patterns = Patterns::new();
        for missing in 0..40 {
            let matrix = patterns.recovery(&coefficients, &[missing], &[0]).clone();
            assert_eq!(matrix, coefficients.recovery(&[missing], &[0]));
            // The first stays in use, so it stays.
            assert_eq!(*patterns.recovery(&coefficients, &[0], &[0]), coefficients.recovery(&[0], &[0]));
        }
        assert_eq!(patterns.0.len(), PATTERNS_MAX);
        assert!(patterns.0.iter().any(|pattern| pattern.missing == [0]));
        assert!(patterns.0.iter().any(|pattern| pattern.missing == [39]));
    }
}
