//! A small kernel that every rule accepts, for tests: an ELF program with functions and symbols, and nothing that runs; and a loader
//! whose digest can be taken.

use noreturn_image_format::owner::NO_OWNER;

/// Functions of a sound kernel: where its outside half begins, who may do what, and where it starts.
const FUNCTIONS: [(&str, &[u8]); 10] = [
    ("noreturn_kernel::start_outside", b"\xc3"),
    ("<noreturn_kernel::outside::Outside>::step", b"\xe8\x3b\0\0\0\xc3"), // calls the next
    // mov edx, 3818h; jmp write32
    (
        "<noreturn_nic::e1000e::transmit::Transmitter<noreturn_nic::memory::MmioRegion> as noreturn_nic::transmit::TransmitOnly>::transmit",
        b"\xba\x18\x38\0\0\xe9\xb6\x01\0\0",
    ),
    ("<noreturn_nic::intel::receive::ReceiveRing>::take", b"\xc3"),
    ("<smoltcp::iface::interface::Interface>::poll", b"\xc3"),
    ("<noreturn_kernel::stop::LastWords as core::fmt::Write>::write_str", b"\xba\xf8\x03\0\0\xee\xc3"), // mov edx, 3f8h; out dx, al
    ("noreturn_fec_ssse3_1", b"\x66\x0f\xef\xc0\xc3"), // pxor xmm0, xmm0
    ("_start", START),
    ("pre_init", b"\xc3"),
    (
        "<noreturn_nic::memory::MmioRegion as noreturn_nic::registers::Registers>::write32",
        b"\x89\x0c\x17\xc3",
    ), // mov [rdi+rdx], ecx
];
/// Hermit's first instructions; the distances lead to the model's only pointer, and to the next function.
const START: &[u8] = b"\x48\x8b\x05\0\0\0\0\x8b\x08\x39\xf1\x74\x04\xf3\x90\xeb\xf6\x48\x8b\x05\0\0\0\0\x48\x8b\0\x48\x85\xc0\x48\x0f\x45\xe0\x48\x8b\x05\0\0\0\0\
    \x48\x89\x20\x48\x81\xc4\xf0\x7f\0\0\xe9\x08\0\0\0";
/// The number of the function that the kernel starts with.
pub const START_FUNCTION: usize = 7;
/// Every function of the kernel lies so many bytes behind the one before it; what it does not fill is padding.
pub const FUNCTION_BYTES: usize = 64;

/// Where the program headers lie in the file: of constants, code and data that are loaded, and of the dynamic segment.
pub const PROGRAM_HEADERS: usize = 64;
/// See [`PROGRAM_HEADERS`].
pub const PROGRAM_HEADER_BYTES: usize = 56;
const PROGRAM_HEADER_COUNT: usize = 4;
/// Where the model's only relocation lies in the file.
pub const RELOCATION: usize = PROGRAM_HEADERS + PROGRAM_HEADER_COUNT * PROGRAM_HEADER_BYTES;
const RELOCATION_BYTES: usize = 24;
/// Where the code lies in the file.
pub const CODE: usize = 320;
/// Code and data are on pages of their own in memory, a page further than in the file, and two.
const CODE_ADDRESS: usize = CODE + 0x1000;
const DATA_DISTANCE: usize = 0x2000;
/// A pointer, then the dynamic segment with three entries.
const POINTER_BYTES: usize = 8;
const DYNAMIC_BYTES: usize = 48;
const KERNEL_BYTES: usize = 5121;

/// Where a function of the model starts in memory.
#[must_use]
pub const fn address(place: usize) -> u64 {
    (CODE_ADDRESS + place * FUNCTION_BYTES) as u64
}

/// An ELF program that is loaded and executed, with functions and symbols, and some bytes.
#[must_use]
pub fn kernel() -> Vec<u8> {
    kernel_of(&FUNCTIONS)
}

/// The same program with one function more.
#[must_use]
pub fn kernel_with(name: &str, code: &[u8]) -> Vec<u8> {
    kernel_of(&[&FUNCTIONS[..], &[(name, code)]].concat())
}

/// The same program with another function in place of the one at `place`.
#[must_use]
pub fn kernel_with_other(place: usize, name: &str, code: &[u8]) -> Vec<u8> {
    let mut functions = FUNCTIONS;
    functions[place] = (name, code);
    kernel_of(&functions)
}

fn kernel_of(functions: &[(&str, &[u8])]) -> Vec<u8> {
    let code_bytes = functions.len() * FUNCTION_BYTES;
    let data = CODE + code_bytes;
    let mut kernel = vec![0; CODE];
    kernel[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    kernel[16] = 3; // position-independent
    kernel[18] = 62; // x86-64
    kernel[24..32].copy_from_slice(&address(START_FUNCTION).to_le_bytes()); // starts here
    kernel[32] = PROGRAM_HEADERS as u8;
    kernel[52] = 64;
    kernel[54] = PROGRAM_HEADER_BYTES as u8;
    kernel[56] = PROGRAM_HEADER_COUNT as u8;
    let data_address = data + DATA_DISTANCE;
    let data_bytes = POINTER_BYTES + DYNAMIC_BYTES;
    let headers: [(u32, u32, usize, usize, usize); PROGRAM_HEADER_COUNT] = [
        (1, 4, 0, 0, RELOCATION + RELOCATION_BYTES),
        (1, 5, CODE, CODE_ADDRESS, code_bytes),
        (1, 6, data, data_address, data_bytes),
        (2, 6, data + POINTER_BYTES, data_address + POINTER_BYTES, DYNAMIC_BYTES),
    ];
    for (place, (kind, flags, offset, address, bytes)) in headers.into_iter().enumerate() {
        let words = [offset, address, address, bytes, bytes, 8].map(|word| (word as u64).to_le_bytes());
        let header = [kind.to_le_bytes(), flags.to_le_bytes()].concat();
        let header = [header, words.concat()].concat();
        let at = PROGRAM_HEADERS + place * PROGRAM_HEADER_BYTES;
        kernel[at..at + PROGRAM_HEADER_BYTES].copy_from_slice(&header);
    }
    // The pointer is to the first function (R_X86_64_RELATIVE).
    let relocation = [data_address as u64, 8, address(0)].map(u64::to_le_bytes).concat();
    kernel[RELOCATION..RELOCATION + RELOCATION_BYTES].copy_from_slice(&relocation);
    for (_, code) in functions {
        kernel.extend(code.iter().chain(&[0xcc; FUNCTION_BYTES]).take(FUNCTION_BYTES));
    }
    kernel.extend([0; POINTER_BYTES]);
    let dynamic = [(7, RELOCATION), (8, RELOCATION_BYTES), (0, 0)]; // DT_RELA, DT_RELASZ, DT_NULL
    kernel.extend(dynamic.iter().flat_map(|(tag, value)| [*tag, *value as u64]).flat_map(u64::to_le_bytes));
    add_symbols(&mut kernel, functions);
    let filler = (0..).map(|n: u32| (n % 241) as u8);
    let missing = KERNEL_BYTES - kernel.len();
    kernel.extend(filler.take(missing));
    kernel
}

/// Sections (System V ABI, chapter 4): none, code, symbols, names of symbols, names of sections.
fn add_symbols(kernel: &mut Vec<u8>, functions: &[(&str, &[u8])]) {
    let (mut symbols, mut names) = (vec![0; 24], vec![0]);
    for (place, (name, code)) in functions.iter().enumerate() {
        symbols.extend((names.len() as u32).to_le_bytes());
        symbols.extend([2, 0, 1, 0]); // a local function in section 1
        symbols.extend(address(place).to_le_bytes());
        symbols.extend((code.len() as u64).to_le_bytes());
        names.extend(name.bytes().chain([0]));
    }
    let section_names = b"\0.text\0.symtab\0.strtab\0".to_vec();
    let code_bytes = (functions.len() * FUNCTION_BYTES) as u64;
    let mut headers = vec![0_u8; 64];
    let mut add =
        |name: u32, kind: u32, flags: u64, address: u64, offset: u64, bytes: u64, link: u32, entry: u64| {
            headers.extend([name, kind].iter().flat_map(|n| n.to_le_bytes()));
            headers.extend([flags, address, offset, bytes].iter().flat_map(|n| n.to_le_bytes()));
            headers.extend([link, functions.len() as u32 + 1].iter().flat_map(|n| n.to_le_bytes()));
            headers.extend([8, entry].iter().flat_map(|n| n.to_le_bytes()));
        };
    let at = |kernel: &mut Vec<u8>, bytes: &[u8]| {
        let start = kernel.len().next_multiple_of(8);
        kernel.resize(start, 0);
        kernel.extend(bytes);
        start as u64
    };
    add(1, 1, 6, address(0), CODE as u64, code_bytes, 0, 0);
    add(7, 2, 0, 0, at(kernel, &symbols), symbols.len() as u64, 3, 24);
    add(15, 3, 0, 0, at(kernel, &names), names.len() as u64, 0, 0);
    add(15, 3, 0, 0, at(kernel, &section_names), section_names.len() as u64, 0, 0);
    let place = at(kernel, &headers);
    kernel[40..48].copy_from_slice(&place.to_le_bytes());
    kernel[58] = 64; // bytes of a section header
    kernel[60] = 5; // of them
    kernel[62] = 4; // names of sections
}

/// Where the loader has its header, its optional header and its table of sections.
pub const LOADER_HEADER: usize = 0x40;
/// See [`LOADER_HEADER`].
pub const LOADER_OPTIONAL: usize = LOADER_HEADER + 24;
/// See [`LOADER_HEADER`].
pub const LOADER_SECTION: usize = LOADER_OPTIONAL + 240;

/// Where the loader has its mark and the owner's key.
const LOADER_OWNER: usize = 530;

/// A PE32+ program that is not signed: headers of 512 bytes, a section of 100 bytes, and 24 bytes behind it.
#[must_use]
pub fn loader() -> Vec<u8> {
    let mut program: Vec<u8> = (0..640_u32).map(|place| (place % 251) as u8).collect();
    let mut put = |place: usize, bytes: &[u8]| program[place..place + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &(LOADER_HEADER as u32).to_le_bytes());
    put(LOADER_HEADER, b"PE\0\0");
    put(LOADER_HEADER + 6, &1_u16.to_le_bytes());
    put(LOADER_HEADER + 20, &240_u16.to_le_bytes());
    put(LOADER_OPTIONAL, &0x20b_u16.to_le_bytes());
    put(LOADER_OPTIONAL + 60, &512_u32.to_le_bytes());
    put(LOADER_OPTIONAL + 64, &[0; 4]);
    put(LOADER_OPTIONAL + 108, &16_u32.to_le_bytes());
    put(LOADER_OPTIONAL + 144, &[0; 8]);
    put(LOADER_SECTION + 16, &100_u32.to_le_bytes());
    put(LOADER_SECTION + 20, &512_u32.to_le_bytes());
    put(LOADER_OWNER, &NO_OWNER);
    program
}
