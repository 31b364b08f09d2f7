"""A claim about the drivers' answer that nothing in their card receives."""

from __future__ import annotations

from typing import Callable

import z3

from card import E1000E, IGB, REGISTERS_BYTES, Card, enter, stack
from claim import Claim, Outcome
from claims_transmit import OUTSIDE
from executor import Executor
from kernel import Kernel, ProofError
from operations import Value, resize
from regions import Access, Region
from runs import arguments, executor, finish
from state import State

RESULT_BYTES = 32
# Of `Result<(), ReceivePath>`, as this compiler lays it out: no variant of the error has this number.
OK = 6
# What was seen of the card is kept with what is in memory, under a name that is no region's, so that loops keep it or prove how it changes.
SEEN = "seen of the card"
RECEIVE_CONTROL, MANAGEMENT_CONTROL, QUEUES_READ, NEXT_QUEUE, QUEUES_ON, SELECTED = range(0, 48, 8)
NEVER = (1 << 64) - 1

# Registers of the 82574 and the igb cards, and the bits that let them receive.
RCTL, RECEIVE_ENABLE = 0x0100, 1 << 1
MANC, MANAGEMENT_RECEIVES = 0x5820, 1 << 17
RXDCTL, QUEUE_STRIDE, QUEUE_ENABLE = 0xC028, 0x40, 1 << 25
# All 16 places of RXDCTL.
QUEUE_PLACES = 0x3C0
# Where the igb driver's object has its number of receive queues.
RECEIVE_QUEUES = 0x30
# Registers of virtio, in the common window: which queue is meant, and whether it is on. The receive queue is number 0.
QUEUE_SELECT, QUEUE_ON = 0x16, 0x1C
VIRTIO_BYTES, VIRTIO_WINDOW_BYTES = 0xF0, 0x1000

Conditions = list[tuple[str, z3.BoolRef]]


def seen(state: State, what: int) -> Value:
    """What was last seen of something."""
    return state.load(SEEN, what, 64)


def note(state: State, what: int, value: Value) -> None:
    """Remembers what was seen."""
    state.store(SEEN, what, z3.simplify(value))


def begin(state: State) -> None:
    """Nothing was seen yet: all ones is what no register that is off reads."""
    for what in (RECEIVE_CONTROL, MANAGEMENT_CONTROL, SELECTED):
        note(state, what, z3.BitVecVal(NEVER, 64))
    for what in (QUEUES_READ, NEXT_QUEUE, QUEUES_ON):
        note(state, what, z3.BitVecVal(0, 64))


def watch_intel(state: State, access: Access) -> None:
    """Remembers what was last read of RCTL and MANC."""
    value = resize(access.value, 64)
    for register, what in ((RCTL, RECEIVE_CONTROL), (MANC, MANAGEMENT_CONTROL)):
        note(state, what, z3.If(access.offset == register, value, seen(state, what)))


def watch_queues(queues: Value) -> Callable[[State, Access], None]:
    """Counts the receive queues whose control was read in order, and remembers whether one of them was on."""

    def watch(state: State, access: Access) -> None:
        watch_intel(state, access)
        count, place = seen(state, QUEUES_READ), seen(state, NEXT_QUEUE)
        wanted = [RXDCTL | (at & QUEUE_PLACES) for at in (place, count * QUEUE_STRIDE)]
        is_next = z3.And(z3.Or(*(access.offset == at for at in wanted)), z3.ULT(count, queues))
        note(state, QUEUES_READ, z3.If(is_next, count + 1, count))
        note(state, NEXT_QUEUE, z3.If(is_next, place + QUEUE_STRIDE, place))
        on = resize(access.value, 64) & QUEUE_ENABLE
        note(state, QUEUES_ON, z3.If(is_next, seen(state, QUEUES_ON) | on, seen(state, QUEUES_ON)))

    return watch


def watch_select(state: State, access: Access) -> Conditions:
    """Remembers which queue was selected."""
    selects = access.offset == QUEUE_SELECT
    note(state, SELECTED, z3.If(selects, resize(access.value, 64), seen(state, SELECTED)))
    return []


def watch_virtio(state: State, access: Access) -> None:
    """Remembers what was last read of the receive queue."""
    is_of_receiver = z3.And(access.offset == QUEUE_ON, seen(state, SELECTED) == 0)
    note(state, RECEIVE_CONTROL, z3.If(is_of_receiver, resize(access.value, 64), seen(state, RECEIVE_CONTROL)))


def intel_is_off(state: State) -> Conditions:
    """What the registers of both Intel families must have said."""
    return [
        ("RCTL was not read with its enable bit 0", seen(state, RECEIVE_CONTROL) & RECEIVE_ENABLE == 0),
        ("MANC was not read with its receive bit 0", seen(state, MANAGEMENT_CONTROL) & MANAGEMENT_RECEIVES == 0),
    ]


def answers_truly(run: Executor, result: Region, is_off: Callable[[State], Conditions]) -> None:
    """At each return: "off" only if the registers said so; and it is the answer if every register reads 0, so that it is this answer."""
    answers_off = False
    for state in run.result.returned:
        answer = state.load(result.name, 0, 32)
        silent = [z3.BitVec(name, size) == 0 for name, size in read_of_card([*state.path, answer])]
        if run.solver.can(state.path, z3.And(*silent)):
            run.check(state, "P09: every register reads 0, and the answer is not that the receiver is off", z3.Implies(z3.And(*silent), answer == OK))
        if not run.solver.can(state.path, answer == OK):
            continue
        answers_off = True
        for what, condition in is_off(state):
            run.check(state, f"P09: the answer is that the receiver is off, and {what}", z3.Implies(answer == OK, condition))
    if not answers_off:
        raise ProofError("P09: no path answers that the receiver is off")


def read_of_card(terms: list[z3.ExprRef]) -> set[tuple[str, int]]:
    """The values that were read from the card and that conditions or an answer depend on: name and bits."""
    found: set[tuple[str, int]] = set()
    work = list(terms)
    while work:
        term = work.pop()
        work.extend(term.children())
        if z3.is_bv(term) and z3.is_const(term) and term.decl().name().startswith("read from registers of the card"):
            found.add((term.decl().name(), term.size()))
    return found


def run_intel(kernel: Kernel, outcome: Outcome, path: str) -> None:
    """The driver of the 82574 or of the igb cards, between two frames."""
    layout = {"e1000e": E1000E, "igb": IGB}[path]
    own, area = Card.of(layout, None, None), stack()
    queues = z3.BitVec("receive queues", 64)
    own.registers.observer = watch_intel if layout is E1000E else watch_queues(queues)
    result = Region("result", RESULT_BYTES, alignment=8, tracked=True)
    run = executor(kernel, [*own.regions, result, area])
    state = State(kernel.named(f"{OUTSIDE.format(path)}::check_receive_off").start)
    enter(state, area)
    state.path += own.place(state)
    if layout is IGB:
        state.store(own.driver.name, RECEIVE_QUEUES, queues)
    begin(state)
    arguments(state, result.base, own.driver.base)

    def is_off(at_return: State) -> Conditions:
        if layout is E1000E:
            return intel_is_off(at_return)
        return [
            *intel_is_off(at_return),
            ("not every RXDCTL was read", seen(at_return, QUEUES_READ) == queues),
            ("an RXDCTL was read with its enable bit 1", seen(at_return, QUEUES_ON) == 0),
        ]

    finish(run, state, outcome, lambda done: answers_truly(done, result, is_off))


def run_virtio(kernel: Kernel, outcome: Outcome) -> None:
    """The driver of the virtio cards."""
    registers = Region("registers of the card", VIRTIO_WINDOW_BYTES, alignment=4, policy=watch_select, observer=watch_virtio)
    driver = Region("driver", VIRTIO_BYTES, alignment=8, tracked=True)
    result, area = Region("result", RESULT_BYTES, alignment=8, tracked=True), stack()
    run = executor(kernel, [registers, driver, result, area])
    state = State(kernel.named(f"{OUTSIDE.format('virtio')}::check_receive_off").start)
    enter(state, area)
    state.store(driver.name, 0, registers.base)
    state.store(driver.name, 8, registers.bytes)
    begin(state)
    arguments(state, result.base, driver.base)

    def is_off(at_return: State) -> Conditions:
        return [("the receive queue was not read as off", seen(at_return, RECEIVE_CONTROL) == 0)]

    finish(run, state, outcome, lambda done: answers_truly(done, result, is_off))


def of_all(kernel: Kernel, outcome: Outcome) -> None:
    """P09."""
    for path in ("e1000e", "igb"):
        run_intel(kernel, outcome, path)
    run_virtio(kernel, outcome)


CLAIMS = [
    Claim(
        "P09",
        "The drivers of the 82574, of the igb cards and of virtio-net answer that the receiver is off only if it was so when they asked: RCTL was read with its enable bit 0 and "
        "MANC with its receive bit 0; of the igb cards also RXDCTL of each of the receive queues in turn, with its enable bit 0; of virtio-net the receive queue was selected and read as not enabled",
        (
            "The driver's fields are as its start leaves them; the igb driver's number of receive queues is that of the card, which its start takes from the card's model",
            f"The answer that the receiver is off is the number {OK}, as this compiler lays it out: the claim fails if every register reads 0 and the answer is another",
            "What the callers do with the answer is not part of the claim",
        ),
        of_all,
    ),
]
