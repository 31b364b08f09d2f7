//! The description of the machine that the kernel gets: a flattened device tree (Devicetree Specification 0.4, chapter 5).
//!
//! Written into a given buffer, because its contents are known only when nothing can be allocated any more.

use core::fmt::{self, Write};

use crate::Refusal;
use crate::memory::Region;

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const VERSION_COMPATIBLE: u32 = 16;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;

const HEADER_BYTES: usize = 40;
/// The list of reserved memory: only its end, two zeros of 64 bits.
const RESERVATIONS_BYTES: usize = 16;
const STRUCTURE_OFFSET: usize = HEADER_BYTES + RESERVATIONS_BYTES;

/// Every property name that is used; this is the strings block.
const NAMES: &str = "compatible\0#address-cells\0#size-cells\0reg\0khz\0device_type\0bootargs\0";

/// What the kernel learns about the machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Address of the ACPI root pointer.
    pub acpi_root: u64,
    /// Frequency of the time stamp counter.
    pub tsc_khz: u32,
    /// The memory that the kernel may use.
    pub memory: Region,
    /// Arguments of the application.
    pub arguments: &'a str,
}

impl Machine<'_> {
    /// Writes the tree as hermit-kernel 0.11 reads it; returns its length in bytes.
    ///
    /// # Errors
    /// [`Refusal::TreeTooLong`].
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        let mut writer = Writer { buffer, used: STRUCTURE_OFFSET };
        self.write(&mut writer).and_then(|()| writer.finish()).map_err(|_| Refusal::TreeTooLong)
    }

    fn write(&self, tree: &mut Writer<'_>) -> fmt::Result {
        tree.begin_node(format_args!(""))?;
        tree.text("compatible", format_args!("hermit,uefi"))?;
        tree.property("#address-cells", &2_u32.to_be_bytes())?;
        tree.property("#size-cells", &2_u32.to_be_bytes())?;

        tree.begin_node(format_args!("hermit,rsdp@{:x}", self.acpi_root))?;
        tree.region(Region { start: self.acpi_root, bytes: 1 })?;
        tree.cell(END_NODE)?;

        tree.begin_node(format_args!("hermit,tsc"))?;
        tree.property("khz", &self.tsc_khz.to_be_bytes())?;
        tree.cell(END_NODE)?;

        tree.begin_node(format_args!("memory@{:x}", self.memory.start))?;
        tree.text("device_type", format_args!("memory"))?;
        tree.region(self.memory)?;
        tree.cell(END_NODE)?;

        tree.begin_node(format_args!("chosen"))?;
        // Hermit takes what stands before "--" for itself, and gives the application the rest.
        tree.text("bootargs", format_args!("-- {}", self.arguments))?;
        tree.cell(END_NODE)?;

        tree.cell(END_NODE)
    }
}

/// The tree so far: the structure block grows from its start; the strings follow at the end.
struct Writer<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        let end = self.used + bytes.len();
        self.buffer.get_mut(self.used..end).ok_or(fmt::Error)?.copy_from_slice(bytes);
        self.used = end;
        Ok(())
    }

    fn cell(&mut self, value: u32) -> fmt::Result {
        self.bytes(&value.to_be_bytes())
    }

    /// Everything in the structure block starts at a multiple of 4.
    fn align(&mut self) -> fmt::Result {
        while !self.used.is_multiple_of(4) {
            self.bytes(&[0])?;
        }
        Ok(())
    }

    fn begin_node(&mut self, name: fmt::Arguments<'_>) -> fmt::Result {
        self.cell(BEGIN_NODE)?;
        self.write_fmt(name)?;
        self.bytes(&[0])?;
        self.align()
    }

    fn begin_property(&mut self, name: &str, length: usize) -> fmt::Result {
        let offset = name_offset(name).ok_or(fmt::Error)?;
        self.cell(PROPERTY)?;
        self.cell(length as u32)?;
        self.cell(offset as u32)
    }

    fn property(&mut self, name: &str, value: &[u8]) -> fmt::Result {
        self.begin_property(name, value.len())?;
        self.bytes(value)?;
        self.align()
    }

    fn text(&mut self, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
        self.begin_property(name, 0)?;
        let start = self.used;
        self.write_fmt(value)?;
        self.bytes(&[0])?;
        let length = (self.used - start) as u32;
        // The length stands before the name's offset, which stands before the value.
        self.buffer[start - 8..start - 4].copy_from_slice(&length.to_be_bytes());
        self.align()
    }

    fn region(&mut self, region: Region) -> fmt::Result {
        self.begin_property("reg", 16)?;
        self.bytes(&region.start.to_be_bytes())?;
        self.bytes(&region.bytes.to_be_bytes())
    }

    /// Ends the structure block, adds the strings, and writes the header.
    fn finish(mut self) -> Result<usize, fmt::Error> {
        self.cell(END)?;
        let strings_offset = self.used;
        self.bytes(NAMES.as_bytes())?;
        let total = self.used;
        let header = [
            MAGIC,
            total as u32,
            STRUCTURE_OFFSET as u32,
            strings_offset as u32,
            HEADER_BYTES as u32,
            VERSION,
            VERSION_COMPATIBLE,
            0, // physical number of the boot processor
            NAMES.len() as u32,
            (strings_offset - STRUCTURE_OFFSET) as u32,
        ];
        self.buffer[HEADER_BYTES..STRUCTURE_OFFSET].fill(0);
        for (place, value) in self.buffer.chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&value.to_be_bytes());
        }
        Ok(total)
    }
}

impl Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes())
    }
}

/// Offset of `name` in [`NAMES`].
fn name_offset(name: &str) -> Option<usize> {
    let mut offset = 0;
    for known in NAMES.split_terminator('\0') {
        if known == name {
            return Some(offset);
        }
        offset += known.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use fdt::Fdt;

    use super::*;

    const MACHINE: Machine<'_> = Machine {
        acpi_root: 0x1f77_e014,
        tsc_khz: 2_995_200,
        memory: Region { start: 0x170_0000, bytes: 0x1_2345_6000 },
        arguments: "image-sha256=00ff config-bytes=12",
    };

    #[test]
    fn the_kernels_reader_finds_everything() {
        let mut buffer = [0xaa; 1024];
        let length = MACHINE.emit(&mut buffer).expect("it fits");
        let tree = Fdt::new(&buffer).expect("a tree");
        assert_eq!(tree.total_size(), length);
        assert_eq!(tree.root().compatible().first(), "hermit,uefi");

        let root_pointer = tree.find_node("/hermit,rsdp").and_then(|node| node.reg()?.next()).expect("rsdp");
        assert_eq!(root_pointer.starting_address as u64, MACHINE.acpi_root);
        let khz = tree.find_node("/hermit,tsc").and_then(|node| node.property("khz")?.as_usize());
        assert_eq!(khz, Some(MACHINE.tsc_khz as usize));

        let memory = tree.find_all_nodes("/memory").next().expect("memory");
        assert_eq!(memory.property("device_type").and_then(|p| p.as_str()), Some("memory"));
        let region = memory.reg().expect("reg").next().expect("one region");
        assert_eq!(region.starting_address as u64, MACHINE.memory.start);
        assert_eq!(region.size.map(|size| size as u64), Some(MACHINE.memory.bytes));

        assert_eq!(tree.chosen().bootargs(), Some("-- image-sha256=00ff config-bytes=12"));
    }

    #[test]
    fn a_buffer_one_byte_too_short_is_refused() {
        let mut buffer = [0; 1024];
        let length = MACHINE.emit(&mut buffer).expect("it fits");
        assert_eq!(MACHINE.emit(&mut buffer[..length]), Ok(length));
        for short in 0..length {
            assert_eq!(MACHINE.emit(&mut buffer[..short]), Err(Refusal::TreeTooLong));
        }
    }

    #[test]
    fn what_lay_in_the_buffer_does_not_matter() {
        let (mut zeros, mut ones) = ([0; 1024], [0xff; 1024]);
        let length = MACHINE.emit(&mut zeros).expect("it fits");
        assert_eq!(MACHINE.emit(&mut ones), Ok(length));
        assert_eq!(zeros[..length], ones[..length]);
    }
}
