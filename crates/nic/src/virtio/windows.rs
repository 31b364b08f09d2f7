//! Where the card's register windows are: its vendor-specific capabilities (VIRTIO 1.2, 4.1.4).

use crate::error::StartError;
use crate::pci::{ConfigSpace, Function};
use crate::platform::Platform;

const CAPABILITY_VENDOR_SPECIFIC: u8 = 9;
const KIND_COMMON: u8 = 1;
const KIND_NOTIFY: u8 = 2;
const KIND_DEVICE: u8 = 4;

/// Bytes of the common window that version 1 defines.
const COMMON_BYTES: u32 = 56;
/// Bytes of the network device's own window that we read: address and status.
const DEVICE_BYTES: u32 = 8;
/// The notify window is as long as the card likes; no card needs more than this.
const NOTIFY_BYTES_MAX: u32 = 1 << 20;

/// A piece of the card's registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    physical: u64,
    bytes: usize,
}

impl Window {
    /// Length in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where it starts.
    pub(super) fn physical(&self) -> u64 {
        self.physical
    }

    /// Maps the window.
    pub(super) fn map<P: Platform>(&self, platform: &mut P) -> Result<P::Registers, StartError> {
        let Self { physical, bytes } = *self;
        platform.map_registers(physical, bytes).ok_or(StartError::NotMapped { physical, bytes })
    }
}

/// The windows that the drivers use, each inside its base address register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Windows {
    /// Initialisation, and the set-up of queues.
    pub(super) common: Window,
    /// Doorbells.
    pub(super) notify: Window,
    /// Bytes between two doorbells.
    pub(super) notify_multiplier: u32,
    /// Address and link state.
    pub(super) device: Window,
}

impl Windows {
    /// Reads the capability list of a card that is silent.
    pub(super) fn find<P: Platform>(platform: &mut P, function: &Function) -> Result<Self, StartError> {
        let notify = find_kind(platform, function, KIND_NOTIFY, "virtio notify capability")?;
        let common = find_kind(platform, function, KIND_COMMON, "modern virtio interface")?;
        let device = find_kind(platform, function, KIND_DEVICE, "virtio device capability")?;
        Ok(Self {
            common: common.window(platform, function, COMMON_BYTES, COMMON_BYTES)?,
            notify: notify.window(platform, function, 2, NOTIFY_BYTES_MAX)?,
            notify_multiplier: notify.extra,
            device: device.window(platform, function, DEVICE_BYTES, DEVICE_BYTES)?,
        })
    }
}

/// A capability as the card states it: an allegation.
#[derive(Clone, Copy)]
struct Alleged {
    kind: u8,
    bar: u8,
    offset: u32,
    bytes: u32,
    extra: u32,
}

impl Alleged {
    /// Reads `virtio_pci_cap` at an offset of the configuration space, if all of it fits there.
    fn read<C: ConfigSpace>(config: &C, function: &Function, offset: u8) -> Option<Self> {
        let word = |index: u8| Some(config.read(function.address, offset.checked_add(4 * index)?));
        let [header, bar, start, bytes] = [word(0)?, word(1)?, word(2)?, word(3)?];
        let extra = word(4).unwrap_or(0);
        Some(Self { kind: (header >> 24) as u8, bar: bar as u8, offset: start, bytes, extra })
    }

    /// Checks the window against its base address register and takes at most `bytes_max` of it.
    fn window<P: Platform>(
        &self,
        platform: &mut P,
        function: &Function,
        bytes_min: u32,
        bytes_max: u32,
    ) -> Result<Window, StartError> {
        let (address, index) = (function.address, self.bar);
        let bar = function.memory_bar(platform, index).map_err(|error| StartError::Bar {
            address,
            index,
            error,
        })?;
        let end = u64::from(self.offset) + u64::from(self.bytes);
        if self.bytes < bytes_min || end > bar.bytes || !self.offset.is_multiple_of(4) {
            return Err(StartError::Missing { address, what: "usable virtio register window" });
        }
        let bytes = self.bytes.min(bytes_max) as usize;
        Ok(Window { physical: bar.physical + u64::from(self.offset), bytes })
    }
}

/// Where the device's own window of a card is that nobody has silenced yet, by what card and firmware wrote down alone. How long the
/// base address register's window is cannot be read, so it is taken to be no longer than any hypervisor makes it.
pub(crate) fn device_window_place<C: ConfigSpace>(config: &C, function: &Function) -> Option<u64> {
    const BAR_BYTES_MAX: u32 = 1 << 20;
    let alleged = find_kind(config, function, KIND_DEVICE, "").ok()?;
    let (physical, _) = function.bar_start(config, alleged.bar).ok()?;
    let fits = alleged.offset <= BAR_BYTES_MAX - DEVICE_BYTES && alleged.offset.is_multiple_of(4);
    (fits && physical != 0).then(|| physical.checked_add(alleged.offset.into()))?
}

/// The first capability of a kind, which is the one that the card prefers.
fn find_kind<C: ConfigSpace>(
    config: &C,
    function: &Function,
    kind: u8,
    what: &'static str,
) -> Result<Alleged, StartError> {
    function
        .capabilities(config)
        .filter(|capability| capability.id == CAPABILITY_VENDOR_SPECIFIC)
        .filter_map(|capability| Alleged::read(config, function, capability.offset))
        .find(|alleged| alleged.kind == kind)
        .ok_or(StartError::Missing { address: function.address, what })
}
