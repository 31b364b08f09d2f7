//! V024: vector registers.

use iced_x86::Instruction;

use super::KernelRule;
use crate::program::Program;

/// The only code that may use them: parity, in assembly. Tasks share the registers, and nothing else may come to depend on them.
const PARITY: &str = "noreturn_fec_";

/// Vector registers are used by the code that makes parity, and by no other.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V024", title: "only parity uses vector registers", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let mut parity = 0;
    for (function, instruction) in program.functions_with(uses_vectors) {
        if !function.name.starts_with(PARITY) {
            return Err(format!("{} at {:#x}: {instruction}", function.name, instruction.ip()));
        }
        parity += 1;
    }
    if parity == 0 {
        Err("not even parity does, so its names have changed".to_owned())
    } else {
        Ok(format!("{parity} functions"))
    }
}

fn uses_vectors(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|operand| {
        let register = instruction.op_register(operand);
        register.is_vector_register() || register.is_mm() || register.is_st()
    })
}
