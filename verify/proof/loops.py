"""Loops: at its head, all that a loop changes is forgotten but for invariants, which are learned and then proved.

What is learned is only a guess until it is proved: at the entry of the loop, and for each path that comes back to the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import pyvex
import z3

import graph
from kernel import ProofError
from operations import Value
from regions import variables
from state import Cells, PathEnd, State, unknown

if TYPE_CHECKING:
    from executor import Executor

Variable = tuple[str, int]
# Registers are kept under this name, beside the regions.
REGISTERS = ""
COUNT = 24
# Behind VEX's offset of r15 come the flags and the instruction pointer.
GENERAL_END = 144
STEP_BYTES = 8
LESS_THAN = 256
LIMIT_MAX = 4096
ROUNDS_MAX = 200


@dataclass(frozen=True)
class Invariant:
    """Something about values at a loop's head, computed from a state and the state in which the loop was entered."""

    kind: str
    first: Variable
    second: Variable | int | None = None

    def holds(self, now: dict[Variable, Value], entry: dict[Variable, Value]) -> z3.BoolRef:
        """Whether it is true in a state."""
        value = now[self.first]
        if self.kind == "below constant":
            return z3.ULT(value, self.second)
        if self.kind == "multiple":
            return value & (STEP_BYTES - 1) == 0
        if self.kind == "not zero":
            return value != 0
        if self.kind == "shrinks":
            return z3.ULE(value, entry[self.first])
        other = now[self.second]
        if self.kind == "below":
            return z3.ULT(value, other)
        if self.kind == "opposite":
            return value - entry[self.first] == entry[self.second] - other
        return value - entry[self.first] == other - entry[self.second]


@dataclass
class Loop:
    """A loop that was entered in one state."""

    head: int
    frames: tuple[int, ...]
    body: frozenset[int]
    entry: dict[Variable, Value]
    changed: set[Variable] = field(default_factory=set)
    invariants: list[Invariant] = field(default_factory=list)
    at_head: dict[Variable, Value] = field(default_factory=dict)

    @property
    def key(self) -> tuple[tuple[int, ...], int]:
        """What tells it from other loops of a path."""
        return self.frames, self.head

    def is_left(self, state: State) -> bool:
        """Whether a path has gone out of it."""
        depth = len(self.frames)
        if state.frames[:depth] != self.frames:
            return True
        return len(state.frames) == depth and state.address not in self.body


def variables_of(state: State) -> dict[Variable, Value]:
    """Every register, and every value in tracked memory that is there as a whole."""
    found: dict[Variable, Value] = {(REGISTERS, slot): value for slot, value in state.registers.items()}
    for region, cells in state.cells.items():
        for offset in sorted(cells):
            value, byte = cells[offset]
            if byte == 0 and is_whole(cells, offset):
                found[region, offset] = value
            elif found.get((region, offset - byte)) is not value:
                found[region, offset] = z3.simplify(z3.Extract(8 * byte + 7, 8 * byte, value))
    return found


def is_whole(cells: Cells, offset: int) -> bool:
    """Whether all bytes of the value at an offset are there, in order."""
    value = cells[offset][0]
    bytes_there = (cells.get(offset + k, (None, 0)) for k in range(value.size() // 8))
    return all(there is value and byte == k for k, (there, byte) in enumerate(bytes_there))


class Loops:
    """The loops of one executor's paths."""

    def __init__(self, executor: "Executor") -> None:
        self.executor = executor
        self._graphs: dict[int, dict[int, frozenset[int]]] = {}

    def body(self, address: int) -> frozenset[int] | None:
        """The instructions of the loop whose head is at an address."""
        function = self.executor.kernel.at(address)
        if function is None:
            return None
        if function.start not in self._graphs:
            self._graphs[function.start] = graph.loops(self.executor.kernel, function)
        return self._graphs[function.start].get(address)

    def arrive(self, state: State, scope: Loop | None, back: list[State]) -> State | None:
        """Before each instruction: the state to go on with, if the path goes on."""
        if scope is not None and scope.is_left(state):
            return None
        key = (state.frames, state.address)
        if scope is not None and scope.key == key and key in state.cut:
            back.append(state)
            return None
        body = self.body(state.address)
        if body is None or self.is_counted(state, body):
            return state
        if key in state.cut:
            self.prove_back(state, state.cut[key])
            return None
        loop = Loop(state.address, state.frames, body, variables_of(state))
        if not self.executor.memory.quiet:
            self.executor.result.loops += 1
        self.learn(state, loop)
        head = self.begin(state, loop)
        return head

    def is_counted(self, state: State, body: frozenset[int]) -> bool:
        """Whether it is an instruction that repeats itself a known number of times: it is run as often as it says."""
        return len(body) == 1 and z3.is_bv_value(z3.simplify(state.get(COUNT, 64)))

    def begin(self, state: State, loop: Loop) -> State:
        """A state at the head, of any round: what changes is unknown but for the invariants."""
        head = state.fork()
        for variable in sorted(loop.changed):
            if variable not in loop.entry:
                continue
            region, place = variable
            value = loop.entry[variable]
            fresh = value + unknown("change in a loop", value.size()) if self.is_address(value) else unknown("of a loop", value.size())
            if region == REGISTERS:
                head.registers[place] = fresh
            else:
                head.store(region, place, fresh)
        head.ghost.clear()
        loop.at_head = {v: x for v, x in variables_of(head).items() if v in loop.entry}
        known = {condition.get_id() for condition in head.path}
        for invariant in loop.invariants:
            condition = z3.simplify(invariant.holds(loop.at_head, loop.entry))
            if not z3.is_true(condition) and condition.get_id() not in known:
                known.add(condition.get_id())
                head.path.append(condition)
        head.cut[loop.key] = loop
        return head

    def is_address(self, value: Value) -> bool:
        """Whether a value is computed from a region's base."""
        names = variables(value)
        return any(r.base.decl().name() in names for r in self.executor.memory.regions)

    def learn(self, state: State, loop: Loop) -> None:
        """Finds what the loop changes, and which invariants survive a round."""
        candidates: list[Invariant] = []
        known: set[Variable] = set()
        memory = self.executor.memory
        memory.quiet += 1
        try:
            for _ in range(ROUNDS_MAX):
                if known != loop.changed:
                    known = set(loop.changed)
                    candidates = self.true_at_entry(state, loop)
                    loop.invariants = candidates
                ends = self.executor.explore(self.begin(state, loop), loop)
                if self.widen(loop, ends) or self.weaken(loop, ends):
                    continue
                return
        finally:
            memory.quiet -= 1
        raise ProofError(f"no invariant was found for the loop at {self.executor.kernel.place(loop.head)}")

    def widen(self, loop: Loop, ends: list[State]) -> bool:
        """Notes what a round changes; whether that was news."""
        before = len(loop.changed)
        for end in ends:
            now = variables_of(end)
            for variable, value in loop.at_head.items():
                if variable not in loop.changed and not self.is_same(end, now.get(variable), value):
                    loop.changed.add(variable)
        return len(loop.changed) > before

    def is_same(self, state: State, now: Value | None, before: Value) -> bool:
        """Whether a value is surely what it was."""
        if now is None or now.size() != before.size():
            return False
        return now is before or now.eq(before) or self.executor.solver.must(state.path, now == before)

    def weaken(self, loop: Loop, ends: list[State]) -> bool:
        """Drops the invariants that a round breaks; whether there were any."""
        before = len(loop.invariants)
        for end in ends:
            loop.invariants = self.surviving(end, loop.invariants, variables_of(end), loop.entry)
        return len(loop.invariants) < before

    def surviving(self, state: State, invariants: list[Invariant], now: dict[Variable, Value], entry: dict[Variable, Value]) -> list[Invariant]:
        """Those that are true in a state, found by counterexamples."""
        left = [i for i in invariants if all(v in now and now[v].size() == 64 for v in (i.first, i.second) if isinstance(v, tuple))]
        while left:
            conditions = [i.holds(now, entry) for i in left]
            answer, model = self.executor.solver.ask(state.path, z3.Not(z3.And(*conditions)))
            if answer == z3.unsat:
                return left
            if answer == z3.unknown:
                return [i for i, c in zip(left, conditions) if self.executor.solver.must(state.path, c)]
            left = [i for i, c in zip(left, conditions) if z3.is_true(model.eval(c, model_completion=True))]
        return left

    def limits(self, loop: Loop) -> list[int]:
        """Constants that a value of the loop may stay below: those in its instructions, and the ring's length."""
        blocks = (self.executor.kernel.instruction(address) for address in loop.body)
        constants = (s.data.con.value for b in blocks for s in b.statements if isinstance(s, pyvex.stmt.WrTmp) and isinstance(s.data, pyvex.expr.Const))
        return sorted({LESS_THAN, *(int(limit) for limit in constants if 0 < limit <= LIMIT_MAX)})

    def true_at_entry(self, state: State, loop: Loop) -> list[Invariant]:
        """The invariants worth trying that are true when the loop is entered."""
        words = {v: x for v, x in loop.entry.items() if x.size() == 64}
        words = {v: x for v, x in words.items() if v[0] != REGISTERS or v[1] < GENERAL_END}
        changed = [v for v in sorted(loop.changed) if v in words]
        tried = [Invariant("multiple", v) for v in changed]
        tried += [Invariant("below constant", v, limit) for v in changed for limit in self.limits(loop)]
        tried += [Invariant(kind, v) for kind in ("shrinks", "not zero") for v in changed]
        tried += [Invariant(kind, a, b) for kind in ("together", "opposite") for a, b in combinations(changed, 2)]
        for first in changed:
            for second, value in words.items():
                if first != second and second[0] == REGISTERS and self.is_address(value) == self.is_address(words[first]):
                    tried.append(Invariant("below", first, second))
        return self.surviving(state, tried, loop.entry, loop.entry)

    def prove_back(self, state: State, loop: Loop) -> None:
        """Proves that a path that is back at the head is covered by what is known there."""
        memory = self.executor.memory
        if memory.quiet:
            return
        now = variables_of(state)
        memory.here = loop.head
        try:
            for variable, value in loop.at_head.items():
                if variable not in loop.changed and not self.is_same(state, now.get(variable), value):
                    raise ProofError(f"the loop at {self.executor.kernel.place(loop.head)} changes {variable}")
            for invariant in loop.invariants:
                memory.prove(state, "a loop's invariant breaks", invariant.holds(now, loop.entry))
        except PathEnd:
            return
