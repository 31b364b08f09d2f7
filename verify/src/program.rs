//! The kernel as machine code: its functions by name, and which of them a function can come to.
//!
//! Code is what the loader makes executable, by the program headers; the symbols, which are not loaded, only say what its pieces
//! are called. What is compiled is judged, not what was written: a function that the compiler has merged into its callers is judged
//! as part of them.

mod flow;
mod padding;
mod reach;
mod state;
mod tables;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, OpKind};
use object::elf::{self, FileHeader64};
use object::endian::LittleEndian as Le;
use object::read::elf::{FileHeader, Sym};

use crate::elf::{Code, Loaded};

pub(crate) use flow::Known;
pub(crate) use reach::Reached;
pub(crate) use state::{State, stores};
pub(crate) use values::{Origin, Value};

/// A program with its symbols.
#[derive(Debug)]
pub(crate) struct Program<'f> {
    loaded: Loaded<'f>,
    /// By address; none overlap.
    functions: Vec<Function>,
    /// Where functions start that never return.
    endless: BTreeSet<u64>,
}

/// A piece of code.
#[derive(Debug)]
pub(crate) struct Function {
    /// As in the sources, without the compiler's hash; made of its address if it has no name.
    pub name: String,
    pub start: u64,
    pub end: u64,
}

impl<'f> Program<'f> {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// It is none that is loaded soundly, it has no symbols, or two of its functions overlap: then nothing can be said of its functions.
    pub fn read(file: &'f [u8]) -> Result<Self, String> {
        let loaded = Loaded::read(file)?;
        let functions = functions(file, &loaded)?;
        if functions.iter().all(Function::is_unnamed) {
            return Err("it has no symbols, so its functions cannot be told apart".to_owned());
        }
        let mut program = Self { loaded, functions, endless: BTreeSet::new() };
        let endless = program.functions.iter().filter(|function| program.is_without_return(function));
        program.endless = endless.map(|function| function.start).collect();
        Ok(program)
    }

    /// Whether the function that starts there never returns.
    pub fn is_endless(&self, start: u64) -> bool {
        self.endless.contains(&start)
    }

    /// Whether nothing in a function returns or goes on elsewhere.
    fn is_without_return(&self, function: &Function) -> bool {
        !self.instructions(function).any(|instruction| match instruction.flow_control() {
            FlowControl::Return | FlowControl::IndirectBranch => true,
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                branch_target(&instruction).is_none_or(|target| !function.holds(target))
            }
            _ => false,
        })
    }

    /// Where it starts.
    pub const fn entry(&self) -> u64 {
        self.loaded.entry
    }

    /// Places in memory that hold an address when the program has been loaded.
    pub const fn pointers(&self) -> &BTreeMap<u64, u64> {
        &self.loaded.pointers
    }

    /// A number of 32 bits that the file has at an address.
    pub fn word(&self, address: u64) -> Option<i32> {
        let bytes = self.loaded.data(address, 4)?;
        Some(i32::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Whether an address is of what can be executed.
    pub fn is_code(&self, address: u64) -> bool {
        self.loaded.code().any(|code| (code.start..code.end()).contains(&address))
    }

    /// Whether the file has a byte for an address.
    pub fn is_loaded(&self, address: u64) -> bool {
        self.loaded.data(address, 1).is_some()
    }

    /// Whether bytes at an address are of its variables.
    pub fn is_variable(&self, address: u64, bytes: u64) -> bool {
        self.loaded.is_written(address, bytes)
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
    pub fn bytes(&self, function: &Function) -> Option<&'f [u8]> {
        self.loaded.code().find_map(|code| code.get(function.start, function.end))
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

    /// Whether an address lies in it.
    pub fn holds(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
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

/// The addresses that an instruction names: where it branches to, and what lies relative to it.
pub(crate) fn addresses(instruction: &Instruction) -> impl Iterator<Item = u64> + use<> {
    let memory = instruction.is_ip_rel_memory_operand().then(|| instruction.ip_rel_memory_address());
    branch_target(instruction).into_iter().chain(memory)
}

/// Where a branch or a call leads to, if the instruction says it.
pub(crate) fn branch_target(instruction: &Instruction) -> Option<u64> {
    let is_branch = instruction.op_count() > 0
        && matches!(
            instruction.op0_kind(),
            OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
        );
    is_branch.then(|| instruction.near_branch_target())
}

/// Named functions, and what lies between them if it is more than padding.
fn functions(file: &[u8], loaded: &Loaded<'_>) -> Result<Vec<Function>, String> {
    let named = named(file).map_err(|error| format!("its symbols cannot be read: {error}"))?;
    let mut functions = Vec::new();
    for code in loaded.code() {
        let mut at = code.start;
        for (start, end, name) in named.iter().filter(|(start, ..)| (code.start..code.end()).contains(start))
        {
            if *start < at || *end > code.end() {
                return Err(format!("{name} at {start:#x} lies on another function, or leaves the code"));
            }
            add_unnamed(&mut functions, &code, at, *start);
            functions.push(Function { name: name.clone(), start: *start, end: *end });
            at = *end;
        }
        add_unnamed(&mut functions, &code, at, code.end());
    }
    Ok(functions)
}

/// Functions with a size, as the symbols tell: start, end and name, by address.
fn named(file: &[u8]) -> object::read::Result<Vec<(u64, u64, String)>> {
    let header = FileHeader64::<Le>::parse(file)?;
    let symbols = header.sections(Le, file)?.symbols(Le, file, elf::SHT_SYMTAB)?;
    let functions =
        symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC && symbol.st_size(Le) > 0);
    let mut named: Vec<_> = functions
        .map(|symbol| {
            let name = symbol.name(Le, symbols.strings()).ok().and_then(|name| str::from_utf8(name).ok());
            let name = name.filter(|name| !name.is_empty()).unwrap_or("(unreadable)");
            let start = symbol.st_value(Le);
            (start, start.saturating_add(symbol.st_size(Le)), format!("{:#}", rustc_demangle::demangle(name)))
        })
        .collect();
    named.sort();
    Ok(named)
}

fn add_unnamed(functions: &mut Vec<Function>, code: &Code<'_>, start: u64, end: u64) {
    let Some(bytes) = code.get(start, end).filter(|bytes| !bytes.is_empty()) else { return };
    if !padding::is_padding(bytes) {
        functions.push(Function { name: format!("(unnamed code at {start:#x})"), start, end });
    }
}
