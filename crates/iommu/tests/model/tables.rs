//! The walk that a unit does, written from the specification alone: an address of a page is looked up bit by bit.

use std::collections::BTreeMap;

use noreturn_nic::PciAddress;

type Pages = BTreeMap<u64, [u8; 4096]>;

/// Reasons (VT-d 4.1, section 7.1.3).
const NO_ROOT: u32 = 1;
const NO_CONTEXT: u32 = 2;

fn number(pages: &Pages, address: u64) -> u64 {
    let page = pages.get(&(address & !0xfff)).unwrap_or_else(|| panic!("no table at {address:#x}"));
    let offset = (address & 0xfff) as usize;
    u64::from_le_bytes(page[offset..offset + 8].try_into().expect("8 bytes"))
}

/// Whether a device may read and write at an address, or why it comes to nothing.
pub fn walk(
    pages: &Pages,
    root: u64,
    device: PciAddress,
    address: u64,
    levels: impl Fn(u64) -> u32,
) -> Result<(bool, bool), u32> {
    let entry = number(pages, root + 16 * u64::from(device.bus));
    assert_eq!(number(pages, root + 16 * u64::from(device.bus) + 8), 0, "reserved");
    if entry & 1 == 0 {
        return Err(NO_ROOT);
    }
    assert_eq!(entry & 0xffe, 0, "reserved");
    let place = (entry & !0xfff) + 16 * (u64::from(device.device) * 8 + u64::from(device.function));
    let (low, high) = (number(pages, place), number(pages, place + 8));
    if low & 1 == 0 {
        return Err(NO_CONTEXT);
    }
    assert_eq!(low & 0xffe, 0, "faults are told, untranslated requests only");
    let domain = high >> 8 & 0xffff;
    assert!((1..16).contains(&domain) && high & !(0xffff << 8 | 7) == 0, "context entry {high:#x}");

    let levels = levels(high & 7);
    if address >> (12 + 9 * levels) != 0 {
        return Ok((false, false));
    }
    let (mut table, mut read, mut write) = (low & !0xfff, true, true);
    for shift in (0..levels).rev().map(|level| 12 + 9 * level) {
        let entry = number(pages, table + 8 * (address >> shift & 511));
        (read, write) = (read && entry & 1 != 0, write && entry & 2 != 0);
        if !read && !write {
            return Ok((false, false));
        }
        assert_eq!(entry & 0xffc, 0, "a large page, or reserved bits: {entry:#x}");
        table = entry & !0xfff;
    }
    assert_eq!(table, address & !0xfff, "mapped elsewhere");
    Ok((read, write))
}
