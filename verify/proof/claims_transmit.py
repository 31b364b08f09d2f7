"""Claims about the driver of the 82574 while it runs: sending a frame, and everything else that can be asked of it."""

from __future__ import annotations

from functools import lru_cache

import z3

from card import BUFFER_BYTES, COUNTERS, DESCRIPTOR_BYTES, E1000E, IGB, RING_ENTRIES, Card, Layout, enter, stack, within
from claim import Claim, Outcome, share
from executor import Executor
from kernel import Kernel
from operations import resize
from regions import Access, Policy, Region
from runs import arguments, executor, finish
from state import State

OUTSIDE = "<noreturn_nic::{}::transmit::Transmitter<noreturn_nic::memory::MmioRegion> as noreturn_nic::transmit::TransmitOnly>"
RESULT_BYTES = 32
# CTRL, and its bits RFCE and TFCE: PAUSE frames are heard, and sent.
CONTROL = 0x0000
PAUSE = 1 << 27 | 1 << 28
ENTRY_NEXT = z3.BitVec("next", 64)
Conditions = list[tuple[str, z3.BoolRef]]


def only_the_slot(state: State, access: Access) -> Conditions:
    """Of the frame's buffers only that of the slot whose turn it is."""
    slot = access.offset - ENTRY_NEXT * BUFFER_BYTES
    return [("P01: a store to the buffer of another frame", z3.And(z3.ULT(slot, BUFFER_BYTES), z3.ULE(slot + access.width, BUFFER_BYTES)))]


def only_the_descriptor(state: State, access: Access) -> Conditions:
    """Of the descriptors only that of the slot whose turn it is."""
    part = access.offset - ENTRY_NEXT * DESCRIPTOR_BYTES
    return [("P01: a store to the descriptor of another frame", z3.And(z3.ULT(part, DESCRIPTOR_BYTES), z3.ULE(part + access.width, DESCRIPTOR_BYTES)))]


def only_counters_and_places(layout: Layout) -> Policy:
    """Of the driver's own fields only its counters and its two places in the ring."""

    def judge(state: State, access: Access) -> Conditions:
        allowed = [within(access, COUNTERS.start, COUNTERS.stop), within(access, layout.next, layout.oldest + 8)]
        return [("P01: a store to a field that must not change", z3.Or(*allowed))]

    return judge


def only_the_tail(layout: Layout) -> Policy:
    """Of the card's registers only the ring's tail, and to that only a place in the ring."""

    def judge(state: State, access: Access) -> Conditions:
        value = resize(access.value, 64)
        return [
            ("P02: a register other than the ring's tail is written", z3.And(access.offset == layout.tail, access.width == 4)),
            ("P02: the tail lies beyond the ring", z3.ULT(value, RING_ENTRIES)),
        ]

    return judge


def no_frame(state: State, access: Access) -> Conditions:
    """Nothing of the frame that is sent."""
    return [("P01: the frame itself is written", z3.BoolVal(False))]


def remember_control(state: State, access: Access) -> None:
    """Remembers what was last read of CTRL."""
    if access.offset.eq(z3.BitVecVal(CONTROL, 64)):
        state.ghost["CTRL"] = access.value


def only_pause_off(state: State, access: Access) -> Conditions:
    """Of the card's registers only CTRL, and to that only what was last read of it, with both PAUSE bits off."""
    last = state.ghost.get("CTRL")
    known = last is not None and access.value.size() == last.size()
    return [
        ("P03: a register other than CTRL is written", z3.And(access.offset == CONTROL, access.width == 4)),
        ("P03: of CTRL more is changed than that PAUSE is off", access.value == last & ~PAUSE if known else z3.BoolVal(False)),
    ]


def no_register(state: State, access: Access) -> Conditions:
    """No register at all."""
    return [("P03: a register is written", z3.BoolVal(False))]


def no_field(state: State, access: Access) -> Conditions:
    """No field of the driver."""
    return [("P03: a field of the driver is written", z3.BoolVal(False))]


def only_places(layout: Layout) -> Policy:
    """Of the driver's own fields only its two places in the ring."""
    return lambda state, access: [("P03: a field of the driver is written that is no place in the ring", within(access, layout.next, layout.oldest + 8))]


def in_the_ring(layout: Layout, run: Executor, claim: str = "P02") -> None:
    """At each return, both places of the driver are in the ring again."""
    for state in run.result.returned:
        for field, what in ((layout.next, "next"), (layout.oldest, "oldest")):
            value = state.load("driver", field, 64)
            run.check(state, f"{claim}: after the call, `{what}` is beyond the ring", z3.ULT(value, RING_ENTRIES))


@lru_cache(maxsize=1)
def run_transmit(kernel: Kernel, layout: Layout) -> Outcome:
    """Runs `transmit` once, with any frame of any length, on a driver in any state between two frames."""
    own, area = Card.of(layout, only_the_tail(layout), only_counters_and_places(layout)), stack()
    own.buffers.policy, own.descriptors.policy = only_the_slot, only_the_descriptor
    frame = Region("frame", z3.BitVec("frame bytes", 64), policy=no_frame)
    run = executor(kernel, [*own.regions, frame, area])
    state = State(kernel.named(f"{OUTSIDE.format(layout.path)}::transmit").start)
    enter(state, area)
    state.path += own.place(state)
    arguments(state, own.driver.base, frame.base, frame.size)
    outcome = Outcome()
    finish(run, state, outcome, lambda done: in_the_ring(layout, done))
    return outcome


def of_the_run(kernel: Kernel, outcome: Outcome) -> None:
    """P01 and P02."""
    share(outcome, run_transmit(kernel, E1000E), "P01")


def of_igb(kernel: Kernel, outcome: Outcome) -> None:
    """P08."""
    share(outcome, run_transmit(kernel, IGB), "P08")


def asks_only(kernel: Kernel, outcome: Outcome) -> None:
    """P03."""
    may_write = {"check_receive_off": (only_pause_off, no_field), "frames_waiting": (no_register, only_places(E1000E))}
    for method in ("link_up", "station_address", "counters", "frames_waiting", "check_receive_off"):
        own, area = Card.of(E1000E, *may_write.get(method, (no_register, no_field))), stack()
        own.registers.observer = remember_control
        result = Region("result", RESULT_BYTES, alignment=4)
        run = executor(kernel, [*own.regions, result, area])
        state = State(kernel.named(f"{OUTSIDE.format(E1000E.path)}::{method}").start)
        enter(state, area)
        state.path += own.place(state)
        # What returns more than two words gets the address of its result first.
        by_address = method in ("counters", "check_receive_off")
        arguments(state, *([result.base, own.driver.base] if by_address else [own.driver.base]))
        finish(run, state, outcome, lambda done: in_the_ring(E1000E, done, "P03"))


STARTED = f"The driver's fields are as its start leaves them ({E1000E.size} bytes, layout of this compiler): P06 proves it, and that nothing else writes them is the type's"
CLAIMS = [
    Claim(
        "P01",
        "Sending a frame of any length and content writes to the stack, to the buffer and the descriptor of the slot whose turn it is, to the driver's "
        "counters and places in the ring, to the card's registers, and nowhere else",
        (STARTED, "`next` and `oldest` are below 256: P02 proves that each call keeps it"),
        of_the_run,
    ),
    Claim(
        "P02",
        "Sending a frame writes no register of the card but the ring's tail (0x3818), 32 bits, always a place in the ring; afterwards both places of the driver are in the ring",
        (STARTED,),
        of_the_run,
    ),
    Claim(
        "P03",
        "Asking for the link, the address, the counters, the frames that wait and whether the receiver is off writes no register but CTRL, and to that only what was last "
        "read of it with both PAUSE bits off, when it is asked whether the receiver is off; and no field of the driver but its places in the ring, which stay in it, when it is "
        "asked for the frames that wait",
        (STARTED,),
        asks_only,
    ),
    Claim(
        "P08",
        "P01 and P02 hold of the driver of the igb cards, too, whose ring's tail is register 0xE018",
        (
            f"The driver's fields are as its start leaves them ({IGB.size} bytes, layout of this compiler); its start is not part of the proof",
            "`next` and `oldest` are below 256 at first; this claim proves that each call keeps it",
        ),
        of_igb,
    ),
]
