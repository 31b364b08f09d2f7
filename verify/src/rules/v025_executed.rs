//! V025: what can be executed.

use std::collections::BTreeSet;

use iced_x86::Instruction;

use super::KernelRule;
use crate::program::{Function, Program, addresses, branch_target};

/// Every byte that the loader makes executable is an instruction of a function with a name, or padding; branches and addresses lead to where
/// an instruction starts, so that what is decoded here is what runs.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V025", title: "all that can be executed is instructions of named functions", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let mut starts = BTreeSet::new();
    for function in program.functions() {
        decode(program, function, &mut starts)?;
    }
    let leads = |address: u64| starts.contains(&address);
    for function in program.functions() {
        if let Some(instruction) =
            program.instructions(function).find(|i| astray(program, i, leads).is_some())
        {
            let target = astray(program, &instruction, leads).unwrap_or_default();
            return Err(format!(
                "{} at {:#x} leads to {target:#x}, where no instruction starts ({instruction})",
                function.name,
                instruction.ip()
            ));
        }
    }
    match program.pointers().iter().find(|(_, target)| program.is_code(**target) && !leads(**target)) {
        None => Ok(format!("{} functions, {} instructions", program.functions().len(), starts.len())),
        Some((place, target)) => {
            Err(format!("the address at {place:#x} leads to {target:#x}, where no instruction starts"))
        }
    }
}

/// Remembers where the instructions of a function start, which must fill it.
fn decode(program: &Program<'_>, function: &Function, starts: &mut BTreeSet<u64>) -> Result<(), String> {
    if function.is_unnamed() {
        return Err(format!(
            "{} bytes are neither a function nor padding: {}",
            function.bytes(),
            function.name
        ));
    }
    let mut end = function.start;
    for instruction in program.instructions(function) {
        if instruction.is_invalid() {
            return Err(format!(
                "{} at {:#x} has bytes that are no instruction",
                function.name,
                instruction.ip()
            ));
        }
        starts.insert(instruction.ip());
        end = instruction.next_ip();
    }
    if end == function.end { Ok(()) } else { Err(format!("{} ends within an instruction", function.name)) }
}

/// Where an instruction leads that is no start of another one.
fn astray(program: &Program<'_>, instruction: &Instruction, leads: impl Fn(u64) -> bool) -> Option<u64> {
    let branch = branch_target(instruction);
    addresses(instruction)
        .find(|address| (branch == Some(*address) || program.is_code(*address)) && !leads(*address))
}
