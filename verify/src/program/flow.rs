//! What registers and the stack can hold at every instruction of a function.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{FlowControl, Instruction};

use super::state::State;
use super::{Function, Program, branch_target, tables};

/// What has come to a place so often without an end is no longer told apart.
const VISITS_MAX: u32 = 300;

/// A function's instructions with what is known before each.
pub(crate) struct Known<'p, 'f> {
    program: &'p Program<'f>,
    instructions: Vec<Instruction>,
    /// Where paths meet or begin.
    leaders: BTreeSet<u64>,
    /// Where its tables of branches lead to.
    chosen: BTreeSet<u64>,
    states: BTreeMap<u64, State>,
    visits: BTreeMap<u64, u32>,
}

impl<'p, 'f> Known<'p, 'f> {
    /// Goes along every path of a function until nothing new comes.
    pub fn of(program: &'p Program<'f>, function: &Function) -> Self {
        let instructions: Vec<_> = program.instructions(function).collect();
        let branches = instructions.iter().filter(|i| i.flow_control() != FlowControl::Next);
        let leaders = branches.flat_map(|i| branch_target(i).into_iter().chain([i.next_ip()]));
        let chosen = tables::targets(program, function, &BTreeSet::new());
        let leaders =
            leaders.chain(chosen.iter().copied()).filter(|address| function.holds(*address)).collect();
        let (states, visits) = (BTreeMap::new(), BTreeMap::new());
        let mut known = Self { program, instructions, leaders, chosen, states, visits };
        known.arrive(function.start, &State::entry());
        let mut waiting = BTreeSet::from([function.start]);
        loop {
            while let Some(leader) = waiting.pop_first() {
                known.run(leader, &mut waiting);
            }
            // What no path was seen to lead to, is come to in a way that is not known.
            let lost = known.lost();
            if lost.is_empty() {
                return known;
            }
            for place in lost {
                known.leaders.insert(place);
                known.arrive(place, &State::unknown());
                waiting.insert(place);
            }
        }
    }

    /// Every instruction with what is known before it.
    pub fn visit(&self, mut visit: impl FnMut(&Instruction, &State)) {
        for (leader, state) in &self.states {
            self.along(*leader, state.clone(), |instruction, state| visit(instruction, state));
        }
    }

    /// From a leader to the next one, or to the end of the path; gives the last instruction, and what is known behind it.
    fn along(
        &self,
        leader: u64,
        mut state: State,
        mut visit: impl FnMut(&Instruction, &State),
    ) -> Option<(Instruction, State)> {
        let first = self.instructions.partition_point(|instruction| instruction.ip() < leader);
        let others = self.instructions[first..].iter().skip(1);
        let count = others.take_while(|instruction| !self.leaders.contains(&instruction.ip())).count() + 1;
        let block = self.instructions[first..].get(..count)?;
        for instruction in block {
            visit(instruction, &state);
            state.step(self.program, instruction);
        }
        Some((*block.last()?, state))
    }

    fn run(&mut self, leader: u64, waiting: &mut BTreeSet<u64>) {
        let Some(state) = self.states.get(&leader).cloned() else { return };
        let Some((last, after)) = self.along(leader, state, |_, _| ()) else { return };
        let mut ways = Vec::new();
        let condition = last.condition_code();
        match last.flow_control() {
            FlowControl::Next => ways.push((last.next_ip(), Some(after))),
            FlowControl::Call
                if branch_target(&last).is_some_and(|target| self.program.is_endless(target)) => {}
            FlowControl::Call | FlowControl::IndirectCall | FlowControl::Interrupt => {
                ways.push((last.next_ip(), Some(after)));
            }
            FlowControl::ConditionalBranch => {
                ways.extend(branch_target(&last).map(|target| (target, after.clone().when(condition, true))));
                ways.push((last.next_ip(), after.when(condition, false)));
            }
            FlowControl::UnconditionalBranch => {
                ways.extend(branch_target(&last).map(|target| (target, Some(after))))
            }
            FlowControl::IndirectBranch => {
                ways.extend(self.chosen.iter().map(|target| (*target, Some(after.clone()))));
            }
            _ => {}
        }
        for (target, state) in ways {
            let is_here = self.instructions.binary_search_by_key(&target, Instruction::ip).is_ok();
            if let Some(state) = state.filter(|_| is_here)
                && self.arrive(target, &state)
            {
                waiting.insert(target);
            }
        }
    }

    /// Takes up what comes to a leader; whether it is new.
    fn arrive(&mut self, target: u64, state: &State) -> bool {
        let visits = self.visits.entry(target).or_default();
        *visits += 1;
        let state = if *visits > VISITS_MAX { &state.widened() } else { state };
        match self.states.get_mut(&target) {
            Some(known) => known.join(state),
            None => {
                self.states.insert(target, state.clone());
                true
            }
        }
    }

    /// Where stretches of instructions begin that no path was seen to lead to.
    fn lost(&self) -> Vec<u64> {
        let mut seen = BTreeSet::new();
        self.visit(|instruction, _| {
            seen.insert(instruction.ip());
        });
        let mut lost = Vec::new();
        let mut is_begun = false;
        for ip in self.instructions.iter().map(Instruction::ip) {
            let is_lost = !seen.contains(&ip);
            if is_lost && (!is_begun || self.leaders.contains(&ip)) {
                lost.push(ip);
            }
            is_begun = is_lost;
        }
        lost
    }
}
