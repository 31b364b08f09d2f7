"""Where the loops of a function are, by its instructions."""

from __future__ import annotations

import pyvex

from kernel import Function, Kernel


def successors(kernel: Kernel, function: Function, address: int) -> list[int]:
    """What can come after an instruction within its function. Calls come back."""
    block = kernel.instruction(address)
    targets = [s.dst.value for s in block.statements if isinstance(s, pyvex.stmt.Exit)]
    if block.jumpkind == "Ijk_Call":
        targets.append(address + block.size)
    elif block.jumpkind == "Ijk_Boring":
        targets.append(next_of(block))
    return [t for t in targets if t is not None and function.start <= t < function.end]


def next_of(block: pyvex.IRSB) -> int | None:
    """Where an instruction goes on, if it says so: the last value put into the instruction pointer."""
    puts = [s.data for s in block.statements if isinstance(s, pyvex.stmt.Put) and s.offset == block.arch.ip_offset]
    if puts and isinstance(puts[-1], pyvex.expr.Const):
        return puts[-1].con.value
    return None


def loops(kernel: Kernel, function: Function) -> dict[int, frozenset[int]]:
    """The instructions of each loop, by its head."""
    following: dict[int, list[int]] = {}
    heads: dict[int, set[int]] = {}
    on_path: set[int] = set()
    stack: list[tuple[int, list[int]]] = []

    def enter(address: int) -> None:
        following[address] = successors(kernel, function, address)
        on_path.add(address)
        stack.append((address, list(following[address])))

    enter(function.start)
    while stack:
        address, rest = stack[-1]
        if not rest:
            on_path.discard(stack.pop()[0])
            continue
        target = rest.pop()
        if target in on_path:
            heads.setdefault(target, set()).add(address)
        elif target not in following:
            enter(target)
    return {head: body(head, sources, following) for head, sources in heads.items()}


def body(head: int, sources: set[int], following: dict[int, list[int]]) -> frozenset[int]:
    """What reaches the ends of a loop without passing its head."""
    before: dict[int, set[int]] = {}
    for address, targets in following.items():
        for target in targets:
            before.setdefault(target, set()).add(address)
    inside, work = {head}, list(sources)
    while work:
        address = work.pop()
        if address not in inside:
            inside.add(address)
            work.extend(before.get(address, ()))
    return frozenset(inside)
