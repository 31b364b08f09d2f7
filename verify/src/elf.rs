//! The kernel's ELF header and segments (System V ABI, chapters 4 and 5), as far as starting it depends on them.

use crate::bytes::{u16_at, u32_at, u64_at};

const HEADER_BYTES: u16 = 64;
const SEGMENT_BYTES: usize = 56;
const SEGMENTS_MAX: usize = 32;
const X86_64: u16 = 62;
const POSITION_INDEPENDENT: u16 = 3;
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
const EXECUTE: u32 = 1;
const WRITE: u32 = 2;

/// One part of the file that is loaded.
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    file_bytes: u64,
    memory_bytes: u64,
}

/// Checks that `file` is a position-independent program for x86-64 that loads within itself, that no memory is both
/// written and executed, and that it starts in memory that is executed. Returns a few words about it.
pub(crate) fn check(file: &[u8]) -> Result<String, String> {
    let (entry, segments) = parse(file)
        .ok_or("it is not a 64-bit little-endian ELF program for x86-64 with a whole program header")?;
    if segments.iter().any(|segment| segment.kind == INTERPRETER) {
        return Err("it asks for an interpreter".to_owned());
    }
    let loaded: Vec<_> = segments.iter().filter(|segment| segment.kind == LOAD).collect();
    for segment in &loaded {
        segment.check(file.len() as u64)?;
    }
    let starts_in = |segment: &&&Segment| {
        segment.flags & EXECUTE != 0
            && (segment.address..segment.address.saturating_add(segment.file_bytes)).contains(&entry)
    };
    match loaded.iter().find(starts_in) {
        Some(_) => Ok(format!("{} segments, starts at {entry:#x}", loaded.len())),
        None => Err(format!("it starts at {entry:#x}, where nothing is executed")),
    }
}

impl Segment {
    fn check(&self, file_bytes: u64) -> Result<(), String> {
        let Self { flags, offset, address, file_bytes: bytes, memory_bytes, .. } = *self;
        if flags & WRITE != 0 && flags & EXECUTE != 0 {
            return Err(format!("the segment at {address:#x} can be written and executed"));
        }
        let within = offset.checked_add(bytes).is_some_and(|end| end <= file_bytes);
        if !within || bytes > memory_bytes || address.checked_add(memory_bytes).is_none() {
            return Err(format!("the segment at {address:#x} does not fit the file or memory"));
        }
        Ok(())
    }
}

/// Where the program starts, and its segments.
fn parse(file: &[u8]) -> Option<(u64, Vec<Segment>)> {
    let is_program = file.starts_with(b"\x7fELF\x02\x01\x01")
        && u16_at(file, 16)? == POSITION_INDEPENDENT
        && u16_at(file, 18)? == X86_64
        && u16_at(file, 52)? == HEADER_BYTES
        && u16_at(file, 54)? as usize == SEGMENT_BYTES;
    let count = usize::from(u16_at(file, 56)?);
    if !is_program || !(1..=SEGMENTS_MAX).contains(&count) {
        return None;
    }
    let first = usize::try_from(u64_at(file, 32)?).ok()?;
    let segments = (0..count).map(|index| parse_segment(file, first.checked_add(index * SEGMENT_BYTES)?));
    Some((u64_at(file, 24)?, segments.collect::<Option<_>>()?))
}

fn parse_segment(file: &[u8], at: usize) -> Option<Segment> {
    let segment = file.get(at..at.checked_add(SEGMENT_BYTES)?)?;
    Some(Segment {
        kind: u32_at(segment, 0)?,
        flags: u32_at(segment, 4)?,
        offset: u64_at(segment, 8)?,
        address: u64_at(segment, 16)?,
        file_bytes: u64_at(segment, 32)?,
        memory_bytes: u64_at(segment, 40)?,
    })
}
