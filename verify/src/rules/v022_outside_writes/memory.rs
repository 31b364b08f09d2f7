//! Which memory an instruction of the outside half must not write, whichever function it is in.

use iced_x86::{Instruction, Mnemonic, OpKind, Register, UsedMemory};

use super::is_repeated;
use crate::program::{Origin, Program, State, Value, stores};

/// What is written relative to a segment's base lies on the page that it leads to.
const SEGMENT_BYTES: u64 = 4096;

/// What stands against an instruction, if anything does.
pub(super) fn objection(program: &Program<'_>, instruction: &Instruction, state: &State) -> Option<String> {
    stores(instruction).iter().find_map(|used| against(program, instruction, used, state))
}

fn against(
    program: &Program<'_>,
    instruction: &Instruction,
    used: &UsedMemory,
    state: &State,
) -> Option<String> {
    let place = state.place_of(used);
    if has_bit_index(instruction) {
        return Some(
            "writes a bit whose number is in a register, which can be far from the operand".to_owned(),
        );
    }
    if used.index() != Register::None && !used.index().is_gpr() {
        return Some("writes to places that are in a vector".to_owned());
    }
    if used.base() == Register::RSP && !is_stack(&state.register(Register::RSP)) {
        return Some("writes by the stack's pointer, which leads to something else than a stack".to_owned());
    }
    if matches!(used.segment(), Register::FS | Register::GS) {
        let is_near = place.numbers().is_some_and(|places| places.iter().all(|place| *place < SEGMENT_BYTES));
        return (!is_near).then(|| "writes to a place in a segment that is not known".to_owned());
    }
    let bytes = used.memory_size().size().max(1) as u64;
    absolute(program, &place, if is_repeated(instruction) { None } else { Some(bytes) })
        .map(|place| format!("writes to {place}"))
}

/// What a place is that is a number, and none of the kernel's variables; of how many bytes is not known if it is written again and again.
pub(super) fn absolute(program: &Program<'_>, place: &Value, bytes: Option<u64>) -> Option<String> {
    if place.numbers().is_none() && place.is_absolute() {
        return Some("an address that is counted from a number".to_owned());
    }
    let is_variable = |place: &u64| bytes.is_some_and(|bytes| program.is_variable(*place, bytes));
    let other = place.numbers()?.iter().find(|place| !is_variable(place))?;
    Some(match bytes {
        Some(_) => format!("the address {other:#x}, where the kernel has no variable"),
        None => format!("the address {other:#x} and so many places behind it that it is not known"),
    })
}

/// The function's own stack, the one of Hermit's system calls, or the one that a switch of tasks was given: then who gives it is asked.
const fn is_stack(place: &Value) -> bool {
    matches!(place.pointer(), Some(Origin::Stack | Origin::KernelStack | Origin::Argument(_)))
}

fn has_bit_index(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc)
        && instruction.op0_kind() == OpKind::Memory
        && instruction.op1_kind() == OpKind::Register
}
