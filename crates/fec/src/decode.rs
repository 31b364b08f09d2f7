//! The decoder: what is missing, from what is there.

use alloc::vec::Vec;

use crate::coefficients::Coefficients;
use crate::geometry::Geometry;
use crate::multiply::{Before, Kernel, Term};
use crate::patterns::Patterns;
use crate::rows::Rows;

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

/// Recovers what is missing of one block after another. Losses of the same pattern cost less the second time.
#[derive(Debug)]
pub struct Decoder {
    coefficients: Coefficients,
    kernel: Kernel,
    patterns: Patterns,
    missing: Vec<u8>,
    /// Rows of the parity shards in use.
    rows: Vec<u8>,
    /// Where these are in [`Shards::parity`].
    places: Vec<usize>,
    recovered: Rows,
}

impl Decoder {
    /// A decoder for blocks of the geometry of `coefficients`.
    #[must_use]
    pub fn new(coefficients: Coefficients) -> Self {
        Self::with_kernel(coefficients, Kernel::best())
    }

    /// The same with a kernel of the caller's choice: what is recovered is the same.
    #[must_use]
    pub fn with_kernel(coefficients: Coefficients, kernel: Kernel) -> Self {
        Self {
            coefficients,
            kernel,
            patterns: Patterns::new(),
            missing: Vec::new(),
            rows: Vec::new(),
            places: Vec::new(),
            recovered: Rows::new(0, 0),
        }
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
    /// [`NotEnoughShards`] if it cannot; also when rows repeat, lie outside the geometry, or differ in length, or
    /// there are more data shards than the geometry has, because such parity is not usable.
    pub fn recover<'a>(
        &'a mut self,
        shards: &Shards<'_>,
    ) -> Result<impl ExactSizeIterator<Item = (u8, &'a [u8])> + use<'a>, NotEnoughShards> {
        let width = shards.parity.first().map_or(0, |(_, shard)| shard.len());
        self.find_missing(shards);
        self.choose_parity(shards, width);
        if self.places.len() < self.missing.len() {
            return Err(NotEnoughShards { missing: self.missing.len(), parity: self.places.len() });
        }
        if !self.missing.is_empty() {
            self.compute(shards, width);
        }
        let recovered = &self.recovered;
        Ok(self.missing.iter().enumerate().map(move |(row, &index)| {
            (index, recovered.row(row).and_then(|shard| shard.get(..width)).unwrap_or_default())
        }))
    }

    fn find_missing(&mut self, shards: &Shards<'_>) {
        let missing = shards.data.iter().enumerate().filter(|(_, shard)| shard.is_none());
        self.missing.clear();
        self.missing.extend(missing.filter_map(|(index, _)| u8::try_from(index).ok()));
    }

    /// The first parity shards, as many as are missing, with rows of their own and one length that covers the data.
    fn choose_parity(&mut self, shards: &Shards<'_>, width: usize) {
        self.rows.clear();
        self.places.clear();
        let geometry = self.coefficients.geometry();
        let too_many = shards.data.len() > usize::from(geometry.data());
        if too_many || shards.data.iter().flatten().any(|shard| shard.len() > width) {
            return;
        }
        for (place, &(row, shard)) in shards.parity.iter().enumerate() {
            if self.rows.len() == self.missing.len() {
                break;
            }
            if row < geometry.parity() && shard.len() == width && !self.rows.contains(&row) {
                self.rows.push(row);
                self.places.push(place);
            }
        }
    }

    fn compute(&mut self, shards: &Shards<'_>, width: usize) {
        let matrix = self.patterns.recovery(&self.coefficients, &self.missing, &self.rows);
        let data = (0..).zip(shards.data).filter_map(|(column, shard)| Some((column, (*shard)?)));
        let first_parity = usize::from(self.coefficients.geometry().data());
        let parity = (first_parity..).zip(self.places.iter().map(|&place| shards.parity[place].1));
        let terms =
            data.chain(parity).map(|(column, source)| Term { factors: matrix.column(column), source });
        self.recovered.reshape(self.missing.len(), width);
        self.kernel.sum(&mut self.recovered, width, Before::Forget, terms);
    }
}
