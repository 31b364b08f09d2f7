//! What is known of registers and the stack at one point of a function, as far as constants tell. Believed is that memory of the
//! function's frame changes only through what its own instructions store and through pointers that it hands to a call.

mod memory;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{ConditionCode, Instruction, OpKind, Register};

use super::Program;
use super::values::{Origin, Value, mask};
pub(crate) use step::stores;

const REGISTERS: usize = 16;
const STACK_POINTER: usize = 4;

/// A register, as many bits of it as the mask has, and the number that it was compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Compared {
    register: usize,
    mask: u64,
    limit: u64,
}

/// What is known at one point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct State {
    registers: [Value; REGISTERS],
    /// By distance from the stack's pointer at the entry: bytes, and what they hold.
    stack: BTreeMap<u64, (usize, Value)>,
    /// What was compared last, while it is what it was.
    compared: Option<Compared>,
}

impl State {
    /// At the entry of a function.
    pub fn entry() -> Self {
        let mut registers = [const { Value::Any }; REGISTERS];
        for (place, register) in registers.iter_mut().enumerate() {
            let origin = if place == STACK_POINTER { Origin::Stack } else { Origin::Argument(place) };
            *register = Value::at(origin, BTreeSet::from([0]));
        }
        Self { registers, stack: BTreeMap::new(), compared: None }
    }

    /// Where nothing is known but that the stack is the function's.
    pub fn unknown() -> Self {
        let mut registers = [const { Value::Any }; REGISTERS];
        registers[STACK_POINTER] = Value::Near(Origin::Stack);
        Self { registers, stack: BTreeMap::new(), compared: None }
    }

    /// What is left if distances are no longer told apart.
    pub fn widened(&self) -> Self {
        let registers = self.registers.each_ref().map(Value::widened);
        Self { registers, stack: BTreeMap::new(), compared: None }
    }

    /// What a register holds, all of it or its lowest bytes.
    pub fn register(&self, register: Register) -> Value {
        let is_high = matches!(register, Register::AH | Register::BH | Register::CH | Register::DH);
        match self.registers.get(register.full_register().number()) {
            Some(value) if register.is_gpr() && !is_high => value.cut(register.size()),
            _ => Value::Any,
        }
    }

    /// Takes up what another path brings here; whether anything is less known for it.
    pub fn join(&mut self, other: &Self) -> bool {
        let mut joined = self.clone();
        for (mine, theirs) in joined.registers.iter_mut().zip(&other.registers) {
            *mine = mine.or(theirs);
        }
        joined.stack.retain(|place, (bytes, value)| match other.stack.get(place) {
            Some((theirs, other)) if theirs == bytes => {
                *value = value.or(other);
                *value != Value::Any
            }
            _ => false,
        });
        if joined.compared != other.compared {
            joined.compared = None;
        }
        let is_less = joined != *self;
        *self = joined;
        is_less
    }

    /// What is known if the condition of a branch is, or is not, met; nothing if it cannot be.
    pub fn when(mut self, condition: ConditionCode, is_met: bool) -> Option<Self> {
        let Some(Compared { register, mask, limit }) = self.compared else { return Some(self) };
        let holds = |number: u64| match condition {
            ConditionCode::e => Some(number == limit),
            ConditionCode::ne => Some(number != limit),
            ConditionCode::b => Some(number < limit),
            ConditionCode::ae => Some(number >= limit),
            ConditionCode::be => Some(number <= limit),
            ConditionCode::a => Some(number > limit),
            _ => None,
        };
        if let Value::From(Origin::Number, numbers) = &mut self.registers[register] {
            numbers.retain(|number| holds(*number & mask).is_none_or(|holds| holds == is_met));
            if numbers.is_empty() {
                return None;
            }
        }
        Some(self)
    }

    /// What an operand holds.
    pub fn operand(&self, program: &Program<'_>, instruction: &Instruction, operand: u32) -> Value {
        match instruction.op_kind(operand) {
            OpKind::Register => self.register(instruction.op_register(operand)),
            OpKind::Memory => self.load(program, instruction),
            _ => match instruction.try_immediate(operand) {
                Ok(number) => Value::number(number),
                Err(_) => Value::Any,
            },
        }
    }

    fn set(&mut self, register: Register, value: Value) {
        let Some(place) = gpr(register) else { return };
        let old = self.registers[place].clone();
        let is_high = matches!(register, Register::AH | Register::BH | Register::CH | Register::DH);
        self.registers[place] = match register.size() {
            _ if is_high => Value::Any,
            8 => value,
            4 => value.cut(4),
            bytes => match (old.map(|n| n & !mask(bytes)), value.cut(bytes)) {
                (Value::Any, Value::From(Origin::Number, words)) if bytes == 2 => {
                    Value::at(Origin::Word, words)
                }
                (rest, value) => rest.calculated(&value, |a, b| a | b),
            },
        };
        self.forget_comparison(place);
    }

    fn forget_comparison(&mut self, register: usize) {
        if self.compared.is_some_and(|compared| compared.register == register) {
            self.compared = None;
        }
    }
}

fn gpr(register: Register) -> Option<usize> {
    register.is_gpr().then(|| register.full_register().number())
}
