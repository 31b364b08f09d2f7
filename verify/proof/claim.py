"""What a claim is, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from executor import Executor
from kernel import Function, Kernel


@dataclass
class Outcome:
    """A claim that was tried on one kernel."""

    functions: list[Function] = field(default_factory=list)
    summarised: list[str] = field(default_factory=list)
    panics: dict[str, int] = field(default_factory=dict)
    paths: int = 0
    loops: int = 0
    stores: int = 0
    store_instructions: int = 0
    stored_in: dict[str, int] = field(default_factory=dict)
    loads: int = 0
    queries: int = 0
    seconds: float = 0.0
    # The claim whose run this is, if one run serves several.
    run_of: str = ""
    # Why it is not proved, one text for each reason.
    failures: list[str] = field(default_factory=list)

    def add(self, executor: Executor) -> None:
        """Adds what one run came to."""
        memory, result = executor.memory, executor.result
        self.functions += [f for f in result.functions.values() if f not in self.functions]
        self.summarised += sorted(result.summarised - set(self.summarised))
        for name, count in result.panics.items():
            self.panics[name] = self.panics.get(name, 0) + count
        for name, count in memory.stored_in.items():
            self.stored_in[name] = self.stored_in.get(name, 0) + count
        self.paths += result.paths
        self.loops += result.loops
        self.stores += memory.stores
        self.store_instructions += len(memory.stored_at)
        self.loads += memory.loads
        self.queries += executor.solver.queries
        for failure in memory.failures:
            where = f", at {failure.where}" if failure.where else ""
            self.failures.append(f"{failure.place}: {failure.what}{where}\n  for example with {failure.inputs or 'any input'}")


def share(outcome: Outcome, run: Outcome, of: str) -> None:
    """Fills in the outcome of one claim from a run that serves several. A failure of any of them ends paths, so it fails all."""
    for name, value in vars(run).items():
        setattr(outcome, name, value)
    outcome.run_of = of


@dataclass(frozen=True)
class Claim:
    """A statement about the kernel's machine code, and the function that tries to prove it."""

    id: str
    statement: str
    assumptions: tuple[str, ...]
    prove: Callable[[Kernel, Outcome], None]
