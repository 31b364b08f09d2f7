//! Memory shared with a card: its registers ([`MmioRegion`]) and its DMA ([`DmaRegion`]).
//!
//! All `unsafe` of this crate is in this file. Neither type ever makes a reference to the memory
//! it stands for: a card may write there at any time, which a Rust reference forbids. Accesses
//! are volatile, bounds-checked, and copy.

use core::ptr::NonNull;

use crate::registers::Registers;

/// Alignment that the start of either kind of region has, in bytes.
const ALIGNMENT_BYTES: usize = 16;

/// Where a region starts in our address space, and how long it is.
#[derive(Debug)]
struct Span {
    start: NonNull<u8>,
    bytes: usize,
}

impl Span {
    fn new(start: NonNull<u8>, bytes: usize, alignment_bytes: usize) -> Self {
        assert!(start.as_ptr().addr().is_multiple_of(alignment_bytes), "region is not aligned");
        Self { start, bytes }
    }

    /// The place of one `T` at `offset`: inside the span, and aligned.
    fn place<T>(&self, offset: usize) -> *mut T {
        let end = offset.checked_add(size_of::<T>());
        assert!(end.is_some_and(|end| end <= self.bytes), "access ends outside its region");
        let place = self.start.as_ptr().wrapping_add(offset).cast::<T>();
        assert!(place.is_aligned(), "access is not aligned");
        place
    }

    fn read<T: Copy>(&self, offset: usize) -> T {
        let place = self.place(offset);
        // SAFETY: `place` is aligned and ends within the span, whose bytes both constructors'
        // callers promised to stay mapped and readable for as long as the region lives. T is
        // only ever an unsigned integer here, so every bit pattern a card leaves is a value.
        unsafe { core::ptr::read_volatile(place) }
    }

    fn write<T: Copy>(&mut self, offset: usize, value: T) {
        let place = self.place(offset);
        // SAFETY: as for `read`; the callers promised writability too, and that nothing holds a
        // Rust reference to these bytes, so the write can change nothing believed constant.
        unsafe { core::ptr::write_volatile(place, value) }
    }
}

/// A window of a card's registers, mapped uncached into our address space.
#[derive(Debug)]
pub struct MmioRegion {
    span: Span,
}

// SAFETY: the window is mapped for every core alike and belongs to this value alone, so moving
// the value to another thread moves all access with it.
unsafe impl Send for MmioRegion {}

impl MmioRegion {
    /// Takes over the registers that are mapped at `start`.
    ///
    /// # Safety
    /// `start..start + bytes` must stay mapped and readable for the life of the value, and either writable or such that a
    /// write is an exception that never returns; must be a card's registers (or, in tests, memory) that no Rust reference
    /// points to; and no write to them may change memory other than through a device's documented behaviour.
    ///
    /// # Panics
    /// If `start` is not aligned to 4 bytes.
    #[must_use]
    pub unsafe fn new(start: NonNull<u8>, bytes: usize) -> Self {
        Self { span: Span::new(start, bytes, align_of::<u32>()) }
    }
}

impl Registers for MmioRegion {
    fn read8(&self, offset: usize) -> u8 {
        self.span.read(offset)
    }
    fn read16(&self, offset: usize) -> u16 {
        self.span.read(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        self.span.read(offset)
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.span.write(offset, value);
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.span.write(offset, value);
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.span.write(offset, value);
    }
}

/// Physically contiguous memory that a card reads and writes by itself.
#[derive(Debug)]
pub struct DmaRegion {
    span: Span,
    physical: u64,
}

// SAFETY: plain memory that belongs to this value alone on the processor's side; see MmioRegion.
unsafe impl Send for DmaRegion {}

impl DmaRegion {
    /// Takes over memory at `start` whose physical address is `physical`.
    ///
    /// # Safety
    /// `start..start + bytes` must stay mapped, readable and writable for the life of the value
    /// and for as long as a card may use it, be contiguous from `physical` on, and be pointed to
    /// by no Rust reference.
    ///
    /// # Panics
    /// If `start` is not aligned to 16 bytes, the strictest alignment that a descriptor needs.
    #[must_use]
    pub unsafe fn new(start: NonNull<u8>, physical: u64, bytes: usize) -> Self {
        Self { span: Span::new(start, bytes, ALIGNMENT_BYTES), physical }
    }

    /// The address by which a card finds the byte at `offset`.
    #[must_use]
    pub fn physical(&self, offset: usize) -> u64 {
        assert!(offset < self.span.bytes, "no byte at that offset");
        self.physical + offset as u64
    }

    /// Length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.span.bytes
    }

    /// Reads 8 bits at `offset`.
    #[must_use]
    pub fn read8(&self, offset: usize) -> u8 {
        self.span.read(offset)
    }

    /// Reads 16 bits, little-endian, at `offset`.
    #[must_use]
    pub fn read16(&self, offset: usize) -> u16 {
        u16::from_le(self.span.read(offset))
    }

    /// Reads 32 bits, little-endian, at `offset`.
    #[must_use]
    pub fn read32(&self, offset: usize) -> u32 {
        u32::from_le(self.span.read(offset))
    }

    /// Reads 64 bits, little-endian, at `offset`.
    #[must_use]
    pub fn read64(&self, offset: usize) -> u64 {
        u64::from_le(self.span.read(offset))
    }

    /// Writes 16 bits, little-endian, at `offset`.
    pub fn write16(&mut self, offset: usize, value: u16) {
        self.span.write(offset, value.to_le());
    }

    /// Writes 32 bits, little-endian, at `offset`.
    pub fn write32(&mut self, offset: usize, value: u32) {
        self.span.write(offset, value.to_le());
    }

    /// Writes 64 bits, little-endian, at `offset`.
    pub fn write64(&mut self, offset: usize, value: u64) {
        self.span.write(offset, value.to_le());
    }

    /// Copies `source` to `offset`: in words where both ends allow, for speed.
    pub fn copy_in(&mut self, offset: usize, source: &[u8]) {
        let (edge, rest) = source.split_at(bytes_to_word(offset).min(source.len()));
        let (words, tail) = rest.as_chunks::<8>();
        let mut at = offset;
        for byte in edge {
            self.span.write(at, *byte);
            at += 1;
        }
        for word in words {
            self.span.write(at, u64::from_ne_bytes(*word));
            at += word.len();
        }
        for byte in tail {
            self.span.write(at, *byte);
            at += 1;
        }
    }

    /// Copies from `offset` until `target` is full.
    pub fn copy_out(&self, offset: usize, target: &mut [u8]) {
        let (edge, rest) = target.split_at_mut(bytes_to_word(offset).min(target.len()));
        let (words, tail) = rest.as_chunks_mut::<8>();
        let mut at = offset;
        for byte in edge {
            *byte = self.span.read(at);
            at += 1;
        }
        for word in words {
            *word = self.span.read::<u64>(at).to_ne_bytes();
            at += word.len();
        }
        for byte in tail {
            *byte = self.span.read(at);
            at += 1;
        }
    }
}

/// Bytes from `offset` to the next place where a 64-bit word may lie.
fn bytes_to_word(offset: usize) -> usize {
    offset.next_multiple_of(align_of::<u64>()) - offset
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::boxed::Box;
    use std::vec::Vec;

    use super::*;

    /// 64 bytes that are never freed, so a region over them stays valid.
    fn leak() -> NonNull<u8> {
        NonNull::from(Box::leak(Box::new([0_u128; 4]))).cast()
    }

    fn dma() -> DmaRegion {
        // SAFETY: the 64 bytes are leaked, aligned to 16, and referenced by nothing else.
        unsafe { DmaRegion::new(leak(), 0x1_0000_0000, 64) }
    }

    fn mmio() -> MmioRegion {
        // SAFETY: as above; plain memory has no side effects.
        unsafe { MmioRegion::new(leak(), 64) }
    }

    #[test]
    fn registers_keep_widths_apart() {
        let mut region = mmio();
        region.write32(8, 0x1122_3344);
        region.write16(10, 0xaabb);
        region.write8(8, 0xcc);
        assert_eq!(region.read32(8), 0xaabb_33cc);
        assert_eq!((region.read16(8), region.read8(11)), (0x33cc, 0xaa));
        assert_eq!((region.read32(4), region.read32(12)), (0, 0));
    }

    #[test]
    fn copies_are_exact_at_every_offset_and_length() {
        let source: Vec<u8> = (1..=64).collect();
        for offset in 0..32 {
            for length in 0..=32 {
                let mut region = dma();
                region.copy_in(offset, &source[..length]);
                let mut copy = [0xee; 32];
                region.copy_out(offset, &mut copy[..length]);
                assert_eq!(copy[..length], source[..length]);
                let mut all = [0; 64];
                region.copy_out(0, &mut all);
                let written = all.iter().filter(|byte| **byte != 0).count();
                assert_eq!(written, length, "offset {offset}: nothing else may be touched");
            }
        }
    }

    #[test]
    fn integers_are_little_endian() {
        let mut region = dma();
        region.write64(0, 0x0102_0304_0506_0708);
        assert_eq!((region.read8(0), region.read8(7)), (8, 1));
        assert_eq!((region.read16(0), region.read32(4)), (0x0708, 0x0102_0304));
        assert_eq!(region.physical(63), 0x1_0000_003f);
    }

    #[test]
    #[should_panic(expected = "ends outside")]
    fn an_access_past_the_end_stops() {
        let _ = mmio().read32(62);
    }

    #[test]
    #[should_panic(expected = "ends outside")]
    fn an_offset_that_wraps_stops() {
        let _ = dma().read64(usize::MAX - 3);
    }

    #[test]
    #[should_panic(expected = "not aligned")]
    fn an_unaligned_access_stops() {
        mmio().write32(2, 0);
    }

    #[test]
    #[should_panic(expected = "ends outside")]
    fn a_copy_past_the_end_stops() {
        dma().copy_in(60, &[0; 5]);
    }
}
