//! The DMAR table: which remapping units there are, and which memory the firmware wants for its own devices.
//!
//! Source: Intel VT-d, revision 4.1, chapter 8. Structures of kinds that say nothing to us (ATSR, RHSA, ANDD, SATC,
//! SIDP and later ones) are checked for their length only.

mod error;

use alloc::vec::Vec;

use noreturn_acpi::{AcpiError, FirmwareMemory, HEADER_BYTES, find, number16, number64};
use noreturn_nic::{ConfigSpace, PciAddress};

pub use error::DmarError;

/// The units and regions of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dmar {
    /// Every remapping unit; at least one.
    pub units: Vec<RemappingUnit>,
    /// Regions that the firmware reserves for devices that it drives itself. They are fenced.
    pub reserved: Vec<ReservedRegion>,
}

/// A DMA remapping hardware unit (DRHD).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemappingUnit {
    /// PCI segment of its devices. Cards are in segment 0.
    pub segment: u16,
    /// Physical address of its registers: not zero, and that of a page.
    pub registers: u64,
    /// Whether it is responsible for every device of the segment that no other unit names.
    pub covers_rest: bool,
    /// The devices that it names.
    pub scopes: Vec<Scope>,
}

/// A device that a unit is responsible for, or a bridge with all that lies behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// Whether it is a bridge.
    pub is_bridge: bool,
    /// Bus on which the path starts.
    pub start_bus: u8,
    /// Device and function of each bridge on the way, and of the device; at least one.
    pub path: Vec<(u8, u8)>,
}

/// A reserved memory region (RMRR).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReservedRegion {
    /// First byte.
    pub base: u64,
    /// Last byte.
    pub limit: u64,
}

const TABLE: &str = "DMAR";
const UNITS_MAX: usize = 64;
/// Header, host address width, flags, ten reserved bytes.
const STRUCTURES: usize = HEADER_BYTES + 12;

const KIND_UNIT: u16 = 0;
const KIND_REGION: u16 = 1;
const PREFIX_BYTES: usize = 4;
const UNIT_BYTES: usize = 16;
const REGION_BYTES: usize = 24;
const SCOPE_HEADER_BYTES: usize = 6;
const SCOPE_DEVICE: u8 = 1;
const SCOPE_BRIDGE: u8 = 2;
/// Offset of a bridge's bus numbers in its configuration space: primary, secondary, subordinate.
const BRIDGE_BUSES: u8 = 0x18;
const COVERS_REST: u8 = 1 << 0;
const PAGE_BYTES: u64 = 4096;

impl Dmar {
    /// Looks for the table in a machine whose ACPI root pointer is at `root`; `None` if it has no remapping unit.
    ///
    /// # Errors
    /// [`DmarError`] if any table on the way, or the DMAR itself, is not as it must be.
    pub fn find<M: FirmwareMemory>(memory: &M, root: u64) -> Result<Option<Self>, DmarError> {
        find(memory, root, TABLE)?.map(Self::parse).transpose()
    }

    /// Reads a table whose signature, length and checksum are right.
    fn parse(table: &[u8]) -> Result<Self, DmarError> {
        let mut dmar = Self { units: Vec::new(), reserved: Vec::new() };
        let mut offset = STRUCTURES;
        if table.len() < offset {
            return Err(AcpiError::Length { table: TABLE, bytes: table.len() as u32 }.into());
        }
        while offset < table.len() {
            let malformed = DmarError::Structure { offset };
            let structure = structure_at(&table[offset..]).ok_or(malformed)?;
            dmar.take(structure, malformed)?;
            offset += structure.len();
        }
        Ok(dmar)
    }

    /// Whether a remapping unit is responsible for a card of segment 0, or the card sits beside the fence.
    #[must_use]
    pub fn covers<C: ConfigSpace>(&self, config: &C, card: PciAddress) -> bool {
        let mut units = self.units.iter().filter(|unit| unit.segment == 0);
        units.any(|unit| unit.covers_rest || unit.scopes.iter().any(|scope| scope.covers(config, card)))
    }

    fn take(&mut self, structure: &[u8], malformed: DmarError) -> Result<(), DmarError> {
        match number16(structure, 0) {
            KIND_UNIT => {
                let unit = RemappingUnit::parse(structure).ok_or(malformed)?;
                self.add_unit(unit)
            }
            KIND_REGION => {
                self.reserved.push(ReservedRegion::parse(structure, malformed)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_unit(&mut self, unit: RemappingUnit) -> Result<(), DmarError> {
        let physical = unit.registers;
        let taken = self.units.iter().any(|other| other.registers == physical);
        // The last pages would wrap when the whole register set is mapped.
        let impossible = physical == 0 || !physical.is_multiple_of(PAGE_BYTES) || physical > u64::MAX >> 1;
        if taken || impossible {
            return Err(DmarError::UnitAddress { physical });
        }
        if self.units.len() == UNITS_MAX {
            return Err(DmarError::TooManyUnits);
        }
        self.units.push(unit);
        Ok(())
    }
}

impl RemappingUnit {
    fn parse(structure: &[u8]) -> Option<Self> {
        let scopes = scopes(structure.get(UNIT_BYTES..)?)?;
        let covers_rest = structure[4] & COVERS_REST != 0;
        Some(Self { segment: number16(structure, 6), registers: number64(structure, 8), covers_rest, scopes })
    }
}

impl ReservedRegion {
    fn parse(structure: &[u8], malformed: DmarError) -> Result<Self, DmarError> {
        structure.get(REGION_BYTES..).and_then(scopes).ok_or(malformed)?;
        let (base, limit) = (number64(structure, 8), number64(structure, 16));
        if limit < base { Err(DmarError::Region { base, limit }) } else { Ok(Self { base, limit }) }
    }
}

impl Scope {
    fn covers<C: ConfigSpace>(&self, config: &C, card: PciAddress) -> bool {
        let Some(((device, function), bridges)) = self.path.split_last() else { return false };
        let bus = bridges.iter().fold(self.start_bus, |bus, (device, function)| {
            buses_behind(config, PciAddress { bus, device: *device, function: *function }).0
        });
        let named = PciAddress { bus, device: *device, function: *function };
        let (secondary, subordinate) = buses_behind(config, named);
        named == card || self.is_bridge && (secondary..=subordinate).contains(&card.bus)
    }
}

/// The first and last bus behind a bridge.
fn buses_behind<C: ConfigSpace>(config: &C, bridge: PciAddress) -> (u8, u8) {
    let [_, secondary, subordinate, _] = config.read(bridge, BRIDGE_BUSES).to_le_bytes();
    (secondary, subordinate)
}

/// The structure that starts here, as long as it says it is.
fn structure_at(bytes: &[u8]) -> Option<&[u8]> {
    let prefix = bytes.get(..PREFIX_BYTES)?;
    let length = usize::from(number16(prefix, 2));
    if length < PREFIX_BYTES { None } else { bytes.get(..length) }
}

/// The devices and bridges that a structure names; `None` unless they fill it to its end. Interrupt controllers and
/// timers are left out: what they do is not DMA.
fn scopes(mut bytes: &[u8]) -> Option<Vec<Scope>> {
    let mut scopes = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from(*bytes.get(1)?);
        let path = bytes.get(SCOPE_HEADER_BYTES..length)?.chunks_exact(2);
        if !path.remainder().is_empty() || path.len() == 0 {
            return None;
        }
        if let kind @ (SCOPE_DEVICE | SCOPE_BRIDGE) = bytes[0] {
            let path = path.map(|hop| (hop[0], hop[1])).collect();
            scopes.push(Scope { is_bridge: kind == SCOPE_BRIDGE, start_bus: bytes[5], path });
        }
        bytes = &bytes[length..];
    }
    Some(scopes)
}
