"""Functions that are not run but believed: the compiler's own for memory. Where they write is proved at each call."""

from __future__ import annotations

import z3

from executor import RAX, RDI, RDX, RSI, RSP, SCRATCH, Executor
from operations import Value
from regions import Access, Region
from state import State, unknown

COPY_BYTES_TRACKED_MAX = 512


def give_back(run: Executor, state: State, *results: Value) -> list[State]:
    """Returns to the caller with results in rax and rdx; all that a function may change of registers is unknown."""
    for register in SCRATCH:
        state.put(register, unknown("left by a call", 64))
    for register, value in zip((RAX, RDX), results):
        state.put(register, value)
    stack = state.get(RSP, 64)
    target = z3.simplify(run.memory.load(state, stack, 64))
    state.put(RSP, z3.simplify(stack + 8))
    state.address = target.as_long()
    state.frames = state.frames[:-1]
    return [state]


def span(run: Executor, state: State, address: Value, length: Value, verb: str) -> tuple[Region, Value] | None:
    """The region of so many bytes, all of which are proved to lie in it; None for constants, and for no bytes at all."""
    place = run.memory.resolve(address)
    if place is None:
        if run.memory.quiet or run.solver.must(state.path, length == 0):
            return None
        if verb == "read" and run.memory.is_constant_span(state, address, length):
            return None
        run.memory.fail(state, f"{verb} of memory in no known region", address)
    region, offset = place
    inside = z3.Or(length == 0, region.holds(offset, length))
    if not run.memory.quiet:
        run.memory.prove(state, f"a {verb} of memory outside {region.name}", inside, Access(region, offset, 0))
    return region, offset


def written(run: Executor, state: State, address: Value, length: Value) -> tuple[Region, Value] | None:
    """Proves where a function writes, as one store of many bytes."""
    place = span(run, state, address, length, "write")
    if place is None:
        return None
    region, offset = place
    if not run.memory.quiet:
        run.memory.stores += 1
        run.memory.stored_at.add(run.memory.here)
        run.memory.stored_in[region.name] = run.memory.stored_in.get(region.name, 0) + 1
        if region.policy is not None:
            # What a claim says of a store it says of one of a few bytes, so a block passes only if there is nothing to it.
            run.memory.prove(state, f"a block is written to {region.name}", length == 0, Access(region, offset, 0))
    return place


def copy(run: Executor, state: State) -> list[State]:
    """memcpy, memmove: writes exactly rdx bytes from rdi on, reads as many from rsi on."""
    target, source, length = state.get(RDI, 64), state.get(RSI, 64), z3.simplify(state.get(RDX, 64))
    source_place = span(run, state, source, length, "read")
    place = written(run, state, target, length)
    if place is not None and place[0].tracked:
        keep_copy(run, state, place, source_place, length)
    return give_back(run, state, target)


def keep_copy(run: Executor, state: State, place: tuple[Region, Value], source: tuple[Region, Value] | None, length: Value) -> None:
    """What is known of the source is known of the copy, if it is short and both ends are known."""
    region, offset = place
    known = [z3.is_bv_value(x) for x in (offset, length)]
    bytes_ = []
    if all(known) and source is not None and source[0].tracked and z3.is_bv_value(source[1]) and length.as_long() <= COPY_BYTES_TRACKED_MAX:
        start = source[1].as_long()
        cells = state.cells.get(source[0].name, {})
        bytes_ = [(k, cells[start + k]) for k in range(length.as_long()) if start + k in cells]
    run.memory.forget(state, region, offset, length)
    for place_, cell in bytes_:
        state.cells.setdefault(region.name, {})[offset.as_long() + place_] = cell


def fill(run: Executor, state: State) -> list[State]:
    """memset: writes exactly rdx bytes from rdi on."""
    target, value, length = state.get(RDI, 64), state.get(RSI, 8), z3.simplify(state.get(RDX, 64))
    place = written(run, state, target, length)
    if place is not None and place[0].tracked:
        run.memory.forget(state, *place, length)
        if z3.is_bv_value(place[1]) and z3.is_bv_value(length):
            for byte in range(length.as_long()):
                state.store(place[0].name, place[1].as_long() + byte, value)
    return give_back(run, state, target)


def compare(run: Executor, state: State) -> list[State]:
    """memcmp, bcmp: reads, and gives some number."""
    length = z3.simplify(state.get(RDX, 64))
    for register in (RDI, RSI):
        span(run, state, state.get(register, 64), length, "read")
    return give_back(run, state, unknown("of a comparison", 64))


BELIEVED = {"memcpy": copy, "memmove": copy, "memset": fill, "memcmp": compare, "bcmp": compare}


def install(run: Executor) -> None:
    """Has the executor believe them."""
    for function in run.kernel.functions:
        if function.name in BELIEVED:
            run.summaries[function.start] = BELIEVED[function.name]
