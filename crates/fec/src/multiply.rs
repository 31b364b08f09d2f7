//! Sums of products, which is all that a code does to shards: `row[r] = Σ factor[r] · source`, over many sources.

mod portable;
mod tables;
#[cfg(test)]
mod tests;
/// Elsewhere there is no assembly.
#[cfg_attr(
    not(all(target_arch = "x86_64", any(target_os = "linux", target_os = "none"))),
    path = "multiply/no_vectors.rs"
)]
mod x86;

use core::fmt;

use crate::rows::{BLOCK_BYTES, Rows};

/// Sources that are added in one pass: as many kilobytes as stay in the nearest cache while all rows take them.
const TERMS_MAX: usize = 16;

/// One source, with a factor for every row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term<'a> {
    pub(crate) factors: &'a [u8],
    /// Counts as ending in zeros.
    pub(crate) source: &'a [u8],
}

/// What happens to what was in the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Before {
    Forget,
    Add,
}

/// The instructions that multiply. One can only be had where the processor and its system support it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Option<x86::Set>);

impl Kernel {
    /// Runs everywhere.
    pub const PORTABLE: Self = Self(None);

    /// All that this machine can use, the fastest first, the portable one last.
    pub fn available() -> impl Iterator<Item = Self> {
        x86::Set::available().map(|set| Self(Some(set))).chain([Self::PORTABLE])
    }

    /// The fastest that this machine can use. Asks the processor, so keep it.
    #[must_use]
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self::PORTABLE)
    }

    /// Its name, as in the documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Some(set) => set.name(),
            None => "portable",
        }
    }

    /// Puts the sum of all terms into the first `width` bytes of every row, or adds it to them. Rows may change up to
    /// the next multiple of [`BLOCK_BYTES`]: what was zero or is forgotten is zero there. No source
    /// may be longer than `width`.
    pub(crate) fn sum<'a>(
        self,
        rows: &mut Rows,
        width: usize,
        before: Before,
        terms: impl IntoIterator<Item = Term<'a>>,
    ) {
        let mut before = before;
        let mut some = [Term { factors: &[], source: &[] }; TERMS_MAX];
        let mut count = 0;
        terms.into_iter().for_each(|term| {
            some[count] = term;
            count += 1;
            if count == TERMS_MAX {
                self.sum_some(rows, width, before, &some);
                (before, count) = (Before::Add, 0);
            }
        });
        if count > 0 {
            self.sum_some(rows, width, before, &some[..count]);
        } else if before == Before::Forget {
            rows.clear(0..width);
        }
    }

    /// The same for at least one and at most [`TERMS_MAX`] terms.
    pub(crate) fn sum_some(self, rows: &mut Rows, width: usize, before: Before, terms: &[Term<'_>]) {
        if rows.count() == 0 {
            return;
        }
        match self.0 {
            Some(set) => sum_in_blocks(set, rows, width, before, terms),
            None => portable::sum(rows, width, before, terms),
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whole blocks that every source has are read where they lie; of the rest, a copy that ends in zeros.
fn sum_in_blocks(set: x86::Set, rows: &mut Rows, width: usize, before: Before, terms: &[Term<'_>]) {
    let shortest = terms.iter().map(|term| term.source.len()).min().unwrap_or(0);
    let whole = shortest - shortest % BLOCK_BYTES;
    if whole > 0 {
        let (count, stride) = (rows.count(), rows.stride());
        set.sum(rows.bytes_mut(), (count, stride, whole), before, terms);
    }
    for offset in (whole..width).step_by(BLOCK_BYTES) {
        match terms {
            // The encoder's case is worth avoiding room for more.
            [_] => sum_copies::<1>(set, rows, offset, before, terms),
            _ => sum_copies::<TERMS_MAX>(set, rows, offset, before, terms),
        }
    }
}

fn sum_copies<const MAX: usize>(
    set: x86::Set,
    rows: &mut Rows,
    offset: usize,
    before: Before,
    terms: &[Term<'_>],
) {
    let mut copies = [[0; BLOCK_BYTES]; MAX];
    let mut padded = [Term { factors: &[], source: &[] }; MAX];
    for ((copy, padded), term) in copies.iter_mut().zip(&mut padded).zip(terms) {
        let rest = term.source.get(offset..).unwrap_or_default();
        let length = rest.len().min(BLOCK_BYTES);
        copy[..length].copy_from_slice(&rest[..length]);
        *padded = Term { factors: term.factors, source: copy };
    }
    let (count, stride) = (rows.count(), rows.stride());
    set.sum(&mut rows.bytes_mut()[offset..], (count, stride, BLOCK_BYTES), before, &padded[..terms.len()]);
}
