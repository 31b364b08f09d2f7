//! PCI functions: finding them, switching them off and on, where their registers are.
//!
//! Sources: PCI Local Bus Specification 3.0, chapter 6; PCI Express Base Specification, 7.5.

use core::fmt;

/// Where a function is, as `lspci` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PciAddress {
    /// Bus.
    pub bus: u8,
    /// Device, 0 to 31.
    pub device: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus, self.device, self.function)
    }
}

/// The first 256 bytes of every function's configuration space.
pub trait ConfigSpace {
    /// Reads 32 bits at `offset`, a multiple of 4; all ones if nothing answers.
    fn read(&self, address: PciAddress, offset: u8) -> u32;
    /// Writes 32 bits at `offset`, a multiple of 4.
    fn write(&mut self, address: PciAddress, offset: u8, value: u32);
}

const IDS: u8 = 0x00;
const COMMAND_AND_STATUS: u8 = 0x04;
const CLASS: u8 = 0x08;
const HEADER_TYPE: u8 = 0x0c;
const BARS: u8 = 0x10;
const CAPABILITIES: u8 = 0x34;

const COMMAND_MASK: u32 = 0xffff;
const COMMAND_IO: u32 = 1 << 0;
const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_BUS_MASTER: u32 = 1 << 2;
const COMMAND_INTX_DISABLE: u32 = 1 << 10;
const STATUS_CAPABILITIES: u32 = 1 << (16 + 4);

const CLASS_NETWORK: u8 = 0x02;
/// Base class and subclass of bridges to the processor (host bridges) and to ISA (PCI Local Bus Specification 3.0, appendix D).
const WIRING_CLASSES: [u16; 2] = [0x0600, 0x0601];
const HEADER_TYPE_MASK: u32 = 0x7f << 16;
const HEADER_TYPE_BRIDGE: u32 = 1 << 16;
/// Of a bridge: primary, secondary and subordinate bus.
const BRIDGE_BUSES: u8 = 0x18;

/// Message signalled interrupts (6.8.1.3), and the same with a table (6.8.2.3): the identifier of the capability, and what enables
/// it in its first 32 bits.
const MESSAGE_INTERRUPTS: [(u8, u32); 2] = [(0x05, 1 << 16), (0x11, 1 << 31)];
/// More capabilities than fit into the configuration space: a list this long has a loop.
const CAPABILITIES_MAX: usize = 48;

/// A function that answered, and what it says it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function {
    /// Where it is.
    pub address: PciAddress,
    /// Vendor.
    pub vendor: u16,
    /// Device, in the vendor's numbering.
    pub device: u16,
    /// Base class; 2 is a network controller.
    pub class: u8,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:04x}:{:04x})", self.address, self.vendor, self.device)
    }
}

impl Function {
    /// The function at an address, if one answers.
    #[must_use]
    pub fn at<C: ConfigSpace>(config: &C, address: PciAddress) -> Option<Self> {
        let ids = config.read(address, IDS);
        let (vendor, device) = (ids as u16, (ids >> 16) as u16);
        let class = (config.read(address, CLASS) >> 24) as u8;
        (vendor != 0xffff).then_some(Self { address, vendor, device, class })
    }

    /// Whether it says it is a network controller.
    #[must_use]
    pub fn is_network(&self) -> bool {
        self.class == CLASS_NETWORK
    }

    /// Whether it only joins the chipset's own buses: a bridge to the processor or to ISA, without a bridge's header.
    pub(crate) fn is_wiring<C: ConfigSpace>(&self, config: &C) -> bool {
        let class = (config.read(self.address, CLASS) >> 16) as u16;
        WIRING_CLASSES.contains(&class) && !self.has_bridge_header(config)
    }

    /// Whether it has a bus behind it.
    pub(crate) fn has_bridge_header<C: ConfigSpace>(&self, config: &C) -> bool {
        config.read(self.address, HEADER_TYPE) & HEADER_TYPE_MASK == HEADER_TYPE_BRIDGE
    }

    /// Whether `other` lies behind it.
    pub(crate) fn leads_to<C: ConfigSpace>(&self, config: &C, other: PciAddress) -> bool {
        let [_, secondary, subordinate, _] = config.read(self.address, BRIDGE_BUSES).to_le_bytes();
        self.has_bridge_header(config) && secondary > 0 && (secondary..=subordinate).contains(&other.bus)
    }

    /// Whether the processor can reach its registers.
    pub(crate) fn decodes_memory<C: ConfigSpace>(&self, config: &C) -> bool {
        config.read(self.address, COMMAND_AND_STATUS) & COMMAND_MEMORY != 0
    }

    /// Whether it can reach memory by itself, or interrupt by writing to it.
    pub(crate) fn is_active<C: ConfigSpace>(&self, config: &C) -> bool {
        let is_master = config.read(self.address, COMMAND_AND_STATUS) & COMMAND_BUS_MASTER != 0;
        is_master
            || MESSAGE_INTERRUPTS.into_iter().any(|(kind, enable)| {
                self.capability(config, kind).is_some_and(|at| config.read(self.address, at) & enable != 0)
            })
    }

    /// Where its capability of a kind starts; there is one of these at most.
    fn capability<C: ConfigSpace>(&self, config: &C, kind: u8) -> Option<u8> {
        self.capabilities(config).find(|capability| capability.id == kind).map(|capability| capability.offset)
    }

    /// Takes all its interrupts.
    pub(crate) fn stop_interrupts<C: ConfigSpace>(&self, config: &mut C) {
        self.change_command(config, 0, COMMAND_INTX_DISABLE);
        for (kind, enable) in MESSAGE_INTERRUPTS {
            if let Some(at) = self.capability(config, kind) {
                let header = config.read(self.address, at);
                config.write(self.address, at, header & !enable);
            }
        }
    }

    /// Keeps it from reaching memory by itself; from then on a bridge lets nothing behind it through.
    pub(crate) fn deny_bus_mastering<C: ConfigSpace>(&self, config: &mut C) {
        self.change_command(config, COMMAND_BUS_MASTER, 0);
    }

    /// Stops all DMA and interrupts of the function and lets its registers be reached.
    pub fn silence<C: ConfigSpace>(&self, config: &mut C) {
        let cleared = COMMAND_BUS_MASTER | COMMAND_IO;
        self.change_command(config, cleared, COMMAND_MEMORY | COMMAND_INTX_DISABLE);
    }

    /// Lets the function read and write memory by itself.
    pub fn allow_bus_mastering<C: ConfigSpace>(&self, config: &mut C) {
        self.change_command(config, 0, COMMAND_BUS_MASTER);
    }

    fn change_command<C: ConfigSpace>(&self, config: &mut C, cleared: u32, set: u32) {
        // The status half is write-one-to-clear: zeros leave it alone.
        let command = config.read(self.address, COMMAND_AND_STATUS) & COMMAND_MASK;
        config.write(self.address, COMMAND_AND_STATUS, command & !cleared | set);
    }

    /// Where the registers behind a base address register are, and how many bytes.
    ///
    /// Decoding is off while the size is probed, so the function must be [silent](Self::silence).
    ///
    /// # Errors
    /// What is wrong with the register.
    pub fn memory_bar<C: ConfigSpace>(&self, config: &mut C, index: u8) -> Result<MemoryBar, BarError> {
        let (physical, is_64_bit) = self.bar_start(config, index)?;
        let bytes = self.bar_bytes(config, BARS + 4 * index, is_64_bit);
        match (physical, bytes) {
            (_, 0) => Err(BarError::Empty),
            (0, _) => Err(BarError::Unassigned),
            (physical, bytes) if physical.checked_add(bytes).is_none() => Err(BarError::UnknownKind),
            (physical, bytes) => Ok(MemoryBar { physical, bytes }),
        }
    }

    /// The address in a base address register, 0 if it got none, and whether it is of 64 bits. Nothing is written.
    pub(crate) fn bar_start<C: ConfigSpace>(&self, config: &C, index: u8) -> Result<(u64, bool), BarError> {
        if index > 5 || self.is_upper_half(config, index) {
            return Err(BarError::NoSuchRegister);
        }
        let offset = BARS + 4 * index;
        let low = config.read(self.address, offset);
        let is_64_bit = match low & 0b111 {
            0b000 => false,
            0b100 if index < 5 => true,
            kind if kind & 1 == 1 => return Err(BarError::Ports),
            _ => return Err(BarError::UnknownKind),
        };
        let high = if is_64_bit { config.read(self.address, offset + 4) } else { 0 };
        Ok((u64::from(high) << 32 | u64::from(low & !0xf), is_64_bit))
    }

    /// Whether a register holds the upper half of the address in the one before it.
    fn is_upper_half<C: ConfigSpace>(&self, config: &C, index: u8) -> bool {
        let mut start = 0;
        while start < index {
            let is_64_bit = config.read(self.address, BARS + 4 * start) & 0b111 == 0b100;
            start += if is_64_bit { 2 } else { 1 };
        }
        start != index
    }

    /// Size of a memory BAR: the lowest address bit that keeps a one.
    fn bar_bytes<C: ConfigSpace>(&self, config: &mut C, offset: u8, is_64_bit: bool) -> u64 {
        self.change_command(config, COMMAND_MEMORY, 0);
        let low = self.writable_bits(config, offset) & !0xf;
        let high = if is_64_bit { self.writable_bits(config, offset + 4) } else { 0 };
        self.change_command(config, 0, COMMAND_MEMORY);
        let mask = u64::from(high) << 32 | u64::from(low);
        mask & mask.wrapping_neg()
    }

    /// Which bits of a register keep a one that is written; the register is left as it was.
    fn writable_bits<C: ConfigSpace>(&self, config: &mut C, offset: u8) -> u32 {
        let before = config.read(self.address, offset);
        config.write(self.address, offset, u32::MAX);
        let kept = config.read(self.address, offset);
        config.write(self.address, offset, before);
        kept
    }

    /// The capability list. Ends after 48 entries whatever the list says.
    pub fn capabilities<'c, C: ConfigSpace>(&self, config: &'c C) -> impl Iterator<Item = Capability> + 'c {
        let address = self.address;
        let has_list = config.read(address, COMMAND_AND_STATUS) & STATUS_CAPABILITIES != 0;
        let mut next = if has_list { config.read(address, CAPABILITIES) as u8 } else { 0 };
        core::iter::from_fn(move || {
            let offset = next & !0b11;
            if offset < 0x40 {
                return None;
            }
            let header = config.read(address, offset);
            next = (header >> 8) as u8;
            Some(Capability { id: header as u8, offset })
        })
        .take(CAPABILITIES_MAX)
    }
}

/// An entry of the capability list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capability {
    /// Kind; 9 is vendor-specific.
    pub id: u8,
    /// Where it starts in the configuration space.
    pub offset: u8,
}

/// A window of physical addresses that a function answers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryBar {
    /// First address.
    pub physical: u64,
    /// Length.
    pub bytes: u64,
}

/// What is wrong with a base address register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BarError {
    /// There are only registers 0 to 5, less those that hold the upper half of another.
    NoSuchRegister,
    /// It is for I/O ports, not memory.
    Ports,
    /// Of a kind that the specification does not know.
    UnknownKind,
    /// The card does not implement it.
    Empty,
    /// The firmware gave it no address.
    Unassigned,
}

impl fmt::Display for BarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchRegister => "there is no such register",
            Self::Ports => "is for I/O ports, memory is needed",
            Self::UnknownKind => "is of an unknown kind",
            Self::Empty => "is not implemented by the card",
            Self::Unassigned => "got no address from the firmware; update it, or move the card",
        })
    }
}

/// Every function that answers, in the order of their addresses.
pub fn scan<C: ConfigSpace>(config: &C) -> impl Iterator<Item = Function> + '_ {
    places().flat_map(move |(bus, device)| {
        (0..functions_at(config, bus, device))
            .filter_map(move |function| Function::at(config, PciAddress { bus, device, function }))
    })
}

/// Every bus and device that there can be.
pub(crate) fn places() -> impl Iterator<Item = (u8, u8)> {
    (0..=u8::MAX).flat_map(|bus| (0..32).map(move |device| (bus, device)))
}

/// How many functions of a device are worth asking for: none, one, or eight.
pub(crate) fn functions_at<C: ConfigSpace>(config: &C, bus: u8, device: u8) -> u8 {
    const MULTIFUNCTION: u32 = 1 << 23;
    let first = PciAddress { bus, device, function: 0 };
    match Function::at(config, first) {
        None => 0,
        Some(_) if config.read(first, HEADER_TYPE) & MULTIFUNCTION == 0 => 1,
        Some(_) => 8,
    }
}
