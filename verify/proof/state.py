"""What is known at one point of one path: registers, memory, and what had to be true to get there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import z3

from operations import Value

Cells = dict[int, tuple[Value, int]]
_numbers = itertools.count()


def unknown(name: str, bits: int) -> Value:
    """A value that nothing is known of."""
    return z3.BitVec(f"{name} #{next(_numbers)}", bits)


class PathEnd(Exception):
    """The path goes no further."""


@dataclass
class State:
    """One path, up to now. `cells` holds, by region and offset, which byte of which value is there."""

    address: int
    registers: dict[int, Value] = field(default_factory=dict)
    cells: dict[str, Cells] = field(default_factory=dict)
    path: list[z3.BoolRef] = field(default_factory=list)
    # Return addresses of the calls that are not over.
    frames: tuple[int, ...] = ()
    # Loops that were cut on this path.
    cut: dict[tuple[tuple[int, ...], int], "object"] = field(default_factory=dict)
    # What a claim wants to remember; forgotten at the head of every loop.
    ghost: dict[str, object] = field(default_factory=dict)
    # Regions that the path was given.
    given: tuple[str, ...] = ()

    def fork(self) -> "State":
        """Another path that begins like this one."""
        return State(
            self.address,
            dict(self.registers),
            {name: dict(cells) for name, cells in self.cells.items()},
            list(self.path),
            self.frames,
            dict(self.cut),
            dict(self.ghost),
            self.given,
        )

    def put(self, offset: int, value: Value) -> None:
        """Writes a register, or a part of one, by VEX's offset."""
        slot, shift = offset & ~7, 8 * (offset & 7)
        if value.size() == 64 and shift == 0:
            self.registers[slot] = value
            return
        old, end = self.get(slot, 64), shift + value.size()
        parts = [z3.Extract(63, end, old)] if end < 64 else []
        parts += [value] + ([z3.Extract(shift - 1, 0, old)] if shift else [])
        self.registers[slot] = z3.simplify(z3.Concat(*parts))

    def get(self, offset: int, bits: int) -> Value:
        """Reads a register, or a part of one."""
        slot, shift = offset & ~7, 8 * (offset & 7)
        if slot not in self.registers:
            self.registers[slot] = unknown(f"register {slot}", 64)
        value = self.registers[slot]
        return value if (bits, shift) == (64, 0) else z3.simplify(z3.Extract(shift + bits - 1, shift, value))

    def store(self, region: str, offset: int, value: Value) -> None:
        """Remembers a value at a known offset."""
        cells = self.cells.setdefault(region, {})
        for byte in range(value.size() // 8):
            cells[offset + byte] = (value, byte)

    def load(self, region: str, offset: int, bits: int) -> Value:
        """What is at a known offset; what was never stored is unknown, and stays the same."""
        cells = self.cells.setdefault(region, {})
        wanted = range(bits // 8)
        for byte in wanted:
            if offset + byte not in cells and all(offset + b not in cells for b in wanted):
                self.store(region, offset, unknown(f"{region}[{offset:#x}]", bits))
            elif offset + byte not in cells:
                self.store(region, offset + byte, unknown(f"{region}[{offset + byte:#x}]", 8))
        first = cells[offset][0]
        if first.size() == bits and all(cells[offset + b][0] is first and cells[offset + b][1] == b for b in wanted):
            return first
        bytes_ = [z3.Extract(8 * k + 7, 8 * k, value) for value, k in (cells[offset + b] for b in reversed(wanted))]
        return z3.simplify(z3.Concat(*bytes_) if len(bytes_) > 1 else bytes_[0])

    def forget(self, region: str, first: int, end: int) -> None:
        """Makes bytes of a region unknown."""
        cells = self.cells.get(region, {})
        for offset in [o for o in cells if first <= o < end]:
            del cells[offset]
