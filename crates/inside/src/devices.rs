//! The connections to all devices, and when they begin.

use alloc::vec::Vec;

use noreturn_collect::Now;
use noreturn_image_format::config::modbus::Device;

use crate::device_connection::DeviceConnection;
use crate::stack::Stack;

/// Without a link on the inside card devices are not asked for so long after the start: nobody could answer, so
/// nobody would be down.
const LINK_WAIT_US: u64 = 10_000_000;

/// A connection to each device, in the order of the configuration.
#[derive(Debug)]
pub struct Devices {
    /// Those that are not asked yet.
    waiting: Vec<Device>,
    connections: Vec<DeviceConnection>,
}

impl Devices {
    /// Devices that are not asked yet.
    #[must_use]
    pub const fn new(devices: Vec<Device>) -> Self {
        Self { waiting: devices, connections: Vec::new() }
    }

    /// Those that are asked: none before the card has a link, or 10 s have passed without.
    pub fn connections(
        &mut self,
        now: Now,
        link_up: impl FnOnce() -> bool,
        stack: &mut Stack,
    ) -> &mut [DeviceConnection] {
        if !self.waiting.is_empty() && (now.uptime_us >= LINK_WAIT_US || link_up()) {
            let devices = core::mem::take(&mut self.waiting).into_iter();
            self.connections = devices.map(|device| DeviceConnection::new(device, now, stack)).collect();
        }
        &mut self.connections
    }

    /// When one of them has something to do at the latest; 0 is at once.
    #[must_use]
    pub fn poll_at(&self) -> u64 {
        self.connections.iter().map(DeviceConnection::poll_at).min().unwrap_or(u64::MAX)
    }
}
