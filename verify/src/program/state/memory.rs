//! Memory: which addresses operands have, and what the stack holds.

use std::collections::BTreeSet;

use iced_x86::{Instruction, Register, UsedMemory};

use super::{STACK_POINTER, State};
use crate::program::Program;
use crate::program::values::{Origin, Value, bounded};

/// Where Hermit has the address of its data of this processor core in that data, which GS leads to, and where in it that of the stack for its
/// system calls (`CoreLocal` of `hermit-kernel`).
const CORE: u64 = 8;
const KERNEL_STACK: u64 = 0x20;

impl State {
    /// The address that an operand in memory has.
    pub fn address(&self, instruction: &Instruction) -> Value {
        if instruction.is_ip_rel_memory_operand() {
            return Value::number(instruction.ip_rel_memory_address());
        }
        if instruction.has_segment_prefix() {
            return Value::Any;
        }
        let part =
            |register| if register == Register::None { Value::number(0) } else { self.register(register) };
        let scale = u64::from(instruction.memory_index_scale());
        let index = match (scale, part(instruction.memory_index())) {
            (1, index) => index,
            (_, index) => index.map(|number| number.wrapping_mul(scale)),
        };
        let displacement = Value::number(instruction.memory_displacement64());
        part(instruction.memory_base()).plus(&index).plus(&displacement)
    }

    /// The address of memory that an instruction uses, whether an operand names it or not.
    pub fn place_of(&self, used: &UsedMemory) -> Value {
        let part = |register: Register| {
            if register == Register::None { Value::number(0) } else { self.register(register) }
        };
        let index = match (u64::from(used.scale()), part(used.index())) {
            (1, index) => index,
            (scale, index) => index.map(|number| number.wrapping_mul(scale)),
        };
        part(used.base()).plus(&index).plus(&Value::number(used.displacement()))
    }

    /// Whether an operand in memory is on the stack, wherever there.
    pub fn is_on_stack(&self, instruction: &Instruction) -> bool {
        let is_of_stack = |register: Register| {
            matches!(self.register(register), Value::From(Origin::Stack, _) | Value::Near(Origin::Stack))
        };
        let parts = [instruction.memory_base(), instruction.memory_index()];
        parts.into_iter().any(|part| part == Register::RSP || is_of_stack(part))
    }

    pub(super) fn load(&self, program: &Program<'_>, instruction: &Instruction) -> Value {
        let bytes = instruction.memory_size().size();
        if is_core(instruction) {
            return Value::at(Origin::Core, BTreeSet::from([0]));
        }
        match self.address(instruction) {
            Value::From(Origin::Core, places) if bytes == 8 && places.iter().eq([&KERNEL_STACK]) => {
                Value::at(Origin::KernelStack, BTreeSet::from([0]))
            }
            Value::From(Origin::Stack, places) => {
                let mut found = places.iter().map(|place| self.slot(*place, bytes));
                let first = found.next().unwrap_or(Value::Any);
                match found.fold(first, |all, value| all.or(&value)) {
                    Value::Any if bytes == 8 => loaded(instruction),
                    value => value,
                }
            }
            Value::From(Origin::Number, places) if bytes == 8 => {
                let targets: Option<Vec<_>> =
                    places.iter().map(|place| program.pointers().get(place).copied()).collect();
                targets.map_or(Value::Any, |targets| bounded(Origin::Number, targets.into_iter()))
            }
            _ if bytes == 8 => loaded(instruction),
            _ => Value::Any,
        }
    }

    /// What is on the stack: what was stored there as a whole, or bytes of numbers that were.
    fn slot(&self, place: u64, bytes: usize) -> Value {
        if let Some((_, value)) = self.stack.get(&place).filter(|(stored, _)| *stored == bytes) {
            return value.clone();
        }
        let byte = |at: u64| {
            let holds = |(start, stored): (&u64, usize)| at.wrapping_sub(*start) < stored as u64;
            let (start, (_, value)) =
                self.stack.iter().find(|(start, (stored, _))| holds((start, *stored)))?;
            Some(value.only()? >> (8 * at.wrapping_sub(*start)) & 0xff)
        };
        let number = (0..bytes as u64)
            .try_fold(0, |all, index| Some(all | byte(place.wrapping_add(index))? << (8 * index)));
        if bytes > 8 { Value::Any } else { number.map_or(Value::Any, Value::number) }
    }

    pub(super) fn store(&mut self, instruction: &Instruction, value: Value) {
        let bytes = instruction.memory_size().size();
        let is_of_stack = self.is_on_stack(instruction);
        match self.address(instruction) {
            Value::From(Origin::Stack, places) => {
                places.iter().for_each(|place| self.forget(*place, bytes));
                if let (1, Some(place), true) =
                    (places.len(), places.first(), value != Value::Any && (1..=8).contains(&bytes))
                {
                    self.stack.insert(*place, (bytes, value.cut(bytes)));
                }
            }
            Value::Any | Value::Near(_) if is_of_stack => self.forget_frame(),
            _ => {}
        }
    }

    fn forget(&mut self, place: u64, bytes: usize) {
        if bytes == 0 {
            return self.forget_frame();
        }
        self.stack.retain(|start, (stored, _)| {
            start.wrapping_sub(place) >= bytes as u64 && place.wrapping_sub(*start) >= *stored as u64
        });
    }

    /// Forgets the whole frame, for a store somewhere in it, but for what the function was given itself and keeps there.
    pub(super) fn forget_frame(&mut self) {
        self.stack.retain(|_, (_, value)| is_given(value));
    }

    pub(super) fn push(&mut self, value: Option<Value>) {
        let top = self.registers[STACK_POINTER].minus(&Value::number(8));
        if let Value::From(Origin::Stack, places) = &top
            && let (1, Some(place)) = (places.len(), places.first())
        {
            self.forget(*place, 8);
            if let Some(value) = value.filter(|value| *value != Value::Any) {
                self.stack.insert(*place, (8, value));
            }
        } else {
            self.forget_frame();
        }
        self.registers[STACK_POINTER] = top;
    }

    pub(super) fn at_top(&self, top: &Value) -> Value {
        match top {
            Value::From(Origin::Stack, places) if places.len() == 1 => {
                places.first().map_or(Value::Any, |place| self.slot(*place, 8))
            }
            _ => Value::Any,
        }
    }
}

/// Whether a value counts from what the function was given.
const fn is_given(value: &Value) -> bool {
    matches!(value, Value::From(Origin::Argument(_), _))
}

/// What an instruction reads from memory of which nothing is known.
fn loaded(instruction: &Instruction) -> Value {
    Value::at(Origin::Loaded(instruction.ip()), BTreeSet::from([0]))
}

/// Whether an instruction reads where Hermit's data of this processor core is.
fn is_core(instruction: &Instruction) -> bool {
    let parts = [instruction.memory_base(), instruction.memory_index()];
    instruction.segment_prefix() == Register::GS
        && parts == [Register::None; 2]
        && instruction.memory_displacement64() == CORE
        && instruction.memory_size().size() == 8
}
