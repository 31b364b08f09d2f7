//! Tables of distances: how the compiler writes a `match` that leads to code of the same function, or chooses among constants.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{Instruction, Mnemonic, Register};

use super::{Function, Program};

const ENTRY_BYTES: u64 = 4;
/// Entries of one table at most.
const ENTRIES_MAX: u64 = 1024;

/// Where the tables lead to that a function uses: each is named by an instruction, and read by a later one that extends a distance of
/// 32 bits (`movsxd`). A table ends where the next thing begins that anything names, or at an entry of another kind than its first.
pub(super) fn targets(program: &Program<'_>, function: &Function, named: &BTreeSet<u64>) -> BTreeSet<u64> {
    let mut tables = BTreeMap::new();
    let mut targets = BTreeSet::new();
    for instruction in program.instructions(function) {
        if instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand() {
            tables.insert(instruction.op0_register(), instruction.ip_rel_memory_address());
        }
        if let Some(table) = read_table(&instruction).and_then(|register| tables.get(&register)) {
            let end = named.range(table.saturating_add(1)..).next().copied().unwrap_or(u64::MAX);
            targets.extend(entries(program, function, *table..end));
        }
    }
    targets
}

fn read_table(instruction: &Instruction) -> Option<Register> {
    let is_read = instruction.mnemonic() == Mnemonic::Movsxd
        && u64::from(instruction.memory_index_scale()) == ENTRY_BYTES
        && instruction.memory_index() != Register::None;
    is_read.then(|| instruction.memory_base())
}

fn entries(program: &Program<'_>, function: &Function, table: std::ops::Range<u64>) -> Vec<u64> {
    let entry = |index: u64| {
        let place = table.start.checked_add(ENTRY_BYTES * index).filter(|place| *place < table.end)?;
        Some(table.start.wrapping_add_signed(i64::from(program.word(place)?)))
    };
    let leads_to_code = entry(0).is_some_and(|target| program.is_code(target));
    let is_of_its_kind = |target: &u64| {
        if leads_to_code {
            function.holds(*target)
        } else {
            program.is_loaded(*target) && !program.is_code(*target)
        }
    };
    (0..ENTRIES_MAX).map_while(entry).take_while(is_of_its_kind).collect()
}
