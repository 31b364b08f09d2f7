"""Loads and stores: which region an address is in, whether all of it is inside, and what the claim says to it."""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from kernel import Kernel, ProofError
from operations import Value
from regions import ADDRESS_BITS, Access, Region, variables
from solver import Solver, show
from state import PathEnd, State, unknown

RSP = 48
FAILURES_MAX = 8


@dataclass
class Failure:
    """A store, a load or an end of a path that is not as claimed, with values for which it happens."""

    place: str
    what: str
    where: str
    inputs: str


@dataclass
class Memory:
    """All of memory, and the proofs about accesses to it."""

    kernel: Kernel
    solver: Solver
    regions: list[Region]
    stores: int = 0
    loads: int = 0
    stored_at: set[int] = field(default_factory=set)
    stored_in: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    # Above 0 nothing is proved or counted: a loop is being learned.
    quiet: int = 0
    here: int = 0

    def region(self, name: str) -> Region:
        """The region of this name."""
        return next(r for r in self.regions if r.name == name)

    def add(self, region: Region) -> None:
        """A region that a summary hands out."""
        self.regions.append(region)
        self.solver.assume(region.axioms())

    def resolve(self, address: Value) -> tuple[Region, Value] | None:
        """The region that an address is computed from, and the distance from its base."""
        names = variables(address)
        found = []
        for region in self.regions:
            if region.base.decl().name() in names:
                offset = z3.simplify(address - region.base)
                if not any(r.base.decl().name() in variables(offset) for r in self.regions):
                    found.append((region, offset))
        return found[0] if len(found) == 1 else None

    def store(self, state: State, address: Value, value: Value) -> None:
        """A store: proved to be within one region, and to be what the claim allows there."""
        width = value.size() // 8
        place = self.resolve(address)
        if place is None:
            self.fail(state, f"a store of {width} bytes to an address of no known region", address)
        region, offset = place
        access = Access(region, offset, width, value)
        self.prove_inside(state, access, "store")
        if not self.quiet:
            self.prove_policy(state, access)
            self.stores += 1
            self.stored_at.add(self.here)
            self.stored_in[region.name] = self.stored_in.get(region.name, 0) + 1
        if region.tracked:
            self.keep(state, region, offset, value)

    def keep(self, state: State, region: Region, offset: Value, value: Value) -> None:
        """Remembers what was stored, or forgets what may have been written over."""
        if z3.is_bv_value(offset):
            state.store(region.name, offset.as_long(), value)
        else:
            self.forget(state, region, offset, z3.BitVecVal(value.size() // 8, ADDRESS_BITS))

    def forget(self, state: State, region: Region, offset: Value, length: Value) -> None:
        """Makes unknown what may be within so many bytes from an offset."""
        limit = z3.simplify(region.bytes)
        if not z3.is_bv_value(limit):
            raise ProofError(f"{region.name} is tracked, and of unknown size")
        first = self.solver.least(state.path, offset, limit.as_long())
        end = self.solver.most(state.path, offset + length, limit.as_long())
        state.forget(region.name, first, end)

    def load(self, state: State, address: Value, bits: int) -> Value:
        """A load: proved to be within one region, or of a constant of the kernel."""
        if z3.is_bv_value(address):
            constant = self.kernel.constant(address.as_long(), bits // 8)
            if constant is not None:
                return z3.BitVecVal(constant, bits)
            if self.kernel.is_variable(address.as_long(), bits // 8):
                return unknown("a variable of the kernel", bits)
        place = self.resolve(address)
        if place is None and self.is_constant(state, address, bits // 8):
            return unknown("a constant of the kernel", bits)
        if place is None:
            self.fail(state, f"a load of {bits // 8} bytes from an address of no known region", address)
        region, offset = place
        self.prove_inside(state, Access(region, offset, bits // 8), "load")
        if not self.quiet:
            self.loads += 1
        if region.tracked and z3.is_bv_value(offset):
            return state.load(region.name, offset.as_long(), bits)
        value = unknown(f"read from {region.name}", bits)
        if region.observer:
            region.observer(state, Access(region, offset, bits // 8, value))
        return value

    def is_constant(self, state: State, address: Value, width: int) -> bool:
        """Whether an address that is computed from no region's base is surely that of constants of the kernel."""
        if self.quiet or any(r.base.decl().name() in variables(address) for r in self.regions):
            return bool(self.quiet)
        spans = self.kernel.constant_spans()
        inside = [z3.And(z3.UGE(address, a), z3.ULE(address, b - width)) for a, b in spans]
        return self.solver.must(state.path, z3.Or(*inside))

    def is_constant_span(self, state: State, address: Value, length: Value) -> bool:
        """Whether so many bytes from an address are surely constants of the kernel."""
        if any(r.base.decl().name() in variables(address) for r in self.regions):
            return False
        spans = self.kernel.constant_spans()
        inside = [z3.And(z3.UGE(address, a), z3.ULE(address, b), z3.ULE(length, b - address)) for a, b in spans]
        return self.solver.must(state.path, z3.Or(*inside))

    def prove_inside(self, state: State, access: Access, verb: str) -> None:
        """Proves that an access lies within its region."""
        if not self.quiet:
            what = f"a {verb} of {access.width} bytes outside {access.region.name}"
            self.prove(state, what, access.region.holds(access.offset, access.width), access)

    def prove_policy(self, state: State, access: Access) -> None:
        """Proves what the claim demands of a store."""
        if access.region.policy is None:
            return
        for what, condition in access.region.policy(state, access):
            self.prove(state, what, condition, access)

    def prove(self, state: State, what: str, condition: z3.BoolRef, access: Access | None = None) -> None:
        """Proves a condition of a path, or notes a counterexample and ends the path."""
        model = None if self.quiet else self.solver.model(state.path, z3.Not(condition))
        if model is None:
            return
        where = ""
        if access is not None:
            offset = model.eval(access.offset, model_completion=True).as_long()
            where = f"{access.region.name} + {offset:#x}"
            if access.value is not None:
                where += f" = {model.eval(access.value, model_completion=True).as_long():#x}"
        self.note(state, what, where, model, variables(condition))

    def fail(self, state: State, what: str, address: Value) -> None:
        """Notes an access that nobody can place."""
        if self.quiet:
            raise PathEnd
        model = self.solver.model(state.path, z3.BoolVal(True))
        if model is None:
            raise PathEnd
        text = str(z3.simplify(address)).replace("\n", " ")
        self.note(state, what, text[:200], model, variables(address))

    def note(self, state: State, what: str, where: str, model: z3.ModelRef, names: frozenset[str]) -> None:
        """Keeps a counterexample and ends the path."""
        names = names.union(*(variables(c) for c in state.path)) if state.path else names
        self.failures.append(Failure(self.kernel.place(self.here), what, where, show(model, names)))
        if len(self.failures) >= FAILURES_MAX:
            raise ProofError(f"stopped after {FAILURES_MAX} of them")
        raise PathEnd

    def push_return(self, state: State, address: int) -> None:
        """Puts a return address on the stack, as a call does."""
        stack = z3.simplify(state.get(RSP, 64) - 8)
        state.put(RSP, stack)
        region, offset = self.resolve(stack)
        state.store(region.name, offset.as_long(), z3.BitVecVal(address, 64))
