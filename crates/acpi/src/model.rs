//! Firmware memory with tables in it, for tests.

use std::collections::BTreeMap;
use std::vec::Vec;

use crate::{FirmwareMemory, HEADER_BYTES};

/// Where [`Memory::with_tables`] puts the root pointer.
pub const ROOT: u64 = 0xf_5000;
/// Where [`Memory::with_tables`] puts the XSDT.
pub const XSDT: u64 = 0x10_0000;

/// Pieces of memory, by their physical address.
#[derive(Clone, Default, Debug)]
pub struct Memory(pub BTreeMap<u64, Vec<u8>>);

impl Memory {
    /// Root pointer, XSDT, and the tables that it lists.
    #[must_use]
    pub fn with_tables(tables: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Self {
        let mut pieces: BTreeMap<_, _> = tables.into_iter().collect();
        let listed = xsdt(&pieces.keys().copied().collect::<Vec<_>>());
        pieces.extend([(ROOT, root_pointer(2, XSDT)), (XSDT, listed)]);
        Self(pieces)
    }
}

impl FirmwareMemory for Memory {
    fn bytes(&self, physical: u64, bytes: usize) -> Option<&[u8]> {
        let (start, piece) = self.0.range(..=physical).next_back()?;
        let offset = usize::try_from(physical - start).ok()?;
        piece.get(offset..)?.get(..bytes)
    }
}

/// `bytes` with the byte at `place` such that all add up to zero.
#[must_use]
pub fn with_checksum(mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    bytes[place] = 0;
    bytes[place] = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    bytes
}

/// A table with a right header.
#[must_use]
pub fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = (HEADER_BYTES + body.len()) as u32;
    let bytes = [&signature[..], &length.to_le_bytes(), &[1, 0], b"OEMID ", &[0x55; 20], body].concat();
    with_checksum(bytes, 9)
}

/// The XSDT that lists tables at these addresses.
#[must_use]
pub fn xsdt(entries: &[u64]) -> Vec<u8> {
    table(b"XSDT", &entries.iter().flat_map(|entry| entry.to_le_bytes()).collect::<Vec<_>>())
}

/// A root pointer: `revision` 0 is that of ACPI 1, 2 every later one.
#[must_use]
pub fn root_pointer(revision: u8, xsdt: u64) -> Vec<u8> {
    let first = [&b"RSD PTR "[..], &[0], b"OEMID ", &[revision, 0, 0, 0, 0]].concat();
    let rest = [&36_u32.to_le_bytes()[..], &xsdt.to_le_bytes(), &[0; 4]].concat();
    with_checksum([with_checksum(first, 8), rest].concat(), 32)
}
