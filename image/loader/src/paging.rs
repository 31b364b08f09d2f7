//! The page tables that the kernel starts with: every address maps to itself, in pages of 2 MiB.
//!
//! Hermit adds pages of its own inside this map, which a page of 1 GiB would forbid. Layout of the
//! entries: Intel SDM, volume 3, section 4.5 (4-level paging).

/// Bytes that are mapped, from address 0: one entry of the highest table.
pub const MAPPED_BYTES: u64 = 512 << 30;
/// Bytes of a page.
pub const PAGE_BYTES: u64 = 2 << 20;
/// Entries of one table.
const TABLE_ENTRIES: usize = 512;
/// Bytes of one table.
const TABLE_BYTES: u64 = 4096;
/// Bytes of all tables: one of level 4, one of level 3, 512 of level 2.
pub const TABLES_BYTES: usize = (2 + TABLE_ENTRIES) * TABLE_BYTES as usize;

const PRESENT_WRITABLE: u64 = 0b11;
const LARGE_PAGE: u64 = 1 << 7;

/// Fills `tables`, which lie at the physical address `base` and begin with the level 4 table.
///
/// `base` is a multiple of 4096.
pub fn fill(tables: &mut [u8; TABLES_BYTES], base: u64) {
    let (entries, _) = tables.as_chunks_mut();
    for (index, entry) in entries.iter_mut().enumerate() {
        *entry = entry_at(index, base).to_le_bytes();
    }
}

/// The entry at `index`, counted over all tables.
fn entry_at(index: usize, base: u64) -> u64 {
    let table_address = |table: usize| base + table as u64 * TABLE_BYTES;
    match (index / TABLE_ENTRIES, index % TABLE_ENTRIES) {
        (0, 0) => table_address(1) | PRESENT_WRITABLE,
        (0, _) => 0,
        (1, slot) => table_address(2 + slot) | PRESENT_WRITABLE,
        (table, slot) => {
            let page = (table - 2) * TABLE_ENTRIES + slot;
            (page as u64 * PAGE_BYTES) | PRESENT_WRITABLE | LARGE_PAGE
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const BASE: u64 = 0x1234_5000;

    /// Translates as the processor does: the slow, obvious twin.
    fn translate(tables: &[u8; TABLES_BYTES], address: u64) -> Option<u64> {
        let mut table = BASE;
        for shift in [39, 30, 21] {
            let index = (address >> shift & 0x1ff) as usize;
            let place = (table - BASE) as usize + index * 8;
            let entry = u64::from_le_bytes(tables[place..place + 8].try_into().expect("8 bytes"));
            if entry & 1 == 0 {
                return None;
            }
            if entry & LARGE_PAGE != 0 {
                assert_eq!(shift, 21, "only pages of 2 MiB");
                return Some((entry & !0x1f_ffff) + (address & 0x1f_ffff));
            }
            table = entry & !0xfff;
        }
        None
    }

    #[test]
    fn every_mapped_page_maps_to_itself_and_nothing_else_is_mapped() {
        let mut bytes = vec![0xff; TABLES_BYTES];
        let tables = bytes.first_chunk_mut().expect("the right length");
        fill(tables, BASE);
        for page in 0..MAPPED_BYTES / PAGE_BYTES {
            let address = page * PAGE_BYTES + page % PAGE_BYTES;
            assert_eq!(translate(tables, address), Some(address));
        }
        for slot in 1..512 {
            assert_eq!(translate(tables, slot << 39), None);
        }
    }
}
