//! What functions of the outside half write, by their instructions and by what they hand over to others as an address.

use std::collections::BTreeMap;

use iced_x86::{FlowControl, Instruction, Register};

use super::memory::{absolute, objection};
use super::{ACCESS, is_named, of_device};
use crate::program::{Function, Known, Origin, Program, Reached, State, Value, branch_target, stores};

/// What a call takes its arguments from (System V ABI for x86-64, 3.2.3).
const ARGUMENTS: [Register; 6] =
    [Register::RDI, Register::RSI, Register::RDX, Register::RCX, Register::R8, Register::R9];

/// Where a function writes, by the argument that the places are counted from.
type Written = BTreeMap<usize, Value>;

/// A call, or a branch to another function.
struct Call {
    instruction: Instruction,
    /// Where it leads to, if that is known.
    target: Option<u64>,
    /// What it hands over, by number of the register.
    arguments: BTreeMap<usize, Value>,
}

struct Behaviour<'f> {
    function: &'f Function,
    written: Written,
    calls: Vec<Call>,
    objections: Vec<String>,
}

/// What stands against what the outside half writes to memory.
pub(super) fn objections(program: &Program<'_>, all: &Reached<'_, '_>) -> Vec<String> {
    let behaviours = all.functions().map(|function| (function.start, Behaviour::of(program, function)));
    let mut behaviours: BTreeMap<_, _> = behaviours.collect();
    spread(&mut behaviours);
    let handed = behaviours.values().flat_map(|behaviour| {
        behaviour.calls.iter().filter_map(|call| behaviour.against(program, call, &behaviours))
    });
    let handed: Vec<_> = handed.collect();
    behaviours.into_values().flat_map(|behaviour| behaviour.objections).chain(handed).collect()
}

/// Who hands an argument of its own over to who writes there, writes there.
fn spread(behaviours: &mut BTreeMap<u64, Behaviour<'_>>) {
    loop {
        let mut more = Vec::new();
        for (start, behaviour) in &*behaviours {
            let places = behaviour.calls.iter().flat_map(|call| call.places(behaviours));
            let mut written = behaviour.written.clone();
            places.for_each(|place| add(&mut written, &place));
            if written != behaviour.written {
                more.push((*start, written));
            }
        }
        if more.is_empty() {
            return;
        }
        for (start, written) in more {
            behaviours.entry(start).and_modify(|behaviour| behaviour.written = written);
        }
    }
}

fn add(written: &mut Written, place: &Value) {
    if let Some(Origin::Argument(argument)) = place.pointer() {
        written.entry(argument).and_modify(|known| *known = known.or(place)).or_insert_with(|| place.clone());
    }
}

impl<'f> Behaviour<'f> {
    fn of(program: &Program<'_>, function: &'f Function) -> Self {
        let mut behaviour =
            Self { function, written: Written::new(), calls: Vec::new(), objections: Vec::new() };
        Known::of(program, function).visit(|instruction, state| {
            for used in stores(instruction) {
                let place = state.place_of(&used);
                add(&mut behaviour.written, &place);
                // The address may be either of them, and the other one a distance.
                if place.pointer().is_none() {
                    let parts = [used.base(), used.index()].map(|part| state.register(part).widened());
                    parts.iter().for_each(|part| add(&mut behaviour.written, part));
                }
            }
            let told = objection(program, instruction, state).map(|what| behaviour.told(instruction, &what));
            behaviour.objections.extend(told);
            behaviour.calls.extend(Call::of(program, function, instruction, state));
        });
        behaviour
    }

    fn told(&self, instruction: &Instruction, what: &str) -> String {
        format!("{} at {:#x} {what} ({instruction})", self.function.name, instruction.ip())
    }

    /// What stands against what a call hands over.
    fn against(&self, program: &Program<'_>, call: &Call, all: &BTreeMap<u64, Self>) -> Option<String> {
        let is_register = |place: &Value| of_device(program, self.function, place.clone()).is_some();
        let is_mapped =
            |place: &Value| is_register(place) && matches!(place.pointer(), Some(Origin::Returned(_)));
        let name = call.target.and_then(|target| Some(all.get(&target)?.function.name.as_str()));
        let what = match name {
            Some(name) => call.places(all).iter().find_map(|place| {
                let absolute = absolute(program, place, Some(1));
                // What is handed over to the function that writes registers is judged as a write.
                let is_mapped = is_mapped(place) && !name.starts_with(ACCESS);
                let mapped = is_mapped.then(|| "registers of a device".to_owned());
                let place = absolute.or(mapped)?;
                Some(format!("hands over {place} to {name}, which writes there"))
            }),
            None => call
                .arguments
                .values()
                .any(is_mapped)
                .then(|| "hands over registers of a device to what is not known".to_owned()),
        };
        what.map(|what| self.told(&call.instruction, &what))
    }
}

impl Call {
    fn of(
        program: &Program<'_>,
        function: &Function,
        instruction: &Instruction,
        state: &State,
    ) -> Option<Self> {
        let target = branch_target(instruction);
        let is_call = match instruction.flow_control() {
            FlowControl::Call | FlowControl::IndirectCall => true,
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                target.is_some_and(|target| !function.holds(target))
            }
            _ => false,
        };
        let target = target.or_else(|| state.operand(program, instruction, 0).only());
        let target = target.filter(|target| is_named(program, *target, |_| true));
        let arguments = ARGUMENTS.map(|register| (register.number(), state.register(register)));
        is_call.then(|| Self { instruction: *instruction, target, arguments: BTreeMap::from(arguments) })
    }

    /// Where what it calls writes by what it was handed.
    fn places(&self, behaviours: &BTreeMap<u64, Behaviour<'_>>) -> Vec<Value> {
        let called = self.target.and_then(|target| behaviours.get(&target));
        let written = called.into_iter().flat_map(|called| &called.written);
        let place = |(argument, place): (&usize, &Value)| {
            let handed = self.arguments.get(argument)?;
            Some(match place {
                Value::From(_, offsets) => handed.plus(&Value::at(Origin::Number, offsets.clone())),
                _ => handed.widened(),
            })
        };
        written.filter_map(place).collect()
    }
}
