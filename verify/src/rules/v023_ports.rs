//! V023: ports of devices that have no place here.

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::KernelRule;
use crate::program::Program;

/// Ports of the keyboard controller, of disks (both channels) and of floppy disks.
const DEVICES: [(&str, std::ops::RangeInclusive<u64>); 6] = [
    ("keyboard", 0x60..=0x60),
    ("keyboard", 0x64..=0x64),
    ("disk", 0x1f0..=0x1f7),
    ("disk", 0x170..=0x177),
    ("disk", 0x376..=0x376),
    ("disk or floppy disk", 0x3f0..=0x3f7),
];

/// No function that reads or writes ports names one of a keyboard, a disk or a floppy disk.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V023", title: "the kernel uses no port of a keyboard or disk", check };

fn check(program: &Program<'_>) -> Result<String, String> {
    let mut users = 0;
    for (function, _) in program.functions_with(is_port_access) {
        users += 1;
        if let Some((device, instruction)) = forbidden(program.instructions(function)) {
            return Err(format!("{device}: {} at {:#x}: {instruction}", function.name, instruction.ip()));
        }
    }
    // The console is behind a port, so there is at least one.
    if users == 0 {
        Err("no function uses ports, which cannot be".to_owned())
    } else {
        Ok(format!("{users} functions use ports"))
    }
}

/// The first access to a port that is named and forbidden. A port that is computed is not known.
fn forbidden(instructions: impl Iterator<Item = Instruction>) -> Option<(&'static str, Instruction)> {
    let mut named = None;
    for instruction in instructions {
        if is_port_access(&instruction) {
            let port = constant(&instruction).or(named);
            let device = port.and_then(|port| DEVICES.iter().find(|(_, ports)| ports.contains(&port)));
            if let Some((device, _)) = device {
                return Some((device, instruction));
            }
        } else if instruction.op0_register().full_register() == Register::RDX {
            let is_load = instruction.mnemonic() == Mnemonic::Mov;
            named = if is_load { constant(&instruction) } else { None };
        } else if instruction.flow_control() == FlowControl::Call {
            named = None;
        }
    }
    None
}

fn is_port_access(instruction: &Instruction) -> bool {
    use Mnemonic::{In, Insb, Insd, Insw, Out, Outsb, Outsd, Outsw};
    matches!(instruction.mnemonic(), In | Out | Insb | Insw | Insd | Outsb | Outsw | Outsd)
}

/// The constant that an instruction names.
fn constant(instruction: &Instruction) -> Option<u64> {
    let is_constant = |&operand: &u32| {
        matches!(instruction.op_kind(operand), OpKind::Immediate8 | OpKind::Immediate16 | OpKind::Immediate32)
    };
    (0..instruction.op_count()).find(is_constant).map(|operand| instruction.immediate(operand))
}
