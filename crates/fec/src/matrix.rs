//! A matrix of factors, column by column: a column belongs to one source and has a factor for every row.

use alloc::vec::Vec;

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Matrix {
    rows: usize,
    factors: Vec<u8>,
}

impl Matrix {
    /// Gives it this shape and whatever factors; takes new memory only to grow.
    pub(crate) fn reshape(&mut self, rows: usize, columns: usize) {
        self.rows = rows;
        self.factors.resize(rows * columns, 0);
    }

    /// One factor a row; empty if there is no such column.
    pub(crate) fn column(&self, column: usize) -> &[u8] {
        self.factors.get(column * self.rows..(column + 1) * self.rows).unwrap_or_default()
    }

    /// The same, to be filled.
    pub(crate) fn column_mut(&mut self, column: usize) -> &mut [u8] {
        self.factors.get_mut(column * self.rows..(column + 1) * self.rows).unwrap_or_default()
    }
}
