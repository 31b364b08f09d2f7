//! The shape of a code: how many data shards, how many parity shards.

use core::fmt;

/// Shards of a block in all, at most: the number of points of GF(2^8).
pub const SHARDS_MAX: u16 = 256;

/// Data and parity shards of a full block; valid by construction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Geometry {
    data: u8,
    parity: u8,
}

/// A geometry that no code has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeometryError {
    /// No data shards.
    NoData,
    /// More than [`SHARDS_MAX`] shards in all.
    TooMany(u16),
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoData => f.write_str("a block needs at least one data shard"),
            Self::TooMany(n) => write!(f, "{n} shards in a block, at most {SHARDS_MAX} are possible"),
        }
    }
}

impl core::error::Error for GeometryError {}

impl Geometry {
    /// `data` data shards protected by `parity` parity shards.
    ///
    /// # Errors
    /// If there is no such code over GF(2^8).
    pub const fn new(data: u8, parity: u8) -> Result<Self, GeometryError> {
        let shards = data as u16 + parity as u16;
        if data == 0 {
            return Err(GeometryError::NoData);
        }
        if shards > SHARDS_MAX {
            return Err(GeometryError::TooMany(shards));
        }
        Ok(Self { data, parity })
    }

    /// Data shards of a full block.
    #[must_use]
    pub const fn data(self) -> u8 {
        self.data
    }

    /// Parity shards of a full block.
    #[must_use]
    pub const fn parity(self) -> u8 {
        self.parity
    }

    /// Parity shards for a block that was closed with `sent` data shards: the same share, rounded up.
    #[must_use]
    pub const fn parity_for(self, sent: u8) -> u8 {
        let share = (self.parity as u16 * sent as u16).div_ceil(self.data as u16);
        if share > self.parity as u16 { self.parity } else { share as u8 }
    }
}
