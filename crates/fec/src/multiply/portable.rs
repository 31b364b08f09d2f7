//! Multiplication by table, one byte at a time, on any machine.

use super::tables::NIBBLES;
use super::{Before, Term};
use crate::rows::Rows;

pub(super) fn sum(rows: &mut Rows, width: usize, before: Before, terms: &[Term<'_>]) {
    if before == Before::Forget {
        rows.clear(0..width);
    }
    let stride = rows.stride().max(1);
    for (index, row) in rows.bytes_mut().chunks_exact_mut(stride).enumerate() {
        for term in terms {
            add_product(&products(term.factors[index]), term.source, row);
        }
    }
}

/// The products of every byte, from those of its low and of its high half.
fn products(factor: u8) -> [u8; 256] {
    let (low, high) = NIBBLES[usize::from(factor)].split_at(16);
    let mut products = [0; 256];
    for (sixteen, high) in products.chunks_exact_mut(16).zip(high) {
        for (product, low) in sixteen.iter_mut().zip(low) {
            *product = low ^ high;
        }
    }
    products
}

fn add_product(products: &[u8; 256], source: &[u8], row: &mut [u8]) {
    for (sum, byte) in row.iter_mut().zip(source) {
        *sum ^= products[usize::from(*byte)];
    }
}
