//! V022: what the outside half writes: to registers of devices, and to memory.

mod allowed;
mod handed;
mod memory;

use std::fmt;

use iced_x86::{FlowControl, Instruction, Mnemonic, Register};

use super::names::all_or_first;
use super::{KernelRule, outside};
use crate::program::{Function, Known, Origin, Program, Reached, State, Value, branch_target, stores};
use allowed::{ALLOWED, Allowed, Phase};

/// How the kernel writes to registers, and where it gets them.
const ACCESS: &str = "<noreturn_nic::memory::MmioRegion as noreturn_nic::registers::Registers>::write";
const REGISTERS: &str = "noreturn_nic::memory::MmioRegion";
const DRIVERS: &str = "noreturn_nic::";
const MAPS: &str = "::map_registers";
/// What else writes there by itself, at places that it is told.
const ACCESSES: &str = "<noreturn_nic::memory::MmioRegion as noreturn_nic::registers::Registers>::";

/// The outside half writes to no register of a device but those that are listed for its driver and for when it does, and to no memory at a place
/// that is a number, but its variables.
pub(super) const RULE: KernelRule =
    KernelRule { id: "V022", title: "the outside half writes only to registers on a list", check };

/// One write to a device.
struct Write<'f> {
    function: &'f Function,
    phase: Phase,
    instruction: Instruction,
    /// Where in the device's registers.
    place: Value,
    /// What is written, if that is known.
    value: Value,
}

fn check(program: &Program<'_>) -> Result<String, String> {
    let (all, running) = (outside::reach(program)?, outside::reach_running(program)?);
    let judged = judged(program, &all, &running);
    if judged.is_empty() {
        return Err("nothing of the outside half writes to a device, so names have changed".to_owned());
    }
    let count = judged.len();
    let objections = judged.into_iter().filter_map(Result::err);
    all_or_first(count, objections.chain(handed::objections(program, &all)), "writes")
}

/// Every write to a device, and what stands against it.
fn judged(
    program: &Program<'_>,
    all: &Reached<'_, '_>,
    running: &Reached<'_, '_>,
) -> Vec<Result<(), String>> {
    let writers = all.functions().filter(|function| concerns(program, function));
    let judge = |function| {
        let phase = if running.holds(function) { Phase::Running } else { Phase::Starting };
        writes(program, function, phase).iter().map(Write::judge).collect::<Vec<_>>()
    };
    writers.flat_map(judge).collect()
}

/// Whether a function writes to registers: by a call, or because it is a driver's or maps them.
fn concerns(program: &Program<'_>, function: &Function) -> bool {
    let calls = |instruction: Instruction| {
        let named = crate::program::addresses(&instruction);
        let pointed =
            named.flat_map(|address| program.pointers().get(&address).copied().into_iter().chain([address]));
        pointed
            .into_iter()
            .any(|target| is_named(program, target, |name| name.starts_with(ACCESS) || name.ends_with(MAPS)))
    };
    !function.name.starts_with(ACCESSES) && (is_driver(function) || program.instructions(function).any(calls))
}

fn is_driver(function: &Function) -> bool {
    function.name.contains(DRIVERS) && function.name.contains(REGISTERS)
}

fn is_named(program: &Program<'_>, address: u64, is_meant: impl Fn(&str) -> bool) -> bool {
    program.function_at(address).is_some_and(|function| function.start == address && is_meant(&function.name))
}

/// Every write of a function to a device.
fn writes<'p>(program: &'p Program<'_>, function: &'p Function, phase: Phase) -> Vec<Write<'p>> {
    let mut writes = Vec::new();
    Known::of(program, function).visit(|instruction, state| {
        let found = called(program, instruction, state)
            .map_or_else(|| stored(program, function, instruction, state), |called| vec![called]);
        writes.extend(found.into_iter().map(|(place, value)| Write {
            function,
            phase,
            instruction: *instruction,
            place,
            value,
        }));
    });
    writes
}

/// A write by a call, or by a branch as a function's last act.
fn called(program: &Program<'_>, instruction: &Instruction, state: &State) -> Option<(Value, Value)> {
    let is_call = matches!(
        instruction.flow_control(),
        FlowControl::Call
            | FlowControl::IndirectCall
            | FlowControl::UnconditionalBranch
            | FlowControl::IndirectBranch
    );
    let target = || branch_target(instruction).or_else(|| state.operand(program, instruction, 0).only());
    let target = is_call.then(target).flatten()?;
    is_named(program, target, |name| name.starts_with(ACCESS))
        .then(|| (state.register(Register::RDX), state.register(Register::RCX)))
}

/// Writes by an instruction of its own, to what was mapped; in a driver also to what may be that, since its pointer was read from memory or
/// is not known.
fn stored(
    program: &Program<'_>,
    function: &Function,
    instruction: &Instruction,
    state: &State,
) -> Vec<(Value, Value)> {
    let value = if instruction.mnemonic() == Mnemonic::Mov {
        state.operand(program, instruction, 1)
    } else {
        Value::Any
    };
    let places = stores(instruction).into_iter().filter_map(|used| {
        let place = of_device(program, function, state.place_of(&used))?;
        Some(if is_repeated(instruction) { Value::Any } else { place })
    });
    places.map(|place| (place, value.clone())).collect()
}

/// Where in a device's registers a place is, if it can be one of them.
fn of_device(program: &Program<'_>, function: &Function, place: Value) -> Option<Value> {
    let is_driver = is_driver(function);
    match place {
        Value::From(Origin::Returned(call), places) if is_of_map(program, call) => {
            Some(Value::at(Origin::Number, places))
        }
        Value::Near(Origin::Returned(call)) if is_of_map(program, call) => Some(Value::Any),
        Value::From(Origin::Loaded(_), places) if is_driver => Some(Value::at(Origin::Number, places)),
        Value::Near(Origin::Stack | Origin::KernelStack) => None,
        Value::Any | Value::Near(_) if is_driver => Some(Value::Any),
        _ => None,
    }
}

/// Whether an instruction writes again and again, each time at the next place.
const fn is_repeated(instruction: &Instruction) -> bool {
    instruction.is_string_instruction() && (instruction.has_rep_prefix() || instruction.has_repne_prefix())
}

/// Whether a call gives a mapping of registers.
fn is_of_map(program: &Program<'_>, call: u64) -> bool {
    let call = program.function_at(call).and_then(|f| program.instructions(f).find(|i| i.ip() == call));
    call.as_ref()
        .and_then(branch_target)
        .is_some_and(|target| is_named(program, target, |name| name.ends_with(MAPS)))
}

impl Write<'_> {
    /// Whether the list has it.
    fn judge(&self) -> Result<(), String> {
        let Some(allowed) = Allowed::of(&self.function.name) else {
            return Err(format!("{self}, and no code of this name may write to a device"));
        };
        let list = allowed.in_phase(self.phase);
        let Some(places) = self.place.numbers() else {
            return if list.computed {
                Ok(())
            } else {
                Err(format!("{self}; of {} it must be known where", allowed.device))
            };
        };
        let is_zero = self.value.only() == Some(0);
        let is_listed = |place: &u64| list.any.contains(place) || is_zero && list.zero.contains(place);
        match places.iter().find(|place| !is_listed(place)) {
            None => Ok(()),
            Some(place) if list.zero.contains(place) => Err(format!(
                "{self}: to {place:#x} of {} only zero is written {}",
                allowed.device, self.phase
            )),
            Some(place) => Err(format!(
                "{self}: {place:#x} is not among what is written to {} {}",
                allowed.device, self.phase
            )),
        }
    }
}

/// Who writes where, and which list would have to say so.
impl fmt::Display for Write<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, phase, instruction, place, .. } = self;
        write!(f, "{} at {:#x} writes {phase} to ", function.name, instruction.ip())?;
        match place.numbers() {
            Some(places) => places.iter().try_for_each(|place| write!(f, "{place:#x} "))?,
            None => f.write_str("a place that is computed ")?,
        }
        write!(f, "({instruction}; the list is {})", ALLOWED.1)
    }
}
