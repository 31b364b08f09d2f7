//! The description of the machine's remapping units, which the firmware wrote.

use std::collections::BTreeSet;

use noreturn_acpi::model::{Memory, ROOT, XSDT, table};
use noreturn_iommu::Dmar;

const DMAR: u64 = 0x20_0000;

/// Runs the input as the table's contents behind a right header, and as it is in place of each table on the way.
pub(super) fn dmar(data: &[u8]) {
    let right = Memory::with_tables([(DMAR, table(b"DMAR", data))]);
    judge(&right);
    for place in [ROOT, XSDT, DMAR] {
        let mut memory = right.clone();
        memory.0.insert(place, data.to_vec());
        judge(&memory);
    }
}

/// What is accepted can be driven: every unit at a page of its own, every device with a path to it.
fn judge(memory: &Memory) {
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
