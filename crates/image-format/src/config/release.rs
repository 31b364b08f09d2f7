//! Which image of this diode an image is, and which ones it puts out of use.

use serde::{Deserialize, Serialize};

use super::{ConfigError, require};

/// The number of an image, by which an older one is told from a newer one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Release {
    /// Goes up with every image that the owner makes for this diode; 0 if the owner does not count.
    pub version: u32,
    /// Images below this version are not to be started any more, once this one has been.
    pub floor: u32,
}

impl Release {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        require(&[(self.floor <= self.version, "the image's version is below its own floor")])
    }
}
