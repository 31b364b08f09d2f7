//! What the loader writes into the program when it has chosen a place for it.

use std::collections::BTreeMap;

use object::elf::{self, DynamicTag, ProgramHeader64, Rela64};
use object::endian::LittleEndian as Le;
use object::pod;
use object::read::elf::{Dyn, ProgramHeader};

use super::Loaded;

const POINTER_BYTES: u64 = 8;

/// What a dynamic segment may say; each at most once. All else could be another way to change memory.
const TAGS: [DynamicTag; 13] = [
    elf::DT_FLAGS,
    elf::DT_FLAGS_1,
    elf::DT_DEBUG,
    elf::DT_RELA,
    elf::DT_RELASZ,
    elf::DT_RELAENT,
    elf::DT_RELACOUNT,
    elf::DT_SYMTAB,
    elf::DT_SYMENT,
    elf::DT_STRTAB,
    elf::DT_STRSZ,
    elf::DT_GNU_HASH,
    elf::DT_HASH,
];

/// Places and the addresses that are written there, by the table that the dynamic segment names.
///
/// # Errors
/// The segment says something else, or what is written is no address of the program, or is written elsewhere than to data.
pub(super) fn read(
    file: &[u8],
    headers: &[ProgramHeader64<Le>],
    loaded: &Loaded<'_>,
) -> Result<BTreeMap<u64, u64>, String> {
    let mut dynamic = headers.iter().filter_map(|header| header.dynamic(Le, file).transpose());
    let entries = match (dynamic.next(), dynamic.next()) {
        (None, _) => return Ok(BTreeMap::new()),
        (Some(Ok(entries)), None) => entries,
        _ => return Err("it has not one whole dynamic segment".to_owned()),
    };
    let mut values = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.d_tag(Le) != elf::DT_NULL) {
        let tag = entry.d_tag(Le);
        if !TAGS.contains(&tag) || values.insert(tag.0, entry.d_val(Le)).is_some() {
            return Err(format!("its dynamic segment has the entry {:#x}, or has it twice", tag.0));
        }
    }
    let value = |tag: DynamicTag| values.get(&tag.0).copied();
    let (table, bytes) = (value(elf::DT_RELA).unwrap_or(0), value(elf::DT_RELASZ).unwrap_or(0));
    let table =
        loaded.data(table, bytes).and_then(|table| pod::slice_from_all_bytes::<Rela64<Le>>(table).ok());
    let table = table.ok_or("its relocations are not in the file")?;
    table.iter().map(|relocation| pointer(relocation, loaded)).collect()
}

/// One place, and the address that is written there.
fn pointer(relocation: &Rela64<Le>, loaded: &Loaded<'_>) -> Result<(u64, u64), String> {
    let (place, target) = (relocation.r_offset.get(Le), relocation.r_addend.get(Le).cast_unsigned());
    if relocation.r_info.get(Le) != u64::from(elf::R_X86_64_RELATIVE.0) {
        return Err(format!("the relocation at {place:#x} is of another kind than RELATIVE"));
    }
    let is_in =
        |start: u64, end: u64| start <= place && place.checked_add(POINTER_BYTES).is_some_and(|e| e <= end);
    let mut data = loaded.segments.iter().filter(|segment| segment.is_written);
    if !data.any(|segment| is_in(segment.memory().start, segment.memory().end)) {
        return Err(format!("the relocation at {place:#x} changes what is not data"));
    }
    if target > loaded.end() {
        return Err(format!("the relocation at {place:#x} leads out of the program, to {target:#x}"));
    }
    Ok((place, target))
}
