//! The description of the machine's remapping units, which the firmware wrote.

use std::collections::BTreeSet;

use noreturn_iommu::{Dmar, FirmwareMemory};

const ROOT: u64 = 0xf_5000;
const XSDT: u64 = 0x10_0000;
const DMAR: u64 = 0x20_0000;

/// Pieces of memory, by their address.
struct Memory<'a>([(u64, &'a [u8]); 3]);

impl FirmwareMemory for Memory<'_> {
    fn bytes(&self, physical: u64, bytes: usize) -> Option<&[u8]> {
        self.0.iter().find_map(|(start, piece)| {
            let offset = usize::try_from(physical.checked_sub(*start)?).ok()?;
            piece.get(offset..)?.get(..bytes)
        })
    }
}

/// Runs the input as the table's contents behind a right header, and as it is in place of each table on the way.
pub(super) fn dmar(data: &[u8]) {
    let (root, xsdt, table) = (root_pointer(), table(b"XSDT", &DMAR.to_le_bytes()), table(b"DMAR", data));
    judge(&Memory([(ROOT, &root), (XSDT, &xsdt), (DMAR, &table)]));
    judge(&Memory([(ROOT, data), (XSDT, &xsdt), (DMAR, &table)]));
    judge(&Memory([(ROOT, &root), (XSDT, data), (DMAR, &table)]));
    judge(&Memory([(ROOT, &root), (XSDT, &xsdt), (DMAR, data)]));
}

/// What is accepted can be driven: every unit at a page of its own, every device with a path to it.
fn judge(memory: &Memory<'_>) {
    let Ok(Some(found)) = Dmar::find(memory, ROOT) else { return };
    let units: BTreeSet<u64> = found.units.iter().map(|unit| unit.registers).collect();
    assert!(units.len() == found.units.len() && units.len() <= 64, "{found:?}");
    assert!(units.iter().all(|unit| *unit != 0 && unit.is_multiple_of(4096)), "{found:?}");
    assert!(
        found.units.iter().flat_map(|unit| &unit.scopes).all(|scope| !scope.path.is_empty()),
        "{found:?}"
    );
    assert!(found.reserved.iter().all(|region| region.base <= region.limit), "{found:?}");
}

fn root_pointer() -> Vec<u8> {
    let first = [&b"RSD PTR "[..], &[0], b"FUZZED", &[2, 0, 0, 0, 0]].concat();
    let rest = [&36_u32.to_le_bytes()[..], &XSDT.to_le_bytes(), &[0; 4]].concat();
    with_checksum([with_checksum(first, 8), rest].concat(), 32)
}

fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = (36 + body.len()) as u32;
    let header = [&signature[..], &length.to_le_bytes(), &[0; 28]].concat();
    with_checksum([header, body.to_vec()].concat(), 9)
}

fn with_checksum(mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    bytes[place] = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    bytes
}
