//! What is known of registers and the stack at one point of a function, as far as constants tell. Believed is that memory of the
//! function's frame changes only through what its own instructions store and through pointers that it hands to a call.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{ConditionCode, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

use super::Program;
use super::values::{Origin, Value, bounded, mask};

const REGISTERS: usize = 16;
const STACK_POINTER: usize = 4;
/// What a call need not preserve (System V ABI for x86-64, 3.2.1): rax, rcx, rdx, rsi, rdi, r8 to r11.
const SCRATCH: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];
/// What a call takes its arguments from: rdi, rsi, rdx, rcx, r8, r9.
const ARGUMENTS: [usize; 6] = [7, 6, 2, 1, 8, 9];

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

    /// Where nothing is known.
    pub const fn unknown() -> Self {
        Self { registers: [const { Value::Any }; REGISTERS], stack: BTreeMap::new(), compared: None }
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

    /// Whether an operand in memory is on the stack, wherever there.
    pub fn is_on_stack(&self, instruction: &Instruction) -> bool {
        let is_of_stack =
            |register: Register| matches!(self.register(register), Value::From(Origin::Stack, _));
        let parts = [instruction.memory_base(), instruction.memory_index()];
        parts.into_iter().any(|part| part == Register::RSP || is_of_stack(part))
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

    fn load(&self, program: &Program<'_>, instruction: &Instruction) -> Value {
        let bytes = instruction.memory_size().size();
        match self.address(instruction) {
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
            _ => self.clobber(instruction),
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

    fn store(&mut self, instruction: &Instruction, value: Value) {
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
            Value::Any if is_of_stack => self.forget_frame(),
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
    fn forget_frame(&mut self) {
        self.stack.retain(|_, (_, value)| is_given(value));
    }

    fn push(&mut self, value: Option<Value>) {
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

    fn at_top(&self, top: &Value) -> Value {
        match top {
            Value::From(Origin::Stack, places) if places.len() == 1 => {
                places.first().map_or(Value::Any, |place| self.slot(*place, 8))
            }
            _ => Value::Any,
        }
    }

    /// What a call leaves: nothing in what it need not preserve, nor behind a pointer to the stack that it was handed, but for what the function
    /// was given itself and keeps there.
    fn call(&mut self, at: u64) {
        for place in ARGUMENTS {
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

/// Whether an instruction writes to memory that it names; what it pushes is not meant.
pub(crate) fn is_store(instruction: &Instruction) -> bool {
    let mut factory = InstructionInfoFactory::new();
    let names_memory = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::Memory;
    names_memory
        && !matches!(instruction.mnemonic(), Mnemonic::Push | Mnemonic::Call)
        && factory.info(instruction).used_memory().iter().any(|used| is_write(used.access()))
}

const fn is_write(access: OpAccess) -> bool {
    !matches!(access, OpAccess::None | OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess)
}

/// Whether a value counts from what the function was given.
const fn is_given(value: &Value) -> bool {
    matches!(value, Value::From(Origin::Argument(_), _))
}

/// What an instruction reads from memory of which nothing is known.
fn loaded(instruction: &Instruction) -> Value {
    Value::at(Origin::Loaded(instruction.ip()), BTreeSet::from([0]))
}

fn gpr(register: Register) -> Option<usize> {
    register.is_gpr().then(|| register.full_register().number())
}

fn is_zeroing(instruction: &Instruction) -> bool {
    instruction.op1_kind() == OpKind::Register && instruction.op0_register() == instruction.op1_register()
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
