//! The certificates of a UEFI program: what a signature for Secure Boot adds to it.
//!
//! Source: Microsoft's "PE Format", sections "Optional Header" and "The Attribute Certificate Table". What is signed leaves out just the
//! three things that [`attach`] writes, so whoever has a signature can add it to the same program without any key.

/// Certificates start and end at multiples of this.
const ALIGNMENT: usize = 8;

/// Where the header has what a signature changes.
struct Fields {
    checksum: usize,
    /// Place and length of the certificates.
    entry: usize,
}

/// The certificates with which a program ends; nothing if it has none, or is no program.
#[must_use]
pub fn certificates(program: &[u8]) -> Option<&[u8]> {
    let entry = Fields::of(program)?.entry;
    let (place, bytes) = (u32_at(program, entry)? as usize, u32_at(program, entry + 4)? as usize);
    if bytes == 0 || place.checked_add(bytes)? != program.len() {
        return None;
    }
    program.get(place..)
}

/// An unsigned program with certificates that somebody made for it: the bytes that he had. Nothing if it is no program.
pub(crate) fn attach(program: &[u8], certificates: &[u8]) -> Option<Vec<u8>> {
    let Fields { checksum, entry } = Fields::of(program)?;
    let mut signed = program.to_vec();
    signed.resize(program.len().next_multiple_of(ALIGNMENT), 0);
    for (at, number) in [(entry, signed.len()), (entry + 4, certificates.len())] {
        signed.get_mut(at..at + 4)?.copy_from_slice(&u32::try_from(number).ok()?.to_le_bytes());
    }
    signed.extend_from_slice(certificates);
    signed[checksum..checksum + 4].fill(0);
    let sum = checksum_of(&signed);
    signed[checksum..checksum + 4].copy_from_slice(&sum.to_le_bytes());
    Some(signed)
}

/// The sum of all words of 16 bits, folded into 16 bits, and the length; the field itself counts as zero.
fn checksum_of(program: &[u8]) -> u32 {
    let sum = program.chunks(2).fold(0, |sum: u32, word| {
        let sum = sum + u32::from(word[0]) + (u32::from(*word.get(1).unwrap_or(&0)) << 8);
        (sum & 0xffff) + (sum >> 16)
    });
    sum + program.len() as u32
}

impl Fields {
    fn of(program: &[u8]) -> Option<Self> {
        const MAGIC_PE32_PLUS: [u8; 2] = 0x20b_u16.to_le_bytes();
        /// Number of the certificates' entry in the header's directory.
        const CERTIFICATES: u32 = 4;
        let header = u32_at(program, 0x3c)? as usize;
        let optional = header.checked_add(24)?;
        let is_program = program.starts_with(b"MZ")
            && program.get(header..header + 4)? == b"PE\0\0"
            && program.get(optional..optional + 2)? == MAGIC_PE32_PLUS
            && u32_at(program, optional + 108)? > CERTIFICATES
            && program.len() >= optional + 152;
        is_program.then_some(Self { checksum: optional + 64, entry: optional + 144 })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
