//! What one instruction changes.

use std::collections::BTreeSet;

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, UsedMemory};

use super::{Compared, STACK_POINTER, State, gpr};
use crate::program::Program;
use crate::program::values::{Origin, Value, mask};

/// What a call need not preserve (System V ABI for x86-64, 3.2.1): rax, rcx, rdx, rsi, rdi, r8 to r11.
const SCRATCH: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];
/// What a call takes its arguments from: rdi, rsi, rdx, rcx, r8, r9.
const ARGUMENTS: [usize; 6] = [7, 6, 2, 1, 8, 9];

impl State {
    /// Goes over one instruction.
    pub fn step(&mut self, program: &Program<'_>, instruction: &Instruction) {
        let result = self.result(program, instruction);
        let is_compare = instruction.mnemonic() == Mnemonic::Cmp;
        if instruction.rflags_modified() != 0 {
            self.compared = None;
        }
        match instruction.mnemonic() {
            Mnemonic::Call => return self.call(instruction.ip()),
            Mnemonic::Push => return self.push(result),
            Mnemonic::Pop => {
                let top = self.registers[STACK_POINTER].clone();
                let value = self.at_top(&top);
                self.clobber(instruction);
                self.registers[STACK_POINTER] = top.plus(&Value::number(8));
                return self.set(instruction.op0_register(), value);
            }
            _ => {
                let top = self.registers[STACK_POINTER].plus(&Value::number(pushed_bytes(instruction)));
                self.clobber(instruction);
                if pushed_bytes(instruction) != 0 {
                    self.registers[STACK_POINTER] = top;
                }
            }
        }
        match (result, instruction.op0_kind()) {
            (Some(value), OpKind::Register) => self.set(instruction.op0_register(), value),
            (Some(value), OpKind::Memory) => self.store(instruction, value),
            _ if is_compare => self.compared = compared(instruction),
            _ => {}
        }
    }

    /// What an instruction leaves in its first operand, if that is known.
    fn result(&self, program: &Program<'_>, instruction: &Instruction) -> Option<Value> {
        let operand = |place| self.operand(program, instruction, place);
        let bits = instruction.op0_register().size().max(1) as u64 * 8 - 1;
        Some(match instruction.mnemonic() {
            Mnemonic::Mov | Mnemonic::Movzx => operand(1),
            Mnemonic::Push => operand(0),
            Mnemonic::Lea => self.address(instruction),
            Mnemonic::Xor if is_zeroing(instruction) => Value::number(0),
            _ if !matches!(instruction.op0_kind(), OpKind::Register) => return None,
            Mnemonic::Add => operand(0).plus(&operand(1)),
            Mnemonic::Sub => operand(0).minus(&operand(1)),
            Mnemonic::And => operand(0).and(&operand(1)),
            Mnemonic::Or => operand(0).calculated(&operand(1), |a, b| a | b),
            Mnemonic::Xor => operand(0).calculated(&operand(1), |a, b| a ^ b),
            Mnemonic::Shl => operand(0).calculated(&operand(1), |a, b| a << (b & bits.max(31))),
            Mnemonic::Shr => operand(0).calculated(&operand(1), |a, b| a >> (b & bits.max(31))),
            Mnemonic::Inc => operand(0).plus(&Value::number(1)),
            Mnemonic::Dec => operand(0).minus(&Value::number(1)),
            mnemonic if is_conditional_move(mnemonic) => operand(0).or(&operand(1)),
            _ => return None,
        })
    }

    /// Forgets what an instruction writes.
    fn clobber(&mut self, instruction: &Instruction) {
        let mut factory = InstructionInfoFactory::new();
        let info = factory.info(instruction);
        let written: Vec<_> = info
            .used_registers()
            .iter()
            .filter(|used| is_write(used.access()))
            .filter_map(|used| gpr(used.register()))
            .collect();
        let is_stored = info.used_memory().iter().any(|used| is_write(used.access()));
        if is_stored && instruction.op0_kind() == OpKind::Memory {
            self.store(instruction, Value::Any);
        } else if is_stored {
            self.forget_frame();
        }
        for place in written {
            self.registers[place] = Value::Any;
            self.forget_comparison(place);
        }
    }

    /// What a call leaves: nothing in what it need not preserve, nor behind a pointer to the stack that it was handed, but for what the function
    /// was given itself and keeps there.
    fn call(&mut self, at: u64) {
        for place in ARGUMENTS {
            if self.registers[place] == Value::Near(Origin::Stack) {
                self.forget_frame();
            }
            if let Value::From(Origin::Stack, handed) = &self.registers[place] {
                let lowest = handed.iter().map(|offset| offset.cast_signed()).min().unwrap_or(i64::MIN);
                self.stack
                    .retain(|start, (bytes, _)| start.cast_signed().saturating_add(*bytes as i64) <= lowest);
            }
        }
        SCRATCH.into_iter().for_each(|place| self.registers[place] = Value::Any);
        self.registers[0] = Value::at(Origin::Returned(at), BTreeSet::from([0]));
        self.compared = None;
    }
}

/// Every place in memory that an instruction writes, whether an operand names it or not.
pub(crate) fn stores(instruction: &Instruction) -> Vec<UsedMemory> {
    let mut factory = InstructionInfoFactory::new();
    let used = factory.info(instruction).used_memory().iter();
    used.filter(|used| is_write(used.access())).copied().collect()
}

const fn is_write(access: OpAccess) -> bool {
    !matches!(access, OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess)
}

fn is_zeroing(instruction: &Instruction) -> bool {
    instruction.op1_kind() == OpKind::Register && instruction.op0_register() == instruction.op1_register()
}

/// By how much an instruction that pushes or pops what no operand names moves the stack's pointer.
fn pushed_bytes(instruction: &Instruction) -> u64 {
    match instruction.mnemonic() {
        Mnemonic::Pushfq | Mnemonic::Popfq => {
            i64::from(instruction.stack_pointer_increment()).cast_unsigned()
        }
        _ => 0,
    }
}

/// What is compared with what, if it is a register with a number.
fn compared(instruction: &Instruction) -> Option<Compared> {
    let register = instruction.op0_register();
    let is_whole = register.is_gpr64() || register.is_gpr32();
    let mask = mask(register.size());
    let limit = instruction.try_immediate(1).ok()? & mask;
    Some(Compared { register: gpr(register).filter(|_| is_whole)?, mask, limit })
}

const fn is_conditional_move(mnemonic: Mnemonic) -> bool {
    use Mnemonic::{
        Cmova, Cmovae, Cmovb, Cmovbe, Cmove, Cmovg, Cmovge, Cmovl, Cmovle, Cmovne, Cmovno, Cmovnp, Cmovns,
        Cmovo, Cmovp, Cmovs,
    };
    matches!(
        mnemonic,
        Cmova
            | Cmovae
            | Cmovb
            | Cmovbe
            | Cmove
            | Cmovg
            | Cmovge
            | Cmovl
            | Cmovle
            | Cmovne
            | Cmovno
            | Cmovnp
            | Cmovns
            | Cmovo
            | Cmovp
            | Cmovs
    )
}
