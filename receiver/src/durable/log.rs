//! The bytes of the log.

#[cfg(test)]
mod tests;

use crc::{CRC_32_ISCSI, Crc};
use noreturn_link::Mark;

/// How every log starts: magic and version.
pub const MAGIC: &[u8] = b"NRMARKS\x01";

const HEAD_BYTES: usize = 8;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// Longer than any mark of a sensible configuration; what says it is longer is damaged.
const MARK_BYTES_MAX: usize = 16 << 20;

/// What a log says.
#[derive(Debug)]
pub struct Read {
    /// The marks, in order.
    pub marks: Vec<Mark>,
    /// Where the last whole entry ends.
    pub end: usize,
}

/// Why a log cannot be trusted.
#[derive(PartialEq, Eq, Debug)]
pub struct Damage {
    /// Offset in bytes.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Appends the entry of a mark.
pub fn append_entry(mark: &Mark, bytes: &mut Vec<u8>) {
    let mark = mark.encode();
    let length = u32::try_from(mark.len()).unwrap_or(u32::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(CRC.checksum(&mark).to_be_bytes());
    bytes.extend(mark);
}

/// Reads a log up to an end that may be torn. Damage with whole entries behind it is no torn end.
pub fn read_entries(bytes: &[u8]) -> Result<Read, Damage> {
    if !bytes.starts_with(MAGIC) {
        return Err(Damage { at: 0, what: "it does not start as a log of marks, version 1" });
    }
    let (mut marks, mut end) = (Vec::new(), MAGIC.len());
    while let Some((mark, after)) = entry(bytes, end) {
        let mark = Mark::decode(mark).map_err(|_| Damage { at: end, what: "an entry is not understood" })?;
        marks.push(mark);
        end = after;
    }
    let is_torn = (end + 1..bytes.len()).all(|at| entry(bytes, at).is_none());
    if is_torn {
        Ok(Read { marks, end })
    } else {
        Err(Damage { at: end, what: "an entry does not fit its checksum" })
    }
}

/// The whole entry at an offset: its mark, and where it ends.
fn entry(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (head, rest) = bytes.get(at..)?.split_first_chunk::<HEAD_BYTES>()?;
    let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let crc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    // No mark is empty, and zeros would fit their own checksum.
    let mark = rest.get(..length).filter(|_| (1..=MARK_BYTES_MAX).contains(&length))?;
    (CRC.checksum(mark) == crc).then_some((mark, at + HEAD_BYTES + length))
}
