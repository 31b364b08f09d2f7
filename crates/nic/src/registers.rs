//! The seam between drivers and a card's registers, so that tests can put a model card there.

/// A card's memory-mapped registers, addressed by their offset in bytes.
///
/// Every call is one access of exactly that width, in program order. Offsets must lie within
/// the region and be aligned to the width; drivers check what a card tells them about its own
/// layout before they get here, so a breach is a programmer's error and stops the program.
pub trait Registers {
    /// Reads 8 bits.
    fn read8(&self, offset: usize) -> u8;
    /// Reads 16 bits.
    fn read16(&self, offset: usize) -> u16;
    /// Reads 32 bits.
    fn read32(&self, offset: usize) -> u32;
    /// Writes 8 bits.
    fn write8(&mut self, offset: usize, value: u8);
    /// Writes 16 bits.
    fn write16(&mut self, offset: usize, value: u16);
    /// Writes 32 bits.
    fn write32(&mut self, offset: usize, value: u32);
}
