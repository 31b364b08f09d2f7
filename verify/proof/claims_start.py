"""Claims about how the driver of the 82574 takes the card over: what it writes to the card, and when the card may use memory."""

from __future__ import annotations

from functools import lru_cache

import z3

import card
from card import enter, stack
from claim import Claim, Outcome, share
from executor import DIRECTION, GS, Executor
from kernel import Kernel, ProofError
from machine import Ports, believe
from operations import Value
from regions import Access, Region
from runs import arguments, executor, finish
from state import State

START = "noreturn_nic::e1000e::outside::start::<noreturn_kernel::machine::Machine>"
RESULT_BYTES = 0xA0
# Where the driver's object lies in the result.
DRIVER = 0x10
FUNCTION_BYTES = 8
MACHINE_BYTES = 256
RECEIVE_CONTROL = 0x0100
RECEIVE_ENABLE = 1 << 1
# CTRL, CTRL_EXT, IMC, TCTL, TIPG, TDBAL, TDBAH, TDLEN, TDH, TDT, TXDCTL, TARC0, WUC, WUFC, GCR, GCR2: the driver's `TransmitRegister`.
WRITTEN = (
    0x0000, 0x0018, 0x00D8, 0x0400, 0x0410, 0x3800, 0x3804, 0x3808, 0x3810, 0x3818, 0x3828, 0x3840, 0x5800, 0x5808, 0x5B00, 0x5B64,
)  # fmt: skip
# RCTL; the receive rings with their controls (rule V022 of diode-verify); checksums, filters and addresses of what is received.
RECEIVING = (range(0x100, 0x104), range(0x2160, 0x2180), range(0x2800, 0x2C00), range(0x5000, 0x5800))
COMMAND = 0x04
BASE_ADDRESSES = range(0x10, 0x28)
BUS_MASTER = 1 << 2
OK = 0
# Where the driver keeps a region, its name, and its bytes.
FIELDS = (
    (card.REGISTERS, "registers of the card", card.REGISTERS_BYTES),
    (card.E1000E.descriptors, "DMA memory of 4096 bytes", card.RING_ENTRIES * card.DESCRIPTOR_BYTES),
    (card.E1000E.buffers, "DMA memory of 524288 bytes", card.RING_ENTRIES * card.BUFFER_BYTES),
)
Conditions = list[tuple[str, z3.BoolRef]]

assert not any(register in receiving for register in WRITTEN for receiving in RECEIVING)


def only_to_send(state: State, access: Access) -> Conditions:
    """Of the card's registers only those of which sending has need; after a write nothing is known of the receiver."""
    state.ghost.pop("RCTL", None)
    allowed = z3.Or(*(access.offset == register for register in WRITTEN))
    return [("P04: a register is written that sending has no need of", z3.And(allowed, access.width == 4))]


def remember_receive_control(state: State, access: Access) -> None:
    """Remembers what was last read of RCTL."""
    if access.offset.eq(z3.BitVecVal(RECEIVE_CONTROL, 64)):
        state.ghost["RCTL"] = access.value


def only_when_silent(state: State, ports: Ports, value: Value) -> Conditions:
    """PCI configuration: base addresses, and the command, in which bus mastering is switched on only when RCTL was last read as off."""
    register = ports.selected & 0xFC
    is_base = z3.And(z3.UGE(register, BASE_ADDRESSES.start), z3.ULT(register, BASE_ADDRESSES.stop))
    stays = ports.read is not None and ports.read_from.eq(ports.selected)
    was_on = ports.read & BUS_MASTER != 0 if stays else z3.BoolVal(False)
    receive_control = state.ghost.get("RCTL")
    is_off = z3.BoolVal(False) if receive_control is None else receive_control & RECEIVE_ENABLE == 0
    return [
        ("P05: a register of the PCI configuration is written that is neither command nor base address", z3.Or(register == COMMAND, is_base)),
        (
            "P05: bus mastering is switched on, and the receiver was not seen to be off since the last write to the card",
            z3.Or(register != COMMAND, value & BUS_MASTER == 0, was_on, is_off),
        ),
    ]


@lru_cache(maxsize=1)
def run_start(kernel: Kernel) -> Outcome:
    """Runs the driver's start once, on any card and any firmware, for all claims about it."""
    registers = Region("registers of the card", card.REGISTERS_BYTES, alignment=4, policy=only_to_send, observer=remember_receive_control)
    result = Region("result", RESULT_BYTES, alignment=8, tracked=True)
    machine = Region("machine", MACHINE_BYTES, alignment=8)
    function = Region("PCI function", FUNCTION_BYTES, alignment=2, policy=lambda state, access: [("the PCI function is written", z3.BoolVal(False))])
    core, kernel_stack = Region("processor's own data", 4096, alignment=8, tracked=True), Region("kernel's stack", 4096, alignment=16, tracked=True)
    area = stack()
    run = executor(kernel, [registers, result, machine, function, area, core, kernel_stack])
    believe(run, registers, only_when_silent)
    state = State(kernel.named(START).start)
    enter(state, area)
    state.put(DIRECTION, z3.BitVecVal(1, 64))
    state.put(GS, core.base)
    # Where Hermit keeps the stack of its own calls: a task's data, behind a pointer in the processor's.
    state.store(core.name, 8, core.base)
    state.store(core.name, 0x20, kernel_stack.base + kernel_stack.size)
    arguments(state, result.base, machine.base, function.base)
    outcome = Outcome()
    finish(run, state, outcome, as_claimed)
    return outcome


def as_claimed(run: Executor) -> None:
    """At the returns: some path has started the card, some has switched bus mastering on, and the driver's fields are as assumed."""
    if not any(state.ghost.get("mastered") for state in run.result.returned):
        raise ProofError("P05: no path was seen that switches bus mastering on")
    started = [s for s in run.result.returned if run.solver.can(s.path, s.load("result", 0, 64) == OK)]
    if not started:
        raise ProofError("P06: no path was seen on which the card is started")
    regions = {r.name: r for r in run.memory.regions}
    for state in started:
        for field, region, size in FIELDS:
            if region not in regions:
                raise ProofError(f"P06: nobody asked for {region}")
            run.check(state, f"P06: the driver holds another address of {region}", state.load("result", DRIVER + field, 64) == regions[region].base)
            run.check(state, f"P06: the driver holds another length of {region}", state.load("result", DRIVER + field + 8, 64) == size)
        for field, what in ((card.E1000E.next, "next"), (card.E1000E.oldest, "oldest")):
            run.check(state, f"P06: `{what}` is not 0", state.load("result", DRIVER + field, 64) == 0)


def of_the_run(kernel: Kernel, outcome: Outcome) -> None:
    """P04, P05 and P06."""
    share(outcome, run_start(kernel), "P04")


def run_with_registers(kernel: Kernel, name: str, outcome: Outcome) -> None:
    """Runs a function that is handed a card's registers, under the rule of P04: for functions that are planted."""
    registers, area = Region("registers of the card", card.REGISTERS_BYTES, alignment=4, policy=only_to_send), stack()
    run = executor(kernel, [registers, area])
    state = State(kernel.named(name).start)
    enter(state, area)
    arguments(state, registers.base, registers.bytes)
    finish(run, state, outcome)


BELIEVED = (
    "Believed, and not run: Windows::map_registers (gives a mapping of the bytes asked for, or none), buffers::allocate (gives the memory asked for, or an error), "
    "CardList::find (lists cards for the message about a wrong card; it only reads), clock::counter_us and usleep (give a time, wait); none of them touches the card or its PCI configuration, nor what the driver holds",
    "What is read from the card and from its PCI configuration can be anything, each time anew",
    "cli, sti and changing to Hermit's stack for its calls do nothing to the driver; the result has 160 bytes",
)
CLAIMS = [
    Claim(
        "P04",
        "Taking the card over, whatever it and its firmware answer, writes no register but the 16 that sending needs, 32 bits each; RCTL (0x100), the receive rings "
        "(0x2800 to 0x2BFF), and the registers of receive filters (0x5000 to 0x57FF) are not among them",
        BELIEVED,
        of_the_run,
    ),
    Claim(
        "P05",
        "Taking the card over switches bus mastering on only on paths on which RCTL was read with its enable bit 0 after the last write to any register of the card, "
        "and writes nothing else of the PCI configuration but base addresses",
        (*BELIEVED, "A bit of bus mastering that was just read as on may be written back as on: the size of a base address is probed so. Before, the kernel has switched it off (`Function::silence`), which is not part of this claim"),
        of_the_run,
    ),
    Claim(
        "P06",
        "When the card was taken over, the driver's fields are those that P01 to P03 assume: addresses and lengths of registers, descriptors and buffers; both places in the ring are 0",
        BELIEVED,
        of_the_run,
    ),
]
