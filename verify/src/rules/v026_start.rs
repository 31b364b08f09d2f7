//! V026: where the kernel starts.

use super::KernelRule;
use crate::program::{Program, branch_target};

const START: &str = "_start";
const NEXT: &str = "pre_init";
/// Hermit's start (hermit-kernel 0.11.0, `src/arch/x86_64/kernel/start.rs`), but for distances, which the linker writes.
const CODE: [Option<u8>; 56] = code(
    b"\x48\x8b\x05....\x8b\x08\x39\xf1\x74\x04\xf3\x90\xeb\xf6\x48\x8b\x05....\x48\x8b\0\x48\x85\xc0\x48\x0f\x45\xe0\x48\x8b\x05....\
      \x48\x89\x20\x48\x81\xc4\xf0\x7f\0\0\xe9....",
);

/// The kernel starts with Hermit's first instructions, which go on in Hermit.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V026", title: "the kernel starts with Hermit's start", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let entry = program.entry();
    let function =
        program.function_at(entry).filter(|function| function.start == entry && function.name == START);
    let function = function.ok_or_else(|| {
        let there =
            program.function_at(entry).map_or("nothing that has a name", |function| function.name.as_str());
        format!("it starts at {entry:#x}, in {there}, and not with {START}")
    })?;
    let bytes = program.bytes(function).unwrap_or_default();
    let is_same = bytes.len() == CODE.len()
        && CODE.iter().zip(bytes).all(|(code, byte)| code.is_none_or(|code| code == *byte));
    if !is_same {
        return Err(format!("{START} holds other instructions than Hermit's"));
    }
    let next = program.instructions(function).last().as_ref().and_then(branch_target);
    let next = next.and_then(|next| program.function_at(next).filter(|function| function.start == next));
    match next {
        Some(function) if function.name == NEXT => Ok(format!("{START} at {entry:#x}, then {NEXT}")),
        _ => Err(format!("{START} does not go on with {NEXT}")),
    }
}

/// Bytes, of which dots may be anything.
const fn code<const N: usize>(text: &[u8; N]) -> [Option<u8>; N] {
    let mut code = [None; N];
    let mut place = 0;
    while place < N {
        if text[place] != b'.' {
            code[place] = Some(text[place]);
        }
        place += 1;
    }
    code
}
