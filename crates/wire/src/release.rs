//! Which image of the diode runs, by its own number, and what keeps older ones from being started.

use serde::{Deserialize, Serialize};

/// The image's number. The default is that nobody counts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Release {
    /// Version of the image; 0 if the owner does not count.
    pub version: u32,
    /// Images below this version are not to be started any more.
    pub floor: u32,
    /// Whether the machine sees to that.
    pub memory: FloorMemory,
}

/// What the machine remembers of floors, by its TPM.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FloorMemory {
    /// Nothing: it has no TPM 2.0.
    #[default]
    None,
    /// The highest floor of any image that has run here; 0 if none had one.
    Kept(u32),
    /// Nothing: the TPM refused, with this response code (TPM 2.0 Library, part 2, section 6.6).
    Failed(u32),
}

impl FloorMemory {
    /// Name in lower case, as everything that tells it writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Kept(_) => "kept",
            Self::Failed(_) => "failed",
        }
    }
}
