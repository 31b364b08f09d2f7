//! The kernel as the loader takes it (System V ABI, chapters 4 and 5; hermit-entry's `KernelObject`): by its program headers and its
//! dynamic segment. Sections are for linkers and readers, so those that are loaded are held to agree with the segments.

mod relocations;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use object::elf::{self, FileHeader64, ProgramHeader64, SectionHeader64};
use object::endian::LittleEndian as Le;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

const SEGMENTS_MAX: u16 = 32;
/// What can be protected apart.
const PAGE_BYTES: u64 = 4096;

/// A program, as it lies in memory when it has been loaded at 0.
#[derive(Debug)]
pub(crate) struct Loaded<'f> {
    pub entry: u64,
    /// By address; none overlap.
    segments: Vec<Segment<'f>>,
    /// Places in memory that the loader writes an address to.
    pub pointers: BTreeMap<u64, u64>,
}

/// One part of the file that is loaded.
#[derive(Debug)]
struct Segment<'f> {
    address: u64,
    memory_bytes: u64,
    offset: u64,
    bytes: &'f [u8],
    is_executed: bool,
    is_written: bool,
}

/// A piece of code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code<'f> {
    pub start: u64,
    pub bytes: &'f [u8],
}

impl<'f> Code<'f> {
    pub const fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    pub fn get(&self, start: u64, end: u64) -> Option<&'f [u8]> {
        let offset = |address: u64| usize::try_from(address.checked_sub(self.start)?).ok();
        self.bytes.get(offset(start)?..offset(end)?)
    }
}

impl<'f> Loaded<'f> {
    /// Reads a position-independent program for x86-64.
    ///
    /// # Errors
    /// It is none, it does not load within itself, memory is both written and executed, what is executed is not all in the file, the loader
    /// would change code, it starts where nothing is executed, or its sections say something else; in words for people.
    pub fn read(file: &'f [u8]) -> Result<Self, String> {
        let header =
            FileHeader64::<Le>::parse(file).map_err(|error| format!("it is no ELF file: {error}"))?;
        let is_program = header.is_little_endian()
            && header.e_machine(Le) == elf::EM_X86_64
            && header.e_type(Le) == elf::ET_DYN
            && (1..=SEGMENTS_MAX).contains(&header.e_phnum(Le));
        let headers = is_program
            .then(|| header.program_headers(Le, file).ok())
            .flatten()
            .ok_or("it is not a 64-bit little-endian ELF program for x86-64 with a whole program header")?;
        if headers.iter().any(|header| header.p_type(Le) == elf::PT_INTERP) {
            return Err("it asks for an interpreter".to_owned());
        }
        let segments = segments(file, headers)?;
        let mut loaded = Self { entry: header.e_entry(Le), segments, pointers: BTreeMap::new() };
        loaded.pointers = relocations::read(file, headers, &loaded)?;
        if loaded.code().all(|code| !(code.start..code.end()).contains(&loaded.entry)) {
            return Err(format!("it starts at {:#x}, where nothing is executed", loaded.entry));
        }
        let sections = header.section_headers(Le, file).map_err(|error| error.to_string())?;
        sections.iter().try_for_each(|section| loaded.check_section(section))?;
        Ok(loaded)
    }

    /// Everything that can be executed, by address.
    pub fn code(&self) -> impl Iterator<Item = Code<'f>> {
        let executed = self.segments.iter().filter(|segment| segment.is_executed);
        executed.map(|segment| Code { start: segment.address, bytes: segment.bytes })
    }

    /// Constants and data as they are in the file.
    pub fn data(&self, address: u64, bytes: u64) -> Option<&'f [u8]> {
        let wanted = address..address.checked_add(bytes)?;
        self.segments
            .iter()
            .find_map(|s| Code { start: s.address, bytes: s.bytes }.get(wanted.start, wanted.end))
    }

    /// Whether memory is of its variables.
    pub fn is_written(&self, address: u64, bytes: u64) -> bool {
        let holds = |memory: Range<u64>| {
            memory.contains(&address) && address.checked_add(bytes).is_some_and(|end| end <= memory.end)
        };
        self.segments.iter().any(|segment| segment.is_written && holds(segment.memory()))
    }

    /// Memory that it takes.
    fn end(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.memory().end)
    }

    /// Whether a section that is loaded is what its segment says.
    fn check_section(&self, section: &SectionHeader64<Le>) -> Result<(), String> {
        let (flags, address, bytes) = (section.sh_flags(Le), section.sh_addr(Le), section.sh_size(Le));
        if !flags.contains(elf::SHF_ALLOC) || bytes == 0 {
            return Ok(());
        }
        let holds = |segment: &&Segment<'_>| {
            let memory = segment.memory();
            let is_within = memory.contains(&address) && bytes <= memory.end - address;
            let into = address.wrapping_sub(segment.address);
            let is_there = section.sh_type(Le) == elf::SHT_NOBITS
                || section.sh_offset(Le) == segment.offset.wrapping_add(into)
                    && into.saturating_add(bytes) <= segment.bytes.len() as u64;
            is_within
                && is_there
                && flags.contains(elf::SHF_EXECINSTR) == segment.is_executed
                && flags.contains(elf::SHF_WRITE) == segment.is_written
        };
        match self.segments.iter().find(holds) {
            Some(_) => Ok(()),
            None => Err(format!("the section at {address:#x} is not as its segment says")),
        }
    }
}

impl fmt::Display for Loaded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, segments, pointers } = self;
        write!(f, "{} segments, {} addresses in them, starts at {entry:#x}", segments.len(), pointers.len())
    }
}

impl Segment<'_> {
    const fn memory(&self) -> Range<u64> {
        self.address..self.address + self.memory_bytes
    }

    /// The pages that it lies in.
    const fn pages(&self) -> Range<u64> {
        let memory = self.memory();
        memory.start / PAGE_BYTES..memory.end.div_ceil(PAGE_BYTES)
    }
}

/// What is loaded, as the loader needs it: from 0 on, by address, and nothing on a page of something else that is code.
fn segments<'f>(file: &'f [u8], headers: &[ProgramHeader64<Le>]) -> Result<Vec<Segment<'f>>, String> {
    let loads = headers.iter().filter(|header| header.p_type(Le) == elf::PT_LOAD);
    let segments = loads.map(|header| segment(file, header)).collect::<Result<Vec<_>, _>>()?;
    if segments.first().is_none_or(|first| first.address != 0) {
        return Err("its first segment does not start at 0".to_owned());
    }
    for pair in segments.windows(2) {
        let [before, next] = pair else { continue };
        let is_code = before.is_executed || next.is_executed;
        if before.memory().end > next.address || is_code && before.pages().end > next.pages().start {
            return Err(format!("the segment at {:#x} lies on the one before it", next.address));
        }
    }
    Ok(segments)
}

fn segment<'f>(file: &'f [u8], header: &ProgramHeader64<Le>) -> Result<Segment<'f>, String> {
    let (address, memory_bytes) = (header.p_vaddr(Le), header.p_memsz(Le));
    let flags = header.p_flags(Le);
    let (is_executed, is_written) = (flags.contains(elf::PF_X), flags.contains(elf::PF_W));
    if is_executed && is_written {
        return Err(format!("the segment at {address:#x} can be written and executed"));
    }
    let bytes = header.data(Le, file).ok().filter(|bytes| bytes.len() as u64 <= memory_bytes);
    let (Some(bytes), Some(_)) = (bytes, address.checked_add(memory_bytes)) else {
        return Err(format!("the segment at {address:#x} does not fit the file or memory"));
    };
    if is_executed && bytes.len() as u64 != memory_bytes {
        return Err(format!("the segment at {address:#x} executes what is not in the file"));
    }
    Ok(Segment { address, memory_bytes, offset: header.p_offset(Le), bytes, is_executed, is_written })
}
