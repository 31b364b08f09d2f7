"""The driver of the 82574 in memory, when it runs: which fields its object has, and what is behind each pointer."""

from __future__ import annotations

from dataclasses import dataclass

import z3

from operations import Value
from regions import Access, Policy, Region
from state import State

RING_ENTRIES = 256
DESCRIPTOR_BYTES = 16
BUFFER_BYTES = 2048
REGISTERS_BYTES = 0x2_0000
STACK_BYTES = 0x8000
RSP = 48

# Offsets in both drivers' `Transmitter<MmioRegion>`, as this compiler lays them out.
COUNTERS = range(0x00, 0x20)
REGISTERS = 0x20


@dataclass(frozen=True)
class Layout:
    """Where a driver's object has its transmit ring, how many bytes it has, and which register of the card is the ring's tail."""

    path: str
    ring: int
    size: int
    tail: int

    @property
    def descriptors(self) -> int:
        """The address of the descriptors; their bytes and physical address follow."""
        return self.ring

    @property
    def buffers(self) -> int:
        """The same of the buffers."""
        return self.ring + 0x18

    @property
    def next(self) -> int:
        """The place in the ring that the next frame gets."""
        return self.ring + 0x30

    @property
    def oldest(self) -> int:
        """The oldest place in the ring that the card still has."""
        return self.ring + 0x38


# Of the 82574, whose fields `P06` proves, and of the igb cards.
E1000E = Layout("e1000e", ring=0x30, size=0x80, tail=0x3818)
IGB = Layout("igb", ring=0x38, size=0x90, tail=0xE018)


def stack() -> Region:
    """What the call may use of the stack: nothing above the caller's end of it."""
    return Region("stack", STACK_BYTES, alignment=16, tracked=True)


def enter(state: State, region: Region) -> None:
    """Puts the stack's pointer where calls find it."""
    state.put(RSP, region.base + STACK_BYTES)


def word(value: int) -> Value:
    """A number of 64 bits."""
    return z3.BitVecVal(value, 64)


@dataclass
class Card:
    """Regions and fields of a card that was started."""

    layout: Layout
    registers: Region
    descriptors: Region
    buffers: Region
    driver: Region

    @staticmethod
    def of(layout: Layout, registers: Policy | None, driver: Policy | None) -> "Card":
        """A card of which stores to registers and to the driver's object are judged by these."""
        return Card(
            layout,
            Region("registers of the card", REGISTERS_BYTES, alignment=4, policy=registers),
            Region("descriptors", RING_ENTRIES * DESCRIPTOR_BYTES, alignment=4096),
            Region("buffers", RING_ENTRIES * BUFFER_BYTES, alignment=4096),
            Region("driver", layout.size, alignment=8, tracked=True, policy=driver),
        )

    @property
    def regions(self) -> list[Region]:
        """All of them."""
        return [self.registers, self.descriptors, self.buffers, self.driver]

    def fields(self) -> dict[int, Value]:
        """The fields that never change."""
        fields = {REGISTERS: self.registers.base, REGISTERS + 8: word(REGISTERS_BYTES)}
        for offset, region in ((self.layout.descriptors, self.descriptors), (self.layout.buffers, self.buffers)):
            fields |= {offset: region.base, offset + 8: region.bytes, offset + 16: z3.BitVec(f"physical {region.name}", 64)}
        return fields

    def place(self, state: State) -> list[z3.BoolRef]:
        """Puts the object's fields in memory; gives what is true of them between two frames."""
        for offset, value in self.fields().items():
            state.store(self.driver.name, offset, value)
        following, oldest = z3.BitVec("next", 64), z3.BitVec("oldest", 64)
        state.store(self.driver.name, self.layout.next, following)
        state.store(self.driver.name, self.layout.oldest, oldest)
        return [z3.ULT(following, RING_ENTRIES), z3.ULT(oldest, RING_ENTRIES)]


def within(access: Access, first: int, end: int) -> z3.BoolRef:
    """Whether a store lies between two offsets."""
    return z3.And(z3.ULE(first, access.offset), z3.ULE(access.offset + access.width, end))
