//! Bytes of commands and responses. All numbers are big-endian (TPM 2.0 Library, part 1, section 5.2).

/// What remains to be read. Every call either takes what it says, or is `None`.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub fn number16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn number32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn number64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// What a length of 16 bits announces (`TPM2B`).
    pub fn sized(&mut self) -> Option<&'a [u8]> {
        let bytes = self.number16()?;
        self.take(usize::from(bytes))
    }

    /// A `TPM2B` of exactly 32 bytes.
    pub fn sized32(&mut self) -> Option<[u8; 32]> {
        self.sized()?.try_into().ok()
    }

    /// Takes `expected`, or nothing.
    pub fn expect(&mut self, expected: &[u8]) -> Option<()> {
        (self.take(expected.len())? == expected).then_some(())
    }

    pub const fn end(self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}
