//! What the box tells the inside network of itself. Nothing can be told to it.

use serde::{Deserialize, Serialize};

use super::{ConfigError, require};

/// The highest port that can be served: from the next on, the box makes connections of its own (RFC 6335, section 6).
pub const PORT_MAX: u16 = 49_151;

/// Where the state of the box can be read on the inside card; nothing listens for what is not there.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Status {
    /// TCP port of the Modbus registers, usually 502.
    pub modbus_port: Option<u16>,
    /// TCP port of the page, usually 80.
    pub http_port: Option<u16>,
}

impl Status {
    /// The TCP ports on which something listens.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        [self.modbus_port, self.http_port].into_iter().flatten()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { modbus_port, http_port } = *self;
        let is_valid = |port: Option<u16>| port.is_none_or(|port| (1..=PORT_MAX).contains(&port));
        require(&[
            (is_valid(modbus_port) && is_valid(http_port), "a port of the status is not 1 to 49151"),
            (modbus_port.is_none() || modbus_port != http_port, "both ports of the status are the same"),
        ])
    }
}
