//! What a unit follows for every access: root table, context tables, second-stage tables.
//!
//! Source: Intel VT-d, revision 4.1, sections 3.4 (legacy mode), 3.7 (second-stage translation), 9.1 (root entry), 9.3
//! (context entry), 9.8 (second-stage entries). Addresses are mapped to themselves, in pages of 4 KiB.

use alloc::vec::Vec;

use noreturn_nic::{DmaAccess, DmaRegion, PciAddress};

use crate::error::FenceError;
use crate::fence::Grant;
use crate::host::Host;

pub(crate) const PAGE_BYTES: u64 = 4096;
const PAGE_BITS: u32 = 12;
/// Address bits that one second-stage table decides.
const LEVEL_BITS: u32 = 9;

/// Bytes of root and context entries.
const DEVICE_ENTRY_BYTES: usize = 16;
const PAGE_ENTRY_BYTES: usize = 8;

const PRESENT: u64 = 1 << 0;
const READ: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const DOMAIN_SHIFT: u32 = 8;
/// Every unit has at least 16 domains; number 0 may be reserved.
const CARDS_MAX: usize = 15;

/// How deep a unit's second-stage tables are, and what they can map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    /// 3 or 4.
    pub(crate) levels: u32,
    /// No address of this many bits or more is mapped.
    pub(crate) address_bits: u32,
    /// Whether a page that is only written may be without the right to be read (zero-length reads).
    pub(crate) has_write_only_pages: bool,
}

impl Shape {
    /// The bits by which a context entry names the number of levels.
    fn width(self) -> u64 {
        u64::from(self.levels) - 2
    }

    fn rights(self, access: DmaAccess) -> u64 {
        match access {
            DmaAccess::Read => READ,
            DmaAccess::Write if self.has_write_only_pages => WRITE,
            DmaAccess::Write | DmaAccess::ReadWrite => READ | WRITE,
        }
    }
}

/// One page of entries, and the tables that entries point to.
#[derive(Debug)]
struct Table {
    memory: DmaRegion,
    below: Vec<(usize, Table)>,
}

impl Table {
    /// An empty table that the unit sees as such.
    fn allocate<H: Host>(host: &mut H) -> Result<Self, FenceError> {
        let memory = host.allocate_table().ok_or(FenceError::NoMemory)?;
        host.write_back(memory.physical(0), PAGE_BYTES as usize);
        Ok(Self { memory, below: Vec::new() })
    }

    fn physical(&self) -> u64 {
        self.memory.physical(0)
    }

    /// Writes an entry's 64 bits so that the unit sees them.
    fn write<H: Host>(&mut self, host: &mut H, offset: usize, value: u64) {
        self.memory.write64(offset, value);
        host.write_back(self.memory.physical(offset), PAGE_ENTRY_BYTES);
    }

    /// The table below a slot; if there is none, an empty one, which `link` enters here.
    fn below<H: Host>(
        &mut self,
        host: &mut H,
        slot: usize,
        link: impl FnOnce(&mut Self, &mut H, u64),
    ) -> Result<&mut Self, FenceError> {
        let place = match self.below.iter().position(|(taken, _)| *taken == slot) {
            Some(place) => place,
            None => {
                let table = Self::allocate(host)?;
                link(self, host, table.physical());
                self.below.push((slot, table));
                self.below.len() - 1
            }
        };
        Ok(&mut self.below[place].1)
    }
}

/// All tables of one unit. They only ever gain entries.
#[derive(Debug)]
pub(crate) struct Tables {
    root: Table,
    shape: Shape,
    /// Cards with a context entry; a card's domain is its place here, from 1 on.
    cards: Vec<PciAddress>,
}

impl Tables {
    /// Tables that let nothing through.
    pub(crate) fn allocate<H: Host>(host: &mut H, shape: Shape) -> Result<Self, FenceError> {
        Ok(Self { root: Table::allocate(host)?, shape, cards: Vec::new() })
    }

    /// Where the unit finds the root table.
    pub(crate) fn physical(&self) -> u64 {
        self.root.physical()
    }

    /// Lets a card reach whole pages of memory.
    pub(crate) fn grant<H: Host>(
        &mut self,
        host: &mut H,
        Grant { card, physical, bytes, access }: Grant,
    ) -> Result<(), FenceError> {
        let unmappable = FenceError::Unmappable { physical, bytes };
        let end = physical.checked_add(bytes).filter(|end| *end <= 1 << self.shape.address_bits);
        let end = end.ok_or(unmappable)?;
        if !(physical | bytes).is_multiple_of(PAGE_BYTES) {
            return Err(unmappable);
        }
        for page in (physical..end).step_by(PAGE_BYTES as usize) {
            self.grant_page(host, card, page, access)?;
        }
        Ok(())
    }

    fn grant_page<H: Host>(
        &mut self,
        host: &mut H,
        card: PciAddress,
        page: u64,
        access: DmaAccess,
    ) -> Result<(), FenceError> {
        let shape = self.shape;
        let mut table = self.card_table(host, card)?;
        for level in (1..shape.levels).rev() {
            let slot = slot_at(page, level);
            table = table.below(host, slot, |table, host, physical| {
                table.write(host, slot * PAGE_ENTRY_BYTES, physical | READ | WRITE);
            })?;
        }
        let offset = slot_at(page, 0) * PAGE_ENTRY_BYTES;
        if table.memory.read64(offset) != 0 {
            return Err(FenceError::GivenTwice { card, physical: page });
        }
        table.write(host, offset, page | shape.rights(access));
        Ok(())
    }

    /// The highest second-stage table of a card.
    fn card_table<H: Host>(&mut self, host: &mut H, card: PciAddress) -> Result<&mut Table, FenceError> {
        let (width, domain) = (self.shape.width(), self.domain(card)?);
        let bus = usize::from(card.bus);
        let contexts = self.root.below(host, bus, |root, host, physical| {
            root.write(host, bus * DEVICE_ENTRY_BYTES, physical | PRESENT);
        })?;
        let function = usize::from(card.device & 31) << 3 | usize::from(card.function & 7);
        contexts.below(host, function, |contexts, host, physical| {
            // The half that holds "present" comes last.
            let offset = function * DEVICE_ENTRY_BYTES;
            contexts.write(host, offset + 8, domain << DOMAIN_SHIFT | width);
            contexts.write(host, offset, physical | PRESENT);
        })
    }

    fn domain(&mut self, card: PciAddress) -> Result<u64, FenceError> {
        if !self.cards.contains(&card) {
            if self.cards.len() == CARDS_MAX {
                return Err(FenceError::TooManyCards);
            }
            self.cards.push(card);
        }
        let place = self.cards.iter().position(|known| *known == card);
        place.map(|place| place as u64 + 1).ok_or(FenceError::TooManyCards)
    }
}

/// Which entry of a table of this level leads to an address; level 0 holds the pages.
fn slot_at(address: u64, level: u32) -> usize {
    (address >> (PAGE_BITS + LEVEL_BITS * level)) as usize & ((1 << LEVEL_BITS) - 1)
}
