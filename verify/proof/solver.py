"""Questions to Z3, counted, and the counterexamples that it gives."""

from __future__ import annotations

import z3

from kernel import ProofError
from regions import variables

TIMEOUT_MS = 60_000
# Where not to know does no harm.
PATIENCE_MS = 2_000


class Solver:
    """One Z3 solver with what is assumed of memory; each question comes with a path's conditions."""

    def __init__(self, axioms: list[z3.BoolRef]) -> None:
        self.solver = z3.Solver()
        self.held: list[z3.BoolRef] = []
        self.solver.add(*axioms)
        self.queries = 0

    def assume(self, axioms: list[z3.BoolRef]) -> None:
        """Adds to what is assumed."""
        self.follow([])
        self.solver.add(*axioms)

    def model(self, path: list[z3.BoolRef], *conditions: z3.BoolRef) -> z3.ModelRef | None:
        """Values for which all of it is true, or None if there are none. Not to know stops the proof."""
        answer, model = self.ask(path, *conditions)
        if answer == z3.unknown:
            answer, model = self.ask(related(path, conditions), *conditions, timeout_ms=TIMEOUT_MS)
        if answer == z3.unknown:
            raise ProofError(f"Z3 does not know within {TIMEOUT_MS} ms")
        return model

    def ask(self, path: list[z3.BoolRef], *conditions: z3.BoolRef, timeout_ms: int = PATIENCE_MS) -> tuple[z3.CheckSatResult, z3.ModelRef | None]:
        """Z3's answer, which may be that it does not know, and values if there are."""
        wanted = [z3.simplify(c) for c in conditions]
        if any(z3.is_false(c) for c in wanted):
            return z3.unsat, None
        self.queries += 1
        self.follow(path)
        self.solver.set("timeout", timeout_ms)
        self.solver.push()
        self.solver.add(*wanted)
        answer = self.solver.check()
        model = self.solver.model() if answer == z3.sat else None
        self.solver.pop()
        return answer, model

    def follow(self, path: list[z3.BoolRef]) -> None:
        """Has the solver hold exactly the conditions of a path; what it shares with the one before stays."""
        shared = 0
        while shared < min(len(path), len(self.held)) and path[shared].eq(self.held[shared]):
            shared += 1
        self.solver.pop(len(self.held) - shared)
        for condition in path[shared:]:
            self.solver.push()
            self.solver.add(condition)
        self.held = list(path)

    def can(self, path: list[z3.BoolRef], *conditions: z3.BoolRef) -> bool:
        """Whether it can be true, as far as Z3 knows within its patience: a path that cannot be taken may be gone through in vain."""
        return self.ask(path, *conditions)[0] != z3.unsat

    def must(self, path: list[z3.BoolRef], condition: z3.BoolRef) -> bool:
        """Whether it is surely true whenever the path is taken."""
        return not self.can(path, z3.Not(condition))

    def most(self, path: list[z3.BoolRef], value: z3.BitVecRef, limit: int) -> int:
        """The least of numbers up to `limit` that the value does not exceed."""
        low, high = 0, limit
        while low < high:
            middle = (low + high) // 2
            if self.must(path, z3.ULE(value, middle)):
                high = middle
            else:
                low = middle + 1
        return low

    def least(self, path: list[z3.BoolRef], value: z3.BitVecRef, limit: int) -> int:
        """The greatest of numbers up to `limit` that the value does not fall below."""
        low, high = 0, limit
        while low < high:
            middle = (low + high + 1) // 2
            if self.must(path, z3.UGE(value, middle)):
                low = middle
            else:
                high = middle - 1
        return low


def related(path: list[z3.BoolRef], conditions: tuple[z3.BoolRef, ...]) -> list[z3.BoolRef]:
    """The conditions of a path that share an unknown with others, directly or by way of each other. What is impossible with
    them is impossible with all."""
    names = frozenset().union(*(variables(c) for c in conditions))
    left, found = list(path), []
    while True:
        more = [c for c in left if names & variables(c)]
        if not more:
            return found
        found += more
        left = [c for c in left if not any(c is m for m in more)]
        names = names.union(*(variables(c) for c in more))


def show(model: z3.ModelRef, names: frozenset[str]) -> str:
    """The values of some unknowns, one after the other."""
    values = {d.name(): model[d] for d in model.decls()}
    parts = [f"{name} = {values[name].as_long():#x}" for name in sorted(names) if name in values and z3.is_bv_value(values[name])]
    return ", ".join(parts[:16]) + (f", and {len(parts) - 16} more" if len(parts) > 16 else "")
