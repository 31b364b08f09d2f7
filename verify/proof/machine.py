"""The machine under the driver's start: ports, time, mappings and DMA memory, as far as they are believed and not run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import z3

from executor import RCX, RDI, RDX, Executor
from kernel import ProofError
from operations import Value, resize
from regions import Region
from state import State, unknown
from summaries import give_back

PORT_ADDRESS = 0xCF8
PORT_DATA = 0xCFC
# Of `Result<DmaRegion, StartError>`, as this compiler lays it out.
OK = (1 << 63) + 9
RESULT_BYTES = 48
# Of the list of cards in the message about a wrong card. It begins with the capacity of a vector, which is below 2^63.
LIST_BYTES = 32
ALLOCATE = "noreturn_nic::buffers::allocate::<noreturn_kernel::machine::Machine>"
MAP = "<noreturn_kernel::machine::Windows as noreturn_iommu::host::Host>::map_registers"
LIST = "<noreturn_nic::error::CardList>::find::<noreturn_kernel::machine::Machine>"
READ_TIME = "noreturn_kernel::clock::counter_us"
SLEEP = "hermit::syscalls::tasks::sys_usleep::__sys_usleep"


@dataclass
class Ports:
    """What the ports of the PCI configuration were last used for."""

    selected: Value
    read: Value | None
    read_from: Value | None


# What must be true of a write to the PCI configuration.
Judge = Callable[[State, Ports, Value], list[tuple[str, z3.BoolRef]]]


def believe(run: Executor, registers: Region, judge: Judge | None) -> None:
    """Has the executor believe what the machine's functions promise, and watch its ports."""
    named = run.kernel.named
    run.summaries[named(ALLOCATE).start] = allocate
    run.summaries[named(MAP).start] = lambda r, s: map_registers(r, s, registers)
    run.summaries[named(LIST).start] = list_cards
    run.summaries[named(READ_TIME).start] = lambda r, s: give_back(r, s, unknown("time", 64))
    run.summaries[named(SLEEP).start] = lambda r, s: give_back(r, s)
    run.dirty = lambda r, s, name, values: port(r, s, name, values, judge)


def map_registers(run: Executor, state: State, registers: Region) -> list[State]:
    """Gives the mapping, or none; the mapping has as many bytes as are asked for."""
    run.memory.prove(state, "another number of bytes of registers is mapped", state.get(RDX, 64) == registers.bytes)
    refused = state.fork()
    return give_back(run, state, registers.base, registers.bytes) + give_back(run, refused, z3.BitVecVal(0, 64))


def allocate(run: Executor, state: State) -> list[State]:
    """Writes an error, or memory of as many bytes as are asked for, a power of two, to its result."""
    asked = z3.simplify(state.get(RCX, 64))
    if not z3.is_bv_value(asked) or asked.as_long() & (asked.as_long() - 1):
        raise ProofError(f"{asked} bytes of DMA memory are asked for")
    size, result = asked.as_long(), state.get(RDI, 64)
    name = f"DMA memory of {size} bytes"
    if name in state.given:
        raise ProofError(f"{name} is asked for twice, and the two cannot be told apart")
    state.given += (name,)
    if name not in {r.name for r in run.memory.regions}:
        run.memory.add(Region(name, size, alignment=4096))
    refused, memory = state.fork(), run.memory.region(name)
    for offset, value in ((8, memory.base), (16, memory.bytes), (24, unknown(f"physical {name}", 64))):
        run.memory.store(state, result + offset, value)
    run.memory.store(state, result, z3.BitVecVal(OK, 64))
    kind = unknown("error", 64)
    for offset in range(0, RESULT_BYTES, 8):
        run.memory.store(refused, result + offset, unknown("error", 64))
    run.memory.store(refused, result, kind)
    refused.path.append(kind != OK)
    return give_back(run, state) + give_back(run, refused)


def list_cards(run: Executor, state: State) -> list[State]:
    """Writes a list to its result, and selects registers of the PCI configuration to read them."""
    result, capacity = state.get(RDI, 64), unknown("list", 64)
    state.path.append(z3.ULT(capacity, 1 << 63))
    for offset in range(0, LIST_BYTES, 8):
        run.memory.store(state, result + offset, unknown("list", 64) if offset else capacity)
    state.ghost.pop("ports", None)
    return give_back(run, state)


def port(run: Executor, state: State, helper: str, values: list[Value], judge: Judge | None) -> Value | None:
    """IN and OUT, of the two ports of the PCI configuration only."""
    values = [z3.simplify(v) for v in values]
    number = resize(values[0], 16)
    number = z3.simplify(number).as_long() if z3.is_bv_value(z3.simplify(number)) else None
    ports = state.ghost.get("ports") or Ports(unknown("selected", 32), None, None)
    if helper == "amd64g_dirtyhelper_IN" and number == PORT_DATA:
        answer = unknown("PCI configuration", 64)
        state.ghost["ports"] = Ports(ports.selected, resize(answer, 32), ports.selected)
        return answer
    size = values[-1]
    if helper != "amd64g_dirtyhelper_OUT" or number not in (PORT_ADDRESS, PORT_DATA) or not size.eq(z3.BitVecVal(4, size.size())):
        raise ProofError(f"{helper} of port {values[0]} at {run.kernel.place(state.address)}")
    value = resize(values[1], 32)
    if number == PORT_ADDRESS:
        state.ghost["ports"] = Ports(z3.simplify(value), ports.read, ports.read_from)
    elif judge is not None and not run.memory.quiet:
        for what, condition in judge(state, ports, value):
            run.memory.prove(state, what, condition)
        if run.solver.can(state.path, ports.selected & 0xFC == 4, value & 4 != 0):
            state.ghost["mastered"] = True
    return None
