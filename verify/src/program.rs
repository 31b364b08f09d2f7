//! The kernel as machine code: its functions by name, and which of them a function can come to.
//!
//! What is compiled is judged, not what was written: a function that the compiler has merged into its callers is judged as
//! part of them.

mod reach;

use std::collections::BTreeMap;

use iced_x86::{Decoder, DecoderOptions, Instruction};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};

pub(crate) use reach::Reached;

/// A program with its symbols.
#[derive(Debug)]
pub(crate) struct Program<'f> {
    sections: Vec<Code<'f>>,
    /// By address; none overlap.
    functions: Vec<Function>,
    /// Places in memory that hold an address when the program has been loaded.
    pointers: BTreeMap<u64, u64>,
}

/// A section that is executed.
#[derive(Debug)]
struct Code<'f> {
    start: u64,
    bytes: &'f [u8],
}

/// A piece of code.
#[derive(Debug)]
pub(crate) struct Function {
    /// As in the sources, without the compiler's hash; made of its address if it has no name.
    pub name: String,
    pub start: u64,
    end: u64,
}

/// Code between functions that only fills: `nop` in its forms, `int3`, zeros.
const FILLING: [u8; 14] =
    [0x00, 0xcc, 0x90, 0x66, 0x0f, 0x1f, 0x40, 0x44, 0x80, 0x84, 0x2e, 0x67, 0x48, 0x8d];
/// Between two functions the linker fills up to their alignment.
const FILLING_BYTES_MAX: u64 = 64;

impl<'f> Program<'f> {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// It is none, or it has no symbols: then nothing can be said of its functions.
    pub fn read(file: &'f [u8]) -> Result<Self, String> {
        let elf = object::File::parse(file).map_err(|error| format!("it is no ELF file: {error}"))?;
        let sections: Vec<_> = elf
            .sections()
            .filter(|section| section.kind() == SectionKind::Text)
            .filter_map(|section| Some(Code { start: section.address(), bytes: section.data().ok()? }))
            .collect();
        let functions = functions(&elf, &sections);
        if functions.iter().all(Function::is_unnamed) {
            return Err("it has no symbols, so its functions cannot be told apart".to_owned());
        }
        Ok(Self { sections, functions, pointers: pointers(&elf) })
    }

    /// All functions, by address.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function at an address.
    pub fn function_at(&self, address: u64) -> Option<&Function> {
        let place = self.functions.partition_point(|function| function.start <= address);
        self.functions[..place].last().filter(|function| address < function.end)
    }

    /// Its instructions.
    pub fn instructions(&self, function: &Function) -> impl Iterator<Item = Instruction> {
        let bytes = self.bytes(function).unwrap_or_default();
        Decoder::with_ip(64, bytes, function.start, DecoderOptions::NONE).into_iter()
    }

    /// Its machine code.
    fn bytes(&self, function: &Function) -> Option<&'f [u8]> {
        self.sections.iter().find_map(|section| section.get(function.start, function.end))
    }

    /// The ways from the function `start` to each function of which some instruction satisfies `is_meant`.
    ///
    /// # Errors
    /// There is no such function.
    pub fn ways(&self, start: &str, is_meant: impl Fn(&Instruction) -> bool) -> Result<Vec<String>, String> {
        if !self.functions.iter().any(|function| function.name == start) {
            return Err(format!("there is no {start}"));
        }
        let reached = self.reach(|function| function.name == start);
        let meant = reached.functions().filter(|function| self.instructions(function).any(|i| is_meant(&i)));
        Ok(meant.map(|function| reached.way_to(function)).collect())
    }

    /// Every function of which some instruction satisfies `is_meant`, with the first such instruction.
    pub fn functions_with(
        &self,
        is_meant: impl Fn(&Instruction) -> bool,
    ) -> impl Iterator<Item = (&Function, Instruction)> {
        self.functions.iter().filter_map(move |function| {
            Some((function, self.instructions(function).find(|instruction| is_meant(instruction))?))
        })
    }
}

impl<'f> Code<'f> {
    fn get(&self, start: u64, end: u64) -> Option<&'f [u8]> {
        let offset = |address: u64| usize::try_from(address.checked_sub(self.start)?).ok();
        self.bytes.get(offset(start)?..offset(end)?)
    }

    fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }
}

impl Function {
    /// A function that is nothing but a name.
    #[cfg(test)]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), start: 0, end: 0 }
    }

    /// Bytes of its machine code.
    pub const fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// Whether nothing says what it is.
    pub fn is_unnamed(&self) -> bool {
        self.name.starts_with('(')
    }
}

/// Whether `path` is `outer`, or lies in it.
pub(crate) fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The paths in a name, such as `a::b`, `c::D` and `e::F` in `<a::b as c::D<e::F>>::g`; the first says where the code comes from.
pub(crate) fn paths(name: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$' || c == '.';
    let pieces = name.split(move |c: char| !is_part(c));
    // What begins with colons goes on after a type: a method of it.
    pieces
        .filter(|piece| piece.contains("::") && !piece.starts_with(':'))
        .map(|path| path.trim_end_matches(':'))
}

/// Named functions, and what lies between them if it is more than filling.
fn functions(elf: &object::File<'_>, sections: &[Code<'_>]) -> Vec<Function> {
    let mut named: BTreeMap<u64, (u64, String)> = BTreeMap::new();
    for symbol in elf.symbols().filter(|symbol| is_function(symbol, sections)) {
        let name = format!("{:#}", rustc_demangle::demangle(symbol.name().unwrap_or("(unreadable)")));
        let known = named.entry(symbol.address()).or_insert((0, name));
        known.0 = known.0.max(symbol.size());
    }
    let mut functions = Vec::new();
    for section in sections {
        let mut at = section.start;
        let mut within = named.range(section.start..section.end()).peekable();
        while let Some((&start, (bytes, name))) = within.next() {
            add_unnamed(&mut functions, section, at, start);
            let next = within.peek().map_or(section.end(), |(next, _)| **next);
            // Assembly often has no sizes: then up to the next.
            let end = if *bytes == 0 { next } else { start.saturating_add(*bytes).min(next) };
            functions.push(Function { name: name.clone(), start, end });
            at = end;
        }
        add_unnamed(&mut functions, section, at, section.end());
    }
    functions
}

fn is_function(symbol: &object::Symbol<'_, '_>, sections: &[Code<'_>]) -> bool {
    let is_in_code =
        || sections.iter().any(|section| (section.start..section.end()).contains(&symbol.address()));
    symbol.kind() == SymbolKind::Text
        || symbol.kind() == SymbolKind::Unknown && symbol.size() == 0 && is_in_code()
}

fn add_unnamed(functions: &mut Vec<Function>, section: &Code<'_>, start: u64, end: u64) {
    let Some(bytes) = section.get(start, end).filter(|bytes| !bytes.is_empty()) else { return };
    if end - start >= FILLING_BYTES_MAX || bytes.iter().any(|byte| !FILLING.contains(byte)) {
        functions.push(Function { name: format!("(unnamed code at {start:#x})"), start, end });
    }
}

/// What the loader writes where: relocations that add the load address (System V ABI for x86-64, R_X86_64_RELATIVE).
fn pointers(elf: &object::File<'_>) -> BTreeMap<u64, u64> {
    let relocations = elf.dynamic_relocations().into_iter().flatten();
    relocations
        .filter(|(_, relocation)| matches!(relocation.target(), RelocationTarget::Absolute))
        .map(|(place, relocation)| (place, relocation.addend().cast_unsigned()))
        .collect()
}
