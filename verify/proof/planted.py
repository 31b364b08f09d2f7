"""Faults made on purpose: copies of the kernel with changed bytes, of which a named claim must fail with a counterexample."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Callable

import memory
from claim import Claim, Outcome
from claims_start import run_with_registers
from kernel import Function, Kernel, ProofError
from report import attempt, wrap

NIC = "noreturn_nic::"
MMIO = f"{NIC}memory::MmioRegion"
PREPARE = f"<{NIC}e1000e::transmit::Transmitter<{MMIO}>>::prepare"
DRIVER = f"<{NIC}e1000e::transmit::Transmitter<{MMIO}> as {NIC}transmit::TransmitOnly>"
IGB_DRIVER = f"<{NIC}igb::transmit::Transmitter<{MMIO}> as {NIC}transmit::TransmitOnly>"
RING_PUSH = f"<{NIC}intel::transmit::TransmitRing>::push"
REGISTERS = f"<{MMIO} as {NIC}registers::Registers>"
MACHINE = "noreturn_kernel::machine::Machine"
ARM_RECEIVER = f"noreturn_kernel_planted::planted::absent::arm_receiver::<{MMIO}>"
# Claims that say what others say, of another driver.
SAME = {"P08": ("P01", "P02")}
NO_OPERATION = bytes.fromhex("0f1f00")


class Patch:
    """A copy of a kernel's bytes that gets changed."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.data = kernel, bytearray(kernel.data)

    def replace(self, name: str, old: bytes, new: bytes) -> None:
        """Replaces bytes within a function, which must be there once: else it is not known which of them is changed."""
        function = self.kernel.named(name)
        start = self.kernel.offset(function.start, function.size)
        code = bytes(self.data[start : start + function.size])
        places = [place for place in range(len(code)) if code.startswith(old, place)]
        if len(old) != len(new) or len(places) != 1:
            raise ProofError(f"{name} has {old.hex()} {len(places)} times, and not once, to change to {new.hex()}")
        at = start + places[0]
        self.data[at : at + len(new)] = new

    def constant(self, name: str, old: int, new: int) -> None:
        """Replaces a constant of 32 bits."""
        self.replace(name, old.to_bytes(4, "little"), new.to_bytes(4, "little"))

    def call(self, name: str, old: str, new: str) -> None:
        """Has a function call another one."""
        function, before, after = self.kernel.named(name), self.kernel.named(old), self.kernel.named(new)
        changed = 0
        for address in range(function.start, function.end - 4):
            relative = (before.start - address - 5).to_bytes(4, "little", signed=True)
            at = self.kernel.offset(address, 5)
            if self.data[at : at + 5] == b"\xe8" + relative:
                self.data[at + 1 : at + 5] = (after.start - address - 5).to_bytes(4, "little", signed=True)
                changed += 1
        if not changed:
            raise ProofError(f"{name} does not call {old}")


def tail_becomes_receive_control(patch: Patch) -> None:
    """The tail is written to RCTL."""
    patch.constant(f"{DRIVER}::transmit", 0x3818, 0x0100)


def frames_of_any_length(patch: Patch) -> None:
    """Both checks of a frame's length let 65,000 bytes pass."""
    patch.constant(f"{DRIVER}::transmit", 0x5DC, 0xFFF0)
    patch.constant(RING_PUSH, 0x801, 0x1_0001)


def ring_without_end(patch: Patch) -> None:
    """What follows place 255 of the ring is 256: `movzbl %al,%eax` becomes nothing, behind `inc %eax` and behind `lea 0x1(%r12),%eax`."""
    for before in (bytes.fromhex("ffc0"), bytes.fromhex("418d442401")):
        patch.replace(RING_PUSH, before + bytes.fromhex("0fb6c0"), before + NO_OPERATION)


def looking_writes(patch: Patch) -> None:
    """Asking whether the receiver is off writes the register that it should read."""
    patch.call(f"{DRIVER}::check_receive_off", f"{REGISTERS}::read32", f"{REGISTERS}::write32")


def looking_changes_more(patch: Patch) -> None:
    """Where PAUSE is switched off in CTRL, SLU (set link up) is, too."""
    patch.constant(f"{DRIVER}::check_receive_off", 0xE7FF_FFFF, 0xE7FF_FFBF)


def start_writes_receive_control(patch: Patch) -> None:
    """What should be written to TXDCTL is written to RCTL."""
    patch.constant(f"{PREPARE}::<{MACHINE}>", 0x3828, 0x0100)


def start_arms_receive_ring(patch: Patch) -> None:
    """What should be written to TDT is written to RDT: a card that is handed receive descriptors."""
    patch.constant(f"{PREPARE}::<{MACHINE}>", 0x3818, 0x2818)


def receiver_is_not_judged(patch: Patch) -> None:
    """`test %eax,%eax; je` becomes `test %eax,%eax; jmp` in front of the answer that is about RCTL, which is read, and any value of it is well."""
    patch.replace(f"{DRIVER}::check_receive_off", bytes.fromhex("85c07412c70300000000"), bytes.fromhex("85c0eb12c70300000000"))


def places_start_elsewhere(patch: Patch) -> None:
    """The ring's places start with what the register held: `xor %eax,%eax` in front of `mov %rax,0x38(%rbx)` becomes nothing."""
    patch.replace(f"<{NIC}intel::transmit::TransmitRing>::allocate::<{MACHINE}>", bytes.fromhex("31c048894338"), bytes.fromhex("669048894338"))


def payload_starts_behind(patch: Patch) -> None:
    """The payload is copied to 0x7a bytes from the buffer's start, in place of 0x2a: `lea 0x2a(%r8),%rdi`."""
    patch.replace(f"<{NIC}frame::UdpFrame>::emit", bytes.fromhex("498d782a"), bytes.fromhex("498d787a"))


def igb_tail_becomes_receive_control(patch: Patch) -> None:
    """The tail of an igb card is written to RXDCTL of its first receive queue."""
    patch.constant(f"{IGB_DRIVER}::transmit", 0xE018, 0xC028)


def igb_receiver_is_not_judged(patch: Patch) -> None:
    """The same of an igb card."""
    patch.replace(f"{IGB_DRIVER}::check_receive_off", bytes.fromhex("85c074"), bytes.fromhex("85c0eb"))


def another_bit_of_queues_is_judged(patch: Patch) -> None:
    """`bt $25,%eax`, the bit that says that a queue is on, becomes `bt $30,%eax`."""
    patch.replace(f"{IGB_DRIVER}::check_receive_off", bytes.fromhex("0fbae019"), bytes.fromhex("0fbae01e"))


def queues_are_not_read(patch: Patch) -> None:
    """`test %r12,%r12; je` becomes `test %r12,%r12; jmp`: no receive queue is looked at."""
    patch.replace(f"{IGB_DRIVER}::check_receive_off", bytes.fromhex("4d85e474"), bytes.fromhex("4d85e4eb"))


def another_queue_is_asked(patch: Patch) -> None:
    """The queue that is selected is not the receive queue: `xor %ecx,%ecx` becomes `mov $1,%cl`."""
    patch.replace(f"<{NIC}virtio::transmit_registers::TransmitRegisters<{MMIO}>>::is_receive_queue_enabled", bytes.fromhex("31c9"), bytes.fromhex("b101"))


@dataclass(frozen=True)
class Fault:
    """A change, and the claim that must fail of it."""

    id: str
    what: str
    claim: str
    make: Callable[[Patch], None]


FAULTS = [
    Fault("F01", "sending writes RCTL (0x100) in place of the tail", "P02", tail_becomes_receive_control),
    Fault("F02", "frames of 65,000 bytes are copied to a buffer of 2048", "P01", frames_of_any_length),
    Fault("F03", "the ring's places are not kept below 256", "P02", ring_without_end),
    Fault("F04", "asking whether the receiver is off writes a register", "P03", looking_writes),
    Fault("F05", "taking the card over writes RCTL in place of TXDCTL", "P04", start_writes_receive_control),
    Fault("F06", "taking the card over writes RDT (0x2818) in place of TDT", "P04", start_arms_receive_ring),
    Fault("F07", "bus mastering is switched on whatever RCTL holds", "P05", receiver_is_not_judged),
    Fault("F08", "the ring's places do not start at 0", "P06", places_start_elsewhere),
    Fault("F09", "the payload is copied behind its place in the frame", "P07", payload_starts_behind),
    Fault("F11", "sending with an igb card writes RXDCTL (0xC028), which switches a receive queue on, in place of the tail", "P08", igb_tail_becomes_receive_control),
    Fault("F12", "the receiver of an 82574 is off whatever RCTL holds", "P09", receiver_is_not_judged),
    Fault("F13", "the receiver of an igb card is off whatever RCTL holds", "P09", igb_receiver_is_not_judged),
    Fault("F14", "a receive queue of an igb card is off whatever its enable bit is", "P09", another_bit_of_queues_is_judged),
    Fault("F15", "no receive queue of an igb card is looked at", "P09", queues_are_not_read),
    Fault("F16", "a virtio card is asked for another queue than the one that receives", "P09", another_queue_is_asked),
    Fault("F17", "asking whether the receiver is off switches another bit of CTRL off than PAUSE's", "P03", looking_changes_more),
]


def show_failures(kernel: Kernel, claims: list[Claim], planted: str | None) -> list[dict[str, object]]:
    """Makes each fault for the claims that are tried; of each its id, its claim, and whether it was found."""
    memory.FAILURES_MAX = 1
    by_id = {claim.id: claim for claim in claims}
    found = [(fault.id, fault.claim, is_found(fault, by_id[fault.claim], kernel)) for fault in FAULTS if fault.claim in by_id]
    if planted is not None and "P04" in by_id:
        found.append(("F10", "P04", is_receiver_found(planted, by_id["P04"])))
    return [{"id": id_, "claim": claim, "found": is_found_} for id_, claim, is_found_ in found]


def is_found(fault: Fault, claim: Claim, kernel: Kernel) -> bool:
    """Makes a fault and prints how the claim fails; whether it does, because of an access or a value."""
    try:
        patch = Patch(kernel)
        fault.make(patch)
        changed = Kernel(kernel.path, bytes(patch.data))
    except ProofError as error:
        print(f"{fault.id} NOT MADE: {fault.what}: {error}")
        return False
    return tell(fault.id, fault.what, claim, attempt(claim, changed))


def is_receiver_found(path: str, claim: Claim) -> bool:
    """Whether the rule of P04 fails of what the planted kernel's source has: a function that gives a card a receive ring."""

    def prove(kernel: Kernel, outcome: Outcome) -> None:
        run_with_registers(kernel, ARM_RECEIVER, outcome)

    try:
        outcome = attempt(replace(claim, prove=prove), Kernel(path))
    except (OSError, ProofError) as error:
        print(f"F10 NOT MADE: {path}: {error}")
        return False
    return tell("F10", "the planted kernel's `arm_receiver`, as it was compiled, writes registers of a receive ring", claim, outcome)


def tell(id_: str, what: str, claim: Claim, outcome: Outcome) -> bool:
    """Prints how a claim fails of a fault; whether it does, because of an access or a value."""
    found = any("for example with" in failure and is_of(failure, claim) for failure in outcome.failures)
    print(wrap(f"{id_} {'found by' if found else 'NOT FOUND BY'} {claim.id}: {what} ({outcome.seconds:.1f} s)", ""))
    for failure in outcome.failures[:1]:
        for line in failure.splitlines():
            print(wrap(line.strip(), "  "))
    print(flush=True)
    return found


def is_of(failure: str, claim: Claim) -> bool:
    """Whether a failure is the claim's, or that of an access outside its region."""
    named = re.findall(r"\bP\d\d(?=: )", failure)
    return set(named) <= {claim.id, *SAME.get(claim.id, ())}
