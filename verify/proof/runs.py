"""What every claim's run of a function has in common."""

from __future__ import annotations

from typing import Callable

import z3

from claim import Outcome
from executor import R8, R9, RCX, RDI, RDX, RSI, Executor
from kernel import Kernel, ProofError
from operations import Value
from regions import Region
from state import State
from summaries import install

# Functions that do not return: their calls end a path, and are counted.
ENDS = ("core::panicking::", "core::slice::index::slice_index_fail", "core::option::expect_failed", "core::option::unwrap_failed", "core::result::unwrap_failed", "alloc::alloc::handle_alloc_error", "alloc::raw_vec::handle_error")
ARGUMENTS = (RDI, RSI, RDX, RCX, R8, R9)


def executor(kernel: Kernel, regions: list[Region]) -> Executor:
    """An executor that knows panics, and the compiler's functions for memory."""
    run = Executor(kernel, regions, [])
    for function in kernel.functions:
        if function.name.startswith(ENDS):
            run.ends[function.start] = function.name
    install(run)
    return run


def arguments(state: State, *values: Value) -> None:
    """Passes arguments as the System V ABI has it."""
    for register, value in zip(ARGUMENTS, values):
        state.put(register, value)


def finish(run: Executor, state: State, outcome: Outcome, at_return: Callable[[Executor], None] | None = None) -> None:
    """Runs the function, and demands that it was really gone through."""
    error = None
    try:
        run.call(state)
        if at_return is not None:
            at_return(run)
        if not run.result.returned:
            raise ProofError("no path returns")
    except ProofError as stopped:
        error = stopped
    outcome.add(run)
    if error is not None:
        outcome.failures.append(f"{run.kernel.place(run.memory.here)}: {error}")
