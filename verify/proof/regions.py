"""Memory as the proof sees it: a few regions that do not overlap, each with a base address that nobody knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

import z3

from operations import Value

if TYPE_CHECKING:
    from state import State

ADDRESS_BITS = 64


@dataclass(frozen=True)
class Access:
    """One store, or load, of a region."""

    region: "Region"
    offset: Value
    width: int
    value: Value | None = None


# What must be true of a store besides that it is in bounds: in words, and as a condition.
Policy = Callable[["State", Access], list[tuple[str, z3.BoolRef]]]


@dataclass
class Region:
    """A piece of memory, `size` bytes from `base`. It never wraps around the end of addresses, and overlaps no other."""

    name: str
    size: Value | int
    alignment: int = 1
    # What is stored is remembered; else each load gives an unknown value.
    tracked: bool = False
    policy: Policy | None = None
    # Learns of each load of what is not tracked.
    observer: Callable[["State", Access], None] | None = None
    base: Value = field(init=False)

    def __post_init__(self) -> None:
        self.base = z3.BitVec(f"base of {self.name}", ADDRESS_BITS)

    @property
    def bytes(self) -> Value:
        """Its size as a bit vector."""
        return z3.BitVecVal(self.size, ADDRESS_BITS) if isinstance(self.size, int) else self.size

    def axioms(self) -> list[z3.BoolRef]:
        """Aligned, not at 0, without wrapping."""
        axioms = [self.base != 0, z3.ULE(self.base, self.base + self.bytes)]
        if self.alignment > 1:
            axioms.append(self.base & (self.alignment - 1) == 0)
        return axioms

    def holds(self, offset: Value, width: int | Value) -> z3.BoolRef:
        """Whether an access lies within it."""
        width = z3.BitVecVal(width, ADDRESS_BITS) if isinstance(width, int) else width
        return z3.And(z3.ULE(width, self.bytes), z3.ULE(offset, self.bytes - width))

    def assumption(self) -> str:
        """What is taken for granted of it, in words."""
        size = f"{self.size} bytes" if isinstance(self.size, int) else f"{self.size} bytes (unknown)"
        return f"{self.name}: {size}, aligned to {self.alignment}, apart from every other region"


def variables(expression: z3.ExprRef, cache: dict[int, frozenset[str]] = {}, keep: list[z3.ExprRef] = []) -> frozenset[str]:
    """Names of the unknowns in an expression. Remembered by the expression's number, so expressions are kept alive."""
    stack = [expression]
    while stack:
        top = stack[-1]
        if top.get_id() in cache:
            stack.pop()
            continue
        children = top.children()
        missing = [child for child in children if child.get_id() not in cache]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        own = frozenset([top.decl().name()]) if z3.is_const(top) and top.decl().kind() == z3.Z3_OP_UNINTERPRETED else frozenset()
        cache[top.get_id()] = own.union(*(cache[child.get_id()] for child in children))
        keep.append(top)
    return cache[expression.get_id()]
