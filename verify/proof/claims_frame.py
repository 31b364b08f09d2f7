"""A claim about building a frame."""

from __future__ import annotations

import z3

from card import enter, stack
from claim import Claim, Outcome
from kernel import Kernel
from regions import Access, Region
from runs import arguments, executor, finish
from state import State

EMIT = "<noreturn_nic::frame::UdpFrame>::emit"
ADDRESSES_BYTES = 24
RESULT_BYTES = 24
PAYLOAD_BYTES_MAX = 1472
BUFFER_BYTES = 1514


def never(state: State, access: Access) -> list[tuple[str, z3.BoolRef]]:
    """No store."""
    return [("a store to what is only read", z3.BoolVal(False))]


def emits_inside(kernel: Kernel, outcome: Outcome) -> None:
    """P07."""
    bytes_ = z3.BitVec("payload bytes", 64)
    payload = Region("payload", bytes_, policy=never)
    addresses = Region("addresses", ADDRESSES_BYTES, alignment=2, policy=never)
    buffer, result, area = Region("buffer", BUFFER_BYTES), Region("result", RESULT_BYTES, alignment=8), stack()
    run = executor(kernel, [payload, addresses, buffer, result, area])
    state = State(kernel.named(EMIT).start)
    enter(state, area)
    state.path.append(z3.ULE(bytes_, PAYLOAD_BYTES_MAX))
    # The compiler passes no length of the buffer: each caller's is 1514 bytes.
    arguments(state, result.base, addresses.base, payload.base, bytes_, buffer.base)
    finish(run, state, outcome)


CLAIMS = [
    Claim(
        "P07",
        "Building a frame around any payload of up to 1472 bytes writes only inside its buffer of 1514 bytes, to its result and to the stack",
        (
            "The payload has at most 1472 bytes and the buffer has 1514: `UdpFrame::emit` checks both, and the compiler, which sees the only caller, has taken the "
            "checks out as never true. The caller is not part of the proof; should a compiler keep the checks, the claim has other arguments and fails",
        ),
        emits_inside,
    ),
]
