//! V022: registers of a receiver.

use iced_x86::{Instruction, OpKind, Register};

use super::{KernelRule, outside};
use crate::program::{Program, paths};

/// Where the registers of receive rings start, how far apart those of two queues are, and how many queues there are: Intel's 82574
/// (datasheet, 10.2) and 82576 (datasheet, 8.10). virtio has a number for its receive queue instead, 0, which cannot be told from
/// any other 0.
const RINGS: [(u64, u64, u64); 2] = [(0x2800, 0x100, 4), (0xc000, 0x40, 16)];
/// Within a queue: address (two halves), length, head, tail. What shows that a queue is off may be read: its control.
const RING_REGISTERS: [u64; 5] = [0x00, 0x04, 0x08, 0x10, 0x18];
/// What has a card's registers has this in its name.
const REGISTERS: &str = "noreturn_nic::memory::MmioRegion";

/// What the outside half does with a card's registers names none of a receive ring.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V022", title: "the outside half names no register of a receive ring", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let reached = outside::reach(program)?;
    let mut drivers = 0;
    for function in reached.functions().filter(|f| paths(&f.name).any(|path| path == REGISTERS)) {
        drivers += 1;
        if let Some(instruction) = program.instructions(function).find(|i| constants(i).any(is_of_a_ring)) {
            return Err(format!("{} at {:#x}: {instruction}", function.name, instruction.ip()));
        }
    }
    if drivers == 0 {
        return Err(
            "no function of the outside half has a card's registers, so their names have changed".to_owned()
        );
    }
    Ok(format!("{drivers} functions"))
}

fn is_of_a_ring(constant: u64) -> bool {
    RINGS.iter().any(|(start, distance, queues)| {
        constant
            .checked_sub(*start)
            .is_some_and(|offset| offset < distance * queues && RING_REGISTERS.contains(&(offset % distance)))
    })
}

/// Constants that an instruction names: immediate ones, and what it adds to an address that is not on the stack.
fn constants(instruction: &Instruction) -> impl Iterator<Item = u64> + use<> {
    let instruction = *instruction;
    (0..instruction.op_count()).filter_map(move |operand| match instruction.op_kind(operand) {
        OpKind::Immediate8
        | OpKind::Immediate16
        | OpKind::Immediate32
        | OpKind::Immediate64
        | OpKind::Immediate8to16
        | OpKind::Immediate8to32
        | OpKind::Immediate8to64
        | OpKind::Immediate32to64 => Some(instruction.immediate(operand)),
        OpKind::Memory
            if instruction.memory_base() != Register::RSP && !instruction.is_ip_rel_memory_operand() =>
        {
            Some(instruction.memory_displacement64())
        }
        _ => None,
    })
}
